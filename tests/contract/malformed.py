"""Hundreds of messages that break the contract, each with the reason that it must be refused for."""

from __future__ import annotations

import copy
import gzip
from collections.abc import Iterator
from typing import Any

from contract import malformed_batches
from contract.malformed_base import AGENT, NOW_MS, Case, any_of, batch, dumps, make

from schoolpulse.contract.reasons import Reason
from schoolpulse_agent import wire


def cases(now_ms: int = NOW_MS) -> list[Case]:
    """Every case, with its times around `now_ms`. Those with a name have a sequence number of their own."""
    found: list[Case] = []
    makers = (
        _topics,
        _bytes,
        _shapes,
        _heads,
        malformed_batches.blocks,
        malformed_batches.rows,
        malformed_batches.times,
        malformed_batches.strings,
        _others,
    )
    for index, maker in enumerate(makers, start=1):
        found.extend(maker(now_ms, index * 100_000))
    return found


def _topics(now_ms: int, seq: int) -> Iterator[Case]:
    good = dumps(batch(seq, now_ms=now_ms))
    for agent_id in (
        "A", "THCS-Go-Vap", "a_b", "a.b", "a b", " a", "a ", "trường", "a" * 65,
        "a$b", "a%2f", "ａ", "a\u200b",
        "a\u00ad", "-" * 65, "a'b", 'a"b', "a;b", "a,b", "a=b", "a\\b", "a:b", "{}", "école", "школа", "😀",
    ):  # fmt: skip
        yield make(f"agent id {agent_id!r}", good, Reason.BAD_TOPIC, named=False,
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
        yield make(f"topic {topic!r}", good, Reason.BAD_TOPIC, named=False, topic=topic)
    for kind in ("confirm", "command"):
        yield make(f"kind {kind}", good, Reason.UNEXPECTED_KIND, named=False,
                    topic=f"schoolpulse/v1/{AGENT}/{kind}")  # fmt: skip


def _bytes(now_ms: int, seq: int) -> Iterator[Case]:
    body = dumps({"boot": "b", "clock": "synced", "blocks": []})
    good = wire.telemetry_message("cut", 1, now_ms, body)
    yield make("no bytes", b"", Reason.EMPTY, named=False)
    for text in (
        b" ", b"\x00", b"{", b"}", b"{}{}", b"{'v':1}", b"nul", b"\xef\xbb\xbf" + good, b"v=1", b"<v>1</v>",
        b'{"v":1,}', b'{"v":01}', b'{"v":1e}', b'{"v":0x1}', b'{"v":"\n"}', b'{"v":"\\x"}',
        b'{"v":"\\ud800"}', b"//\n{}", b"reachability,target=x up=1 1", b"[1,2", b'"', b"\x1b[31m", b"--",
        b"True",
    ):  # fmt: skip
        yield make(f"bytes {text[:12]!r}", text, Reason.BAD_JSON, named=False)
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
        yield make(name, data, Reason.NOT_UTF8, named=False)
    for length in range(1, len(good)):
        cut = wire.telemetry_message("cut", seq + length, now_ms, body)[:length]
        named = b'"seq":%d,' % (seq + length) in cut
        yield make(f"cut after {length} bytes", cut, Reason.BAD_JSON, named=named)
    for name, data in (
        ("deep list", b"[" * 10_000),
        ("deep object", b'{"a":' * 10_000),
        ("deep unknown key", b'{"v":1,"x":' + b"[" * 500 + b"]" * 500 + b"}"),
    ):
        yield make(name, data, Reason.NESTED_TOO_DEEP, named=False)
    large = dumps({"x": "y" * wire.MAX_MESSAGE_BYTES} | batch(1, now_ms=now_ms))
    yield make("too many bytes", large, Reason.TOO_LARGE, named=False)
    numbered = wire.telemetry_message("large", seq, now_ms, dumps({"x": "y" * wire.MAX_MESSAGE_BYTES}))
    yield make("too many bytes, numbered", numbered, Reason.TOO_LARGE)


def _shapes(_now_ms: int, _seq: int) -> Iterator[Case]:
    for value in any_of([], [{}], "x", 1, 1.5, True, None, [[]]):
        yield make(f"root {value!r}", value, Reason.NOT_AN_OBJECT, named=False)
    yield make("root NaN", b"NaN", Reason.NOT_AN_OBJECT, named=False)
    yield make("empty object", {}, Reason.MISSING_FIELD, named=False)
    yield make("only unknown keys", {"x": 1}, Reason.MISSING_FIELD, named=False)


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
                yield make(f"{key}={value!r}", batch(seq, now_ms=now_ms, **{key: value}), reason, named=named)
    for key in ("v", "stream", "seq", "boot", "clock", "sent_at", "blocks"):
        seq += 1
        message = batch(seq, now_ms=now_ms)
        del message[key]
        yield make(f"without {key}", message, Reason.MISSING_FIELD, named=key not in {"stream", "seq"})
    for value in any_of("", "a b", "a/b", "x" * 65, "é", "a\n", "a.b", "#", "+"):
        seq += 1
        yield make(f"stream {value!r}", batch(seq, now_ms=now_ms, stream=value), Reason.BAD_NAME, named=False)
        yield make(f"boot {value!r}", batch(seq, now_ms=now_ms, boot=value), Reason.BAD_NAME)
    for number in (0, -1, 2**63, 2**64, -(2**63), 10**30, 10**400):
        yield make(f"seq={number}"[:30], batch(number, now_ms=now_ms), Reason.OUT_OF_RANGE, named=False)
    for key, values in (("sent_at", (-1, 2**53 + 1, 10**40)), ("discarded_through", (-1, 2**63, 10**40))):
        for number in values:
            seq += 1
            message = batch(seq, now_ms=now_ms, **{key: number})
            yield make(f"{key}={number}", message, Reason.OUT_OF_RANGE)
    yield make("seq=NaN", batch(1, now_ms=now_ms) | {"seq": float("nan")}, Reason.WRONG_TYPE, named=False)


_STATE = {"online": True, "boot": "b1", "session": 3, "at": NOW_MS}
_BIRTH = {"v": 1, "agent_version": "0.1", "boot": "b1", "session": 3, "at": NOW_MS, "uptime_s": 5.0}
_REPLY = {"id": "c1", "ok": True, "at": NOW_MS}


def _others(_now_ms: int, _seq: int) -> Iterator[Case]:
    def case(kind: str, good: dict[str, Any], why: Reason, /, **changes: Any) -> Case:
        message = copy.deepcopy(good) | changes
        name = f"{kind} {changes!r}"[:60]
        return make(name, message, why, named=False, topic=f"schoolpulse/v1/{AGENT}/{kind}")

    wrong_type, out_of_range = Reason.WRONG_TYPE, Reason.OUT_OF_RANGE
    for value in any_of(None, 1, 0, "true", "yes", [], {}):
        yield case("state", _STATE, wrong_type, online=value)
        yield case("reply", _REPLY, wrong_type, ok=value)
    for value in any_of(None, "1", 1.5, True, []):
        yield case("state", _STATE, wrong_type, session=value)
        yield case("birth", _BIRTH, wrong_type, session=value)
        yield case("birth", _BIRTH, wrong_type, at=value)
        yield case("reply", _REPLY, wrong_type, at=value)
    for value in any_of(-1, 2**53 + 1, 10**30):
        yield case("state", _STATE, out_of_range, session=value)
        yield case("state", _STATE, out_of_range, at=value)
        yield case("birth", _BIRTH, out_of_range, at=value)
        yield case("reply", _REPLY, out_of_range, at=value)
    for value in any_of(0, 2, "1", None, 1.0, True):
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
        yield make(f"{kind} cleared", b"", Reason.EMPTY, named=False, topic=topic)
        yield make(f"{kind} no JSON", b"online", Reason.BAD_JSON, named=False, topic=topic)
        yield make(f"{kind} list", [good], Reason.NOT_AN_OBJECT, named=False, topic=topic)
        for key in sorted(good.keys() - {"at"}):
            message = {name: value for name, value in good.items() if name != key}
            yield make(f"{kind} without {key}", message, Reason.MISSING_FIELD, named=False, topic=topic)
