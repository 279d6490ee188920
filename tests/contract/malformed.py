"""Hundreds of messages that break the contract, each with the reason that it must be refused for."""

from __future__ import annotations

import copy
import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from schoolpulse.contract.reasons import Reason
from schoolpulse_agent import wire

NOW_MS = 1_790_000_000_000
AGENT = "thcs-a"
TELEMETRY = f"schoolpulse/v1/{AGENT}/telemetry"


@dataclass(frozen=True)
class Case:
    """One bad message. `named` says that it still names its stream and number, so that it is confirmed."""

    name: str
    topic: str
    payload: bytes
    reason: Reason
    named: bool = False


def batch(number: int = 1, /, *, now_ms: int = NOW_MS, **changes: Any) -> dict[str, Any]:
    """A good batch of two rows, or with `changes` a bad one."""
    block = {
        "m": "reachability",
        "tags": ["target", "scope"],
        "fields": ["up", "rtt_ms", "note"],
        "rows": [
            [now_ms, ["vnix-hcm", "national"], [1, 4.2, "ok"]],
            [now_ms - 1000, ["vnix-hcm", None], [0, None, "Trường Gò Vấp"]],
        ],
    }
    head = {
        "v": 1,
        "stream": "good",
        "seq": number,
        "boot": "b1",
        "clock": "synced",
        "sent_at": now_ms,
        "blocks": [block],
    }
    return head | changes


def dumps(message: Any) -> bytes:
    """JSON as a careless sender writes it, NaN included."""
    return json.dumps(message).encode()


def cases(now_ms: int = NOW_MS) -> list[Case]:
    """Every case, with its times around `now_ms`. Those with a name have a sequence number of their own."""
    found: list[Case] = []
    makers = (_topics, _bytes, _shapes, _heads, _blocks, _rows, _times, _strings, _others)
    for index, make in enumerate(makers, start=1):
        found.extend(make(now_ms, index * 100_000))
    return found


def _any(*values: Any) -> tuple[Any, ...]:
    return values


def _case(name: str, message: Any, reason: Reason, *, named: bool = True, topic: str = TELEMETRY) -> Case:
    return Case(name, topic, message if isinstance(message, bytes) else dumps(message), reason, named)


def _topics(now_ms: int, seq: int) -> Iterator[Case]:
    good = dumps(batch(seq, now_ms=now_ms))
    for agent_id in (
        "A", "THCS-Go-Vap", "a_b", "a.b", "a b", " a", "a ", "trường", "a" * 65,
        "a$b", "a%2f", "ａ", "a\u200b",
        "a\u00ad", "-" * 65, "a'b", 'a"b', "a;b", "a,b", "a=b", "a\\b", "a:b", "{}", "école", "школа", "😀",
    ):  # fmt: skip
        yield _case(f"agent id {agent_id!r}", good, Reason.BAD_TOPIC, named=False,
                    topic=f"schoolpulse/v1/{agent_id}/telemetry")  # fmt: skip
    for topic in (
        "", "telemetry", "schoolpulse", "schoolpulse/v1", "schoolpulse/v1/a", "schoolpulse/v1//telemetry",
        "schoolpulse/v2/a/telemetry", "schoolpulse/V1/a/telemetry", "/schoolpulse/v1/a/telemetry",
        "schoolpulse/v1/a/telemetry/", "schoolpulse/v1/a/telemetry/x", "schoolpulse/v1/a/b/telemetry",
        "schoolpulse/v1/a/Telemetry", "schoolpulse/v1/a/telemetrie", "schoolpulse/v1/a/ telemetry",
        "Schoolpulse/v1/a/telemetry", "x/schoolpulse/v1/a/telemetry", "schoolpulse/v1/a/",
        "$SYS/broker/uptime",
        "schoolpulse/v1/a/schoolpulse/v1/a/telemetry",
    ):  # fmt: skip
        yield _case(f"topic {topic!r}", good, Reason.BAD_TOPIC, named=False, topic=topic)
    for kind in ("confirm", "command"):
        yield _case(f"kind {kind}", good, Reason.UNEXPECTED_KIND, named=False,
                    topic=f"schoolpulse/v1/{AGENT}/{kind}")  # fmt: skip


