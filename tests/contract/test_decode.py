"""What keeps the contract is decoded, what breaks it is refused with its reason, whatever the bytes are."""

from __future__ import annotations

import json
from typing import Any

import pytest
from contract.malformed import cases
from contract.malformed_base import AGENT, NOW_MS, TELEMETRY, Case, batch, dumps
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from schoolpulse.contract.decode import Decoded, decode
from schoolpulse.contract.models import Birth, Reply, State, Telemetry
from schoolpulse.contract.reasons import Reason
from schoolpulse.errors import Rejected, RejectedBatch
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

CASES = cases()
AT_RUN_TIME = {
    Reason.UNDECODABLE,
    Reason.TOO_MANY_STREAMS,
    Reason.TOO_MANY_GAPS,
    Reason.POINT_REFUSED,
    Reason.SINK_FAILED,
}
"""What the decoder alone cannot see."""


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_bad_message_is_refused_with_its_reason(case: Case) -> None:
    with pytest.raises(Rejected) as caught:
        decode(case.topic, case.payload, NOW_MS)
    assert (caught.value.reason, isinstance(caught.value, RejectedBatch)) == (case.reason, case.named)
    assert case.reason.explain


def test_there_are_hundreds_and_they_show_every_reason() -> None:
    assert len(CASES) > 500
    assert {case.reason for case in CASES} == set(Reason) - AT_RUN_TIME


def test_a_good_batch_keeps_its_rows_in_columns() -> None:
    decoded = decode(TELEMETRY, dumps(batch(7)), NOW_MS)
    assert isinstance(decoded.body, Telemetry)
    assert (decoded.agent_id, decoded.kind, decoded.body.seq) == (AGENT, Kind.TELEMETRY, 7)
    assert decoded.body.blocks[0].rows[1] == (NOW_MS - 1000, ["vnix-hcm", None], [0, None, "Trường Gò Vấp"])


@pytest.mark.parametrize(
    "changes",
    [
        {"unknown": {"deep": [1, {"a": None}]}},
        {"blocks": []},
        {"discarded_through": 3},
        {"discarded_through": None},
        {"sent_at": 0},
        {"sent_at": 2**53},
        {"clock": "repaired"},
        {"unknown": "control \n character where nobody reads"},
    ],
    ids=str,
)
def test_what_may_differ_between_good_batches(changes: dict[str, Any]) -> None:
    assert isinstance(decode(TELEMETRY, dumps(batch(7, **changes)), NOW_MS).body, Telemetry)


@pytest.mark.parametrize(
    ("value", "kept"),
    [(True, True), (1, 1), (1.0, 1.0), (2**63 - 1, 2**63 - 1), (2**63, 2.0**63), ("", ""), (None, None)],
)
def test_a_field_keeps_its_type(value: object, kept: object) -> None:
    message = batch(7)
    message["blocks"][0]["rows"] = [[NOW_MS, ["a", "b"], [value, value, value]]]
    body = decode(TELEMETRY, dumps(message), NOW_MS).body
    assert isinstance(body, Telemetry)
    found = body.blocks[0].rows[0][2][0]
    assert (type(found), found) == (type(kept), kept)


def test_times_at_the_very_limits_are_good() -> None:
    message = batch(7)
    message["blocks"][0]["rows"][0][0] = NOW_MS + wire.MAX_FUTURE_MS
    message["blocks"][0]["rows"][1][0] = wire.MIN_TIME_MS
    decode(TELEMETRY, dumps(message), NOW_MS)


def test_the_other_kinds() -> None:
    def body(kind: str, message: dict[str, Any]) -> object:
        return decode(f"schoolpulse/v1/x/{kind}", dumps(message), NOW_MS).body

    will = json.loads(wire.state_message(online=False, boot="b", session=4))
    assert body("state", will) == State(online=False, boot="b", session=4)
    birth = {"v": 1, "agent_version": "1", "boot": "b", "session": 1, "at": 5, "uptime_s": 1}
    birth["uplinks"] = [{"name": "wan", "role": "primary", "mac": "ignored"}]
    assert isinstance(body("birth", birth), Birth)
    assert body("reply", {"id": "a", "ok": False, "at": 1, "error": "no"}) == Reply(
        id="a", ok=False, at=1, error="no"
    )


def test_a_hostile_batch_costs_one_error_and_not_one_a_value() -> None:
    rows = [[NOW_MS, [{}] * wire.MAX_COLUMNS, [{}] * wire.MAX_COLUMNS]] * 1000
    columns = [f"c{number}" for number in range(wire.MAX_COLUMNS)]
    block = {"m": "x", "tags": columns, "fields": columns, "rows": rows}
    with pytest.raises(ValidationError) as caught:
        Telemetry.model_validate_json(dumps(batch(1, blocks=[block] * wire.MAX_BLOCKS)))
    assert caught.value.error_count() < 10


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=20,
)
_PATHS: list[tuple[str | int, ...]] = [
    ("v",), ("stream",), ("seq",), ("boot",), ("clock",), ("sent_at",), ("discarded_through",), ("blocks",),
    ("blocks", 0), ("blocks", 0, "m"), ("blocks", 0, "tags"), ("blocks", 0, "fields"), ("blocks", 0, "rows"),
    ("blocks", 0, "rows", 0), ("blocks", 0, "rows", 0, 0), ("blocks", 0, "rows", 0, 1),
    ("blocks", 0, "rows", 0, 2), ("blocks", 0, "rows", 0, 2, 1), ("blocks", 0, "rows", 0, 1, 1),
]  # fmt: skip


def _decode_or_refuse(topic: str, payload: bytes) -> Decoded | None:
    """`decode` with nothing but its two outcomes; what is accepted must hold what the sinks rely on."""
    try:
        decoded = decode(topic, payload, NOW_MS)
    except Rejected as rejected:
        Reason(rejected.reason)
        return None
    if isinstance(decoded.body, Telemetry):
        for block in decoded.body.blocks:
            for at_ms, tags, fields in block.rows:
                assert wire.MIN_TIME_MS <= at_ms <= NOW_MS + wire.MAX_FUTURE_MS
                assert (len(tags), len(fields)) == (len(block.tags), len(block.fields))
    return decoded


@given(
    topic=st.text() | st.just(TELEMETRY),
    payload=st.binary() | _JSON.map(lambda value: json.dumps(value).encode()),
)
@example(topic=TELEMETRY, payload=b'{"v":1,"stream":"a","seq":99999999999999999999')
def test_any_bytes_on_any_topic_are_decoded_or_refused(topic: str, payload: bytes) -> None:
    _decode_or_refuse(topic, payload)


@settings(max_examples=300)
@given(path=st.sampled_from(_PATHS), value=_JSON)
def test_any_value_anywhere_in_a_batch_is_decoded_or_refused(
    path: tuple[str | int, ...], value: object
) -> None:
    message: Any = batch(7)
    place = message
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    _decode_or_refuse(TELEMETRY, dumps(message))
    _decode_or_refuse(TELEMETRY, json.dumps(message, ensure_ascii=False).encode("utf-8", "surrogatepass"))


@settings(max_examples=300)
@given(data=st.data())
def test_a_batch_with_bytes_changed_is_decoded_or_refused(data: st.DataObject) -> None:
    payload = bytearray(dumps(batch(7)))
    for at in data.draw(st.lists(st.integers(0, len(payload) - 1), min_size=1, max_size=4)):
        payload[at] = data.draw(st.integers(0, 255))
    _decode_or_refuse(TELEMETRY, bytes(payload))
