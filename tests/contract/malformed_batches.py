"""Batches with bad blocks, rows, times and strings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from contract.malformed_base import Case, any_of, batch, make

from schoolpulse.contract.reasons import Reason
from schoolpulse_agent import wire


def blocks(now_ms: int, seq: int) -> Iterator[Case]:
    def case(name: str, reason: Reason, **changes: Any) -> Case:
        nonlocal seq
        seq += 1
        message = batch(seq, now_ms=now_ms)
        message["blocks"][0] |= changes
        return make(name, message, reason)

    for name in (
        "",
        "A",
        "1a",
        "_a",
        "a-b",
        "a b",
        "a.b",
        "a,b",
        "a=b",
        "é",
        "x" * 65,
        "a\n",
        "a\x00",
        "$a",
        '"a"',
    ):
        yield case(f"measurement {name!r}", Reason.BAD_NAME, m=name)
        yield case(f"tag {name!r}", Reason.BAD_NAME, tags=["target", name])
        yield case(f"field {name!r}", Reason.BAD_NAME, fields=["up", "rtt_ms", name])
    for value in any_of(None, 1, True, [], {}):
        yield case(f"measurement {value!r}", Reason.WRONG_TYPE, m=value)
        yield case(f"tag {value!r}", Reason.WRONG_TYPE, tags=["target", value])
        yield case(f"field {value!r}", Reason.WRONG_TYPE, fields=["up", "rtt_ms", value])
    for key in ("tags", "fields", "rows"):
        for value in any_of(None, 1, "x", True, {}):
            yield case(f"{key}={value!r}", Reason.WRONG_TYPE, **{key: value})
    for name in ("time", "school", "agent", "stream"):
        yield case(f"tag {name}", Reason.RESERVED_NAME, tags=["target", name])
        yield case(f"field {name}", Reason.RESERVED_NAME, fields=["up", "rtt_ms", name])
    yield case("measurement delivery", Reason.RESERVED_NAME, m="delivery")
    yield case("a tag twice", Reason.DUPLICATE_COLUMN, tags=["target", "target"])
    yield case("a field twice", Reason.DUPLICATE_COLUMN, fields=["up", "up", "note"])
    yield case("a tag that is a field", Reason.DUPLICATE_COLUMN, tags=["target", "up"])
    yield case("no fields", Reason.EMPTY_BLOCK, fields=[])
    yield case("no rows", Reason.EMPTY_BLOCK, rows=[])
    columns = [f"c{number}" for number in range(wire.MAX_COLUMNS + 1)]
    yield case("many tags", Reason.TOO_MANY_COLUMNS, tags=columns)
    yield case("many fields", Reason.TOO_MANY_COLUMNS, fields=columns)
    small: dict[str, Any] = {"m": "x", "tags": [], "fields": ["f"], "rows": [[now_ms, [], [1]]]}
    yield case("many rows", Reason.TOO_MANY_ROWS, **small | {"rows": small["rows"] * (wire.MAX_ROWS + 1)})
    for key in ("m", "tags", "fields", "rows"):
        seq += 1
        message = batch(seq, now_ms=now_ms)
        del message["blocks"][0][key]
        yield make(f"block without {key}", message, Reason.MISSING_FIELD)
    many = batch(seq + 1, now_ms=now_ms, blocks=[small] * (wire.MAX_BLOCKS + 1))
    yield make("many blocks", many, Reason.TOO_MANY_BLOCKS)
    half = small | {"rows": small["rows"] * (wire.MAX_ROWS // 2 + 1)}
    yield make("many rows in two", batch(seq + 2, now_ms=now_ms, blocks=[half] * 2), Reason.TOO_MANY_ROWS)


def rows(now_ms: int, seq: int) -> Iterator[Case]:
    tags, fields = ["vnix", "national"], [1, 4.2, "ok"]

    def case(name: str, row: Any, reason: Reason) -> Case:
        nonlocal seq
        seq += 1
        message = batch(seq, now_ms=now_ms)
        message["blocks"][0]["rows"].append(row)
        return make(f"row {name}", message, reason)

    for row in any_of([], [now_ms], [now_ms, tags], [now_ms, tags, fields, 1], [now_ms, tags, fields, 1, 2],
                [now_ms, tags[:1], fields], [now_ms, [*tags, "x"], fields], [now_ms, [], fields],
                [now_ms, tags, fields[:2]], [now_ms, tags, [*fields, 1]], [now_ms, tags, []]):  # fmt: skip
        yield case(f"{row!r}"[:60], row, Reason.BAD_ROW_WIDTH)
    for row in any_of(None, 1, "x", {}, True, [None, tags, fields], ["1", tags, fields], [1.5, tags, fields],
                [True, tags, fields], [[], tags, fields], [now_ms, None, fields], [now_ms, "ab", fields],
                [now_ms, {}, fields], [now_ms, 2, fields], [now_ms, tags, None], [now_ms, tags, "abc"],
                [now_ms, tags, {"a": 1}], [now_ms, tags, 3]):  # fmt: skip
        yield case(f"{row!r}"[:60], row, Reason.WRONG_TYPE)
    for value in any_of(1, 1.5, True, [], {}, ["x"]):
        yield case(f"tag value {value!r}", [now_ms, ["vnix", value], fields], Reason.WRONG_TYPE)
    for value in any_of([], {}, [1], {"a": 1}, [None]):
        yield case(f"field value {value!r}", [now_ms, tags, [1, 2.0, value]], Reason.WRONG_TYPE)
    for value in any_of(float("nan"), float("inf"), -float("inf"), 10**400):
        yield case(f"field value {value!r}"[:30], [now_ms, tags, [1, value, "x"]], Reason.NOT_FINITE)
    long = "x" * (wire.MAX_STRING_CHARS + 1)
    yield case("long tag value", [now_ms, ["vnix", long], fields], Reason.TOO_LONG)
    yield case("long field value", [now_ms, tags, [1, 1.0, long]], Reason.TOO_LONG)


def times(now_ms: int, seq: int) -> Iterator[Case]:
    for at_ms, reason in (
        (0, Reason.TIME_TOO_OLD),
        (1, Reason.TIME_TOO_OLD),
        (now_ms // 1000, Reason.TIME_TOO_OLD),  # seconds where milliseconds were asked for
        (wire.MIN_TIME_MS - 1, Reason.TIME_TOO_OLD),
        (now_ms + wire.MAX_FUTURE_MS + 600_000, Reason.TIME_IN_FUTURE),
        (now_ms + 86_400_000, Reason.TIME_IN_FUTURE),
        (now_ms * 1000, Reason.TIME_IN_FUTURE),  # microseconds
        (2**53, Reason.TIME_IN_FUTURE),
        (-1, Reason.OUT_OF_RANGE),
        (2**53 + 1, Reason.OUT_OF_RANGE),
        (2**63, Reason.OUT_OF_RANGE),
        (now_ms * 1_000_000, Reason.OUT_OF_RANGE),  # nanoseconds
    ):
        for position in (0, 1):
            seq += 1
            message = batch(seq, now_ms=now_ms)
            message["blocks"][0]["rows"][position][0] = at_ms
            yield make(f"time {at_ms} in row {position}", message, reason)


def strings(now_ms: int, seq: int) -> Iterator[Case]:
    for character in (
        "\x00",
        "\x01",
        "\t",
        "\n",
        "\r",
        "\x1b",
        "\x1f",
        "\x7f",
        "\x80",
        "\x9f",
        "\u2028",
        "\u2029",
    ):
        for place in ("tag", "field"):
            seq += 1
            message = batch(seq, now_ms=now_ms)
            row = message["blocks"][0]["rows"][0]
            row[1 if place == "tag" else 2][-1] = f"a{character}b"
            for ascii_only in (True, False):
                payload = json.dumps(message | {"seq": seq}, ensure_ascii=ascii_only).encode()
                yield make(f"{character!r} in a {place}, {ascii_only}", payload, Reason.CONTROL_CHARACTER)
                seq += 1