def _bytes(now_ms: int, seq: int) -> Iterator[Case]:
    body = dumps({"boot": "b", "clock": "synced", "blocks": []})
    good = wire.telemetry_message("cut", 1, now_ms, body)
    yield _case("no bytes", b"", Reason.EMPTY, named=False)
    for text in (
        b" ", b"\x00", b"{", b"}", b"{}{}", b"{'v':1}", b"nul", b"\xef\xbb\xbf" + good, b"v=1", b"<v>1</v>",
        b'{"v":1,}', b'{"v":01}', b'{"v":1e}', b'{"v":0x1}', b'{"v":"\n"}', b'{"v":"\\x"}',
        b'{"v":"\\ud800"}', b"//\n{}", b"reachability,target=x up=1 1", b"[1,2", b'"', b"\x1b[31m", b"--",
        b"True",
    ):  # fmt: skip
        yield _case(f"bytes {text[:12]!r}", text, Reason.BAD_JSON, named=False)
    for name, data in (
        ("utf-16", good.decode().encode("utf-16")),
        ("gzip", gzip.compress(good)),
        ("latin-1", '{"v":"é"}'.encode("latin-1")),
        ("cp1258", '{"v":"ư"}'.encode("cp1258")),
        ("cut in a letter", '{"v":"ườ'.encode()[:-1]),
        ("overlong", b'{"v":"\xc0\xaf"}'),
        ("surrogate", b'{"v":"\xed\xa0\x80"}'),
        ("beyond unicode", b'{"v":"\xf5\x80\x80\x80"}'),
        ("cbor", bytes.fromhex("a16176f5a0ff")),
        ("random", bytes(range(128, 256))),
    ):
        yield _case(name, data, Reason.NOT_UTF8, named=False)
    for length in range(1, len(good)):
        cut = wire.telemetry_message("cut", seq + length, now_ms, body)[:length]
        named = b'"seq":%d,' % (seq + length) in cut
        yield _case(f"cut after {length} bytes", cut, Reason.BAD_JSON, named=named)
    for name, data in (
        ("deep list", b"[" * 10_000),
        ("deep object", b'{"a":' * 10_000),
        ("deep unknown key", b'{"v":1,"x":' + b"[" * 500 + b"]" * 500 + b"}"),
    ):
        yield _case(name, data, Reason.NESTED_TOO_DEEP, named=False)
    large = dumps({"x": "y" * wire.MAX_MESSAGE_BYTES} | batch(1, now_ms=now_ms))
    yield _case("too many bytes", large, Reason.TOO_LARGE, named=False)
    numbered = wire.telemetry_message("large", seq, now_ms, dumps({"x": "y" * wire.MAX_MESSAGE_BYTES}))
    yield _case("too many bytes, numbered", numbered, Reason.TOO_LARGE)


def _shapes(_now_ms: int, _seq: int) -> Iterator[Case]:
    for value in _any([], [{}], "x", 1, 1.5, True, None, [[]]):
        yield _case(f"root {value!r}", value, Reason.NOT_AN_OBJECT, named=False)
    yield _case("root NaN", b"NaN", Reason.NOT_AN_OBJECT, named=False)
    yield _case("empty object", {}, Reason.MISSING_FIELD, named=False)
    yield _case("only unknown keys", {"x": 1}, Reason.MISSING_FIELD, named=False)


_WRONG: dict[str, tuple[Reason, tuple[Any, ...]]] = {
    "v": (Reason.WRONG_VERSION, (0, 2, -1, 99, "1", 1.0, 1.5, True, None, [], {}, 10**20)),
    "boot": (Reason.WRONG_TYPE, (None, 1, 1.5, True, [], {})),
    "clock": (Reason.BAD_WORD, ("", "ok", "SYNCED", "synced ", None, 1, True, [], {})),
    "sent_at": (Reason.WRONG_TYPE, (None, "1", 1.5, True, [], {}, "2026-01-01T00:00:00Z")),
    "blocks": (Reason.WRONG_TYPE, (None, 1, "x", True, {}, [1], [None], ["x"], [[]])),
    "discarded_through": (Reason.WRONG_TYPE, ("1", 1.5, True, [], {})),
}  # fmt: skip
_NAMELESS: dict[str, tuple[Reason, tuple[Any, ...]]] = {
    "stream": (Reason.WRONG_TYPE, (None, 1, 1.5, True, [], {})),
    "seq": (Reason.WRONG_TYPE, (None, "1", 1.5, True, [], {})),
}  # fmt: skip


def _heads(now_ms: int, seq: int) -> Iterator[Case]:
    for table, named in ((_WRONG, True), (_NAMELESS, False)):
        for key, (reason, values) in table.items():
            for value in values:
                seq += 1
                yield _case(
                    f"{key}={value!r}", batch(seq, now_ms=now_ms, **{key: value}), reason, named=named
                )
    for key in ("v", "stream", "seq", "boot", "clock", "sent_at", "blocks"):
        seq += 1
        message = batch(seq, now_ms=now_ms)
        del message[key]
        yield _case(f"without {key}", message, Reason.MISSING_FIELD, named=key not in {"stream", "seq"})
    for value in _any("", "a b", "a/b", "x" * 65, "é", "a\n", "a.b", "#", "+"):
        seq += 1
        yield _case(
            f"stream {value!r}", batch(seq, now_ms=now_ms, stream=value), Reason.BAD_NAME, named=False
        )
        yield _case(f"boot {value!r}", batch(seq, now_ms=now_ms, boot=value), Reason.BAD_NAME)
    for number in (0, -1, 2**63, 2**64, -(2**63), 10**30, 10**400):
        yield _case(f"seq={number}"[:30], batch(number, now_ms=now_ms), Reason.OUT_OF_RANGE, named=False)
    for key, values in (("sent_at", (-1, 2**53 + 1, 10**40)), ("discarded_through", (-1, 2**63, 10**40))):
        for number in values:
            seq += 1
            message = batch(seq, now_ms=now_ms, **{key: number})
            yield _case(f"{key}={number}", message, Reason.OUT_OF_RANGE)
    yield _case("seq=NaN", batch(1, now_ms=now_ms) | {"seq": float("nan")}, Reason.WRONG_TYPE, named=False)


def _blocks(now_ms: int, seq: int) -> Iterator[Case]:
    def case(name: str, reason: Reason, **changes: Any) -> Case:
        nonlocal seq
        seq += 1
        message = batch(seq, now_ms=now_ms)
        message["blocks"][0] |= changes
        return _case(name, message, reason)

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
    for value in _any(None, 1, True, [], {}):
        yield case(f"measurement {value!r}", Reason.WRONG_TYPE, m=value)
        yield case(f"tag {value!r}", Reason.WRONG_TYPE, tags=["target", value])
        yield case(f"field {value!r}", Reason.WRONG_TYPE, fields=["up", "rtt_ms", value])
    for key in ("tags", "fields", "rows"):
        for value in _any(None, 1, "x", True, {}):
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
        yield _case(f"block without {key}", message, Reason.MISSING_FIELD)
    many = batch(seq + 1, now_ms=now_ms, blocks=[small] * (wire.MAX_BLOCKS + 1))
    yield _case("many blocks", many, Reason.TOO_MANY_BLOCKS)
    half = small | {"rows": small["rows"] * (wire.MAX_ROWS // 2 + 1)}
    yield _case("many rows in two", batch(seq + 2, now_ms=now_ms, blocks=[half] * 2), Reason.TOO_MANY_ROWS)


def _rows(now_ms: int, seq: int) -> Iterator[Case]:
    tags, fields = ["vnix", "national"], [1, 4.2, "ok"]

    def case(name: str, row: Any, reason: Reason) -> Case:
        nonlocal seq
        seq += 1
        message = batch(seq, now_ms=now_ms)
        message["blocks"][0]["rows"].append(row)
        return _case(f"row {name}", message, reason)

    for row in _any([], [now_ms], [now_ms, tags], [now_ms, tags, fields, 1], [now_ms, tags, fields, 1, 2],
                [now_ms, tags[:1], fields], [now_ms, [*tags, "x"], fields], [now_ms, [], fields],
                [now_ms, tags, fields[:2]], [now_ms, tags, [*fields, 1]], [now_ms, tags, []]):  # fmt: skip
        yield case(f"{row!r}"[:60], row, Reason.BAD_ROW_WIDTH)
    for row in _any(None, 1, "x", {}, True, [None, tags, fields], ["1", tags, fields], [1.5, tags, fields],
                [True, tags, fields], [[], tags, fields], [now_ms, None, fields], [now_ms, "ab", fields],
                [now_ms, {}, fields], [now_ms, 2, fields], [now_ms, tags, None], [now_ms, tags, "abc"],
                [now_ms, tags, {"a": 1}], [now_ms, tags, 3]):  # fmt: skip
        yield case(f"{row!r}"[:60], row, Reason.WRONG_TYPE)
    for value in _any(1, 1.5, True, [], {}, ["x"]):
        yield case(f"tag value {value!r}", [now_ms, ["vnix", value], fields], Reason.WRONG_TYPE)
    for value in _any([], {}, [1], {"a": 1}, [None]):
        yield case(f"field value {value!r}", [now_ms, tags, [1, 2.0, value]], Reason.WRONG_TYPE)
    for value in _any(float("nan"), float("inf"), -float("inf"), 10**400):
        yield case(f"field value {value!r}"[:30], [now_ms, tags, [1, value, "x"]], Reason.NOT_FINITE)
    long = "x" * (wire.MAX_STRING_CHARS + 1)
    yield case("long tag value", [now_ms, ["vnix", long], fields], Reason.TOO_LONG)
    yield case("long field value", [now_ms, tags, [1, 1.0, long]], Reason.TOO_LONG)


def _times(now_ms: int, seq: int) -> Iterator[Case]:
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
            yield _case(f"time {at_ms} in row {position}", message, reason)


def _strings(now_ms: int, seq: int) -> Iterator[Case]:
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
                yield _case(f"{character!r} in a {place}, {ascii_only}", payload, Reason.CONTROL_CHARACTER)
                seq += 1


_STATE = {"online": True, "boot": "b1", "session": 3, "at": NOW_MS}
_BIRTH = {"v": 1, "agent_version": "0.1", "boot": "b1", "session": 3, "at": NOW_MS, "uptime_s": 5.0}
_REPLY = {"id": "c1", "ok": True, "at": NOW_MS}


def _others(_now_ms: int, _seq: int) -> Iterator[Case]:
    def case(kind: str, good: dict[str, Any], why: Reason, /, **changes: Any) -> Case:
        message = copy.deepcopy(good) | changes
        name = f"{kind} {changes!r}"[:60]
        return _case(name, message, why, named=False, topic=f"schoolpulse/v1/{AGENT}/{kind}")

    wrong_type, out_of_range = Reason.WRONG_TYPE, Reason.OUT_OF_RANGE
    for value in _any(None, 1, 0, "true", "yes", [], {}):
        yield case("state", _STATE, wrong_type, online=value)
        yield case("reply", _REPLY, wrong_type, ok=value)
    for value in _any(None, "1", 1.5, True, []):
        yield case("state", _STATE, wrong_type, session=value)
        yield case("birth", _BIRTH, wrong_type, session=value)
        yield case("birth", _BIRTH, wrong_type, at=value)
        yield case("reply", _REPLY, wrong_type, at=value)
    for value in _any(-1, 2**53 + 1, 10**30):
        yield case("state", _STATE, out_of_range, session=value)
        yield case("state", _STATE, out_of_range, at=value)
        yield case("birth", _BIRTH, out_of_range, at=value)
        yield case("reply", _REPLY, out_of_range, at=value)
    for value in _any(0, 2, "1", None, 1.0, True):
        yield case("birth", _BIRTH, Reason.WRONG_VERSION, v=value)
    yield case("state", _STATE, Reason.BAD_NAME, boot="a b")
    yield case("reply", _REPLY, Reason.BAD_NAME, id="")
    yield case("state", _STATE, Reason.TOO_LONG, reason="x" * 257)
    yield case("state", _STATE, Reason.CONTROL_CHARACTER, reason="a\x1bb")
    yield case("birth", _BIRTH, Reason.CONTROL_CHARACTER, hostname="a\nb")
    yield case("birth", _BIRTH, Reason.CONTROL_CHARACTER, probes=["icmp", "a\x00"])
    yield case("birth", _BIRTH, Reason.CONTROL_CHARACTER, uplinks=[{"name": "wan\x7f", "role": "primary"}])
    yield case("birth", _BIRTH, Reason.BAD_WORD, uplinks=[{"name": "wan", "role": "main"}])
    yield case("birth", _BIRTH, Reason.TOO_MANY_ITEMS, probes=["x"] * 65)
    yield case("birth", _BIRTH, Reason.TOO_MANY_ITEMS, uplinks=[{"name": "w", "role": "primary"}] * 17)
    yield case("birth", _BIRTH, out_of_range, uptime_s=-1)
    yield case("birth", _BIRTH, Reason.NOT_FINITE, uptime_s=float("inf"))
    for kind, good in (("state", _STATE), ("birth", _BIRTH), ("reply", _REPLY)):
        topic = f"schoolpulse/v1/{AGENT}/{kind}"
        yield _case(f"{kind} cleared", b"", Reason.EMPTY, named=False, topic=topic)
        yield _case(f"{kind} no JSON", b"online", Reason.BAD_JSON, named=False, topic=topic)
        yield _case(f"{kind} list", [good], Reason.NOT_AN_OBJECT, named=False, topic=topic)
        for key in good.keys() - {"at"}:
            message = {name: value for name, value in good.items() if name != key}
            yield _case(f"{kind} without {key}", message, Reason.MISSING_FIELD, named=False, topic=topic)
