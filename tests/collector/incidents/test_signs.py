"""A batch that is refused says nothing of the school but that its agent lives: live and in a replay alike."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import Engine as SqlEngine
from timelines import T0, school, seconds

from schoolpulse.errors import Rejected
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import Glimpse, Heard, evidence_of
from schoolpulse.incidents.model import Incident
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.recording import Replay, heartbeat, read_line, split_line
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.ingest.incoming import Incoming
from schoolpulse.ingest.journal import Journal
from schoolpulse.messages import Received, Sign
from schoolpulse.metrics import Metrics
from schoolpulse.registry.models import School
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

AHEAD_MS = 5_400_000
SCHOOLS = [school("s1"), school("s2", "FPT")]
Text = bytes


class Fixed:
    def schools(self) -> list[School]:
        return SCHOOLS


def line(at_s: float, who: str, payload: bytes | str, kind: Kind = Kind.TELEMETRY) -> Text:
    value: Any = payload
    if isinstance(payload, bytes):
        value = json.loads(payload)
    topic = wire.topic(f"gw-{who}", kind)
    said = {"at": T0 + round(at_s * 1000), "topic": topic, "payload": value, "retain": False}
    return json.dumps(said, separators=(",", ":")).encode() + b"\n"


def batch(at_s: float, who: str, seq: int, *, ahead_ms: int = 0) -> Text:
    sent_ms = T0 + round(at_s * 1000) + ahead_ms
    rows = [[sent_ms, ["gateway", "lan_gateway", "icmp"], [1]]]
    block = {"m": "reachability", "tags": ["target", "scope", "method"], "fields": ["up"], "rows": rows}
    body = wire.telemetry_body("boot1", "synced", [block])
    return line(at_s, who, wire.telemetry_message(f"stream-{who}", seq, sent_ms, body))


def beats(who: str, first_s: int, last_s: int, *, ahead_ms: int = 0) -> list[Text]:
    return [batch(at_s, who, at_s // 30 + 1, ahead_ms=ahead_ms) for at_s in range(first_s, last_s, 30)]


def offline(lines: Sequence[Text]) -> list[Incident]:
    replay = Replay(Engine(Policy(), Roster(SCHOOLS)))
    replay.run(lines)
    replay.finish()
    return sorted(replay.incidents.values(), key=lambda one: one.id)


def live(lines: Sequence[Text], sql: SqlEngine, folder: Path) -> list[Incident]:
    """Through the journal, each message by itself, read from its file by a collector that restarts."""
    metrics = Metrics()
    repository = IncidentRepository(sql)
    for start in range(0, len(lines), 40):
        journal = Journal(folder / "journal.db", max_bytes=10**9, metrics=metrics, clock=FakeClock(T0))
        for text in lines[start : start + 40]:
            at_ms, topic, payload, retained = split_line(text)
            journal.commit([Incoming.of(topic, payload, at_ms, retained=retained)])
        journal.close()
        journal = Journal(folder / "journal.db", max_bytes=10**9, metrics=metrics, clock=FakeClock(T0))
        sink = IncidentSink(policy=Policy(), registry=Fixed(), sql_engine=sql)
        while messages := journal.read(sink.position(), 7):
            sink.process(messages, messages[-1].position)
        journal.close()
    return sorted(repository.list(), key=lambda one: one.id)


def by_time(*parts: Sequence[Text]) -> list[Text]:
    return sorted((text for part in parts for text in part), key=lambda text: int(json.loads(text)["at"]))


AHEAD = [
    *beats("s1", 0, 600),
    *beats("s1", 600, 2400, ahead_ms=AHEAD_MS),  # its clock is set an hour and a half ahead, and back
    *beats("s1", 2400, 3600),
]


def test_a_clock_that_runs_far_ahead_is_no_outage(sql: SqlEngine, tmp_path: Path) -> None:
    silent = [*beats("s2", 0, 900)]
    lines = by_time(AHEAD, silent)
    found = offline(lines)
    assert [one.school for one in found] == ["s2"]
    assert live(lines, sql, tmp_path) == found


def test_a_gateway_whose_clock_is_ahead_and_that_falls_silent_is_found(
    sql: SqlEngine, tmp_path: Path
) -> None:
    lines = by_time(AHEAD[:40], beats("s2", 0, 3000))
    [found] = offline(lines)
    assert (found.school, seconds(found.start)) == ("s1", 39 * 30)
    assert live(lines, sql, tmp_path) == [found]


def test_what_cannot_be_read_at_all_delays_a_suspicion_and_ends_none(sql: SqlEngine, tmp_path: Path) -> None:
    garbage = [line(at_s, "s1", "not json") for at_s in range(300, 1200, 30)]
    lines = by_time(beats("s1", 0, 300), garbage, beats("s2", 0, 1800))
    [found] = offline(lines)
    assert (found.school, seconds(found.start), seconds(found.confirmed_at)) == ("s1", 270, 1170 + 125)
    assert live(lines, sql, tmp_path) == [found]
    # Once the school is out, garbage does not bring it back: nobody knows when it was sent.
    again = by_time(lines, [line(at_s, "s1", "not json") for at_s in range(1500, 1800, 30)])
    assert offline(again) == [found]


def test_a_refused_batch_that_comes_again_is_no_second_sign(sql: SqlEngine, tmp_path: Path) -> None:
    ahead = beats("s1", 300, 330, ahead_ms=AHEAD_MS)
    repeated = [line(at_s, "s1", split_line(ahead[0]).payload) for at_s in range(330, 1200, 30)]
    lines = by_time(beats("s1", 0, 300), ahead, repeated, beats("s2", 0, 1800))
    [found] = offline(lines)
    assert (found.school, seconds(found.confirmed_at)) == ("s1", 300 + 125)
    assert live(lines, sql, tmp_path) == [found]


HEADS = [
    ({"sent_at": 7, "boot": "b"}, Sign("s", 3, 7, "b")),
    ({"sent_at": "7", "boot": "b"}, Sign("s", 3)),
    ({"sent_at": 7, "boot": "b b"}, Sign("s", 3)),
    ({}, Sign("s", 3)),
    ({"stream": ""}, Sign()),
    ({"seq": 0}, Sign()),
]


@pytest.mark.parametrize(("more", "sign"), HEADS)
def test_what_a_refused_batch_says_of_itself(more: dict[str, object], sign: Sign, tmp_path: Path) -> None:
    payload = json.dumps({"v": 1, "stream": "s", "seq": 3, "clock": "wrong"} | more).encode()
    for message in _through_a_journal(Incoming.of("schoolpulse/v1/a/telemetry", payload, T0), tmp_path):
        assert message == Received(message.position, T0, "a", sign)
        event = evidence_of(message)
        assert isinstance(event, Heard if sign.boot else Glimpse)


def test_only_batches_leave_a_sign_and_retained_ones_are_none(tmp_path: Path) -> None:
    for name, topic in enumerate(("schoolpulse/v1/a/state", "schoolpulse/v1/A/telemetry", "else")):
        (folder := tmp_path / str(name)).mkdir()
        assert list(_through_a_journal(Incoming.of(topic, b"{", T0), folder)) == []
    [old, *_] = _through_a_journal(
        Incoming.of("schoolpulse/v1/a/telemetry", b"{", T0, retained=True), tmp_path
    )
    assert evidence_of(old) is None


def _through_a_journal(incoming: Incoming, folder: Path) -> Iterator[Received]:
    """As it comes from memory, and from the file after a restart."""
    for _ in range(2):
        metrics = Metrics()
        journal = Journal(folder / "journal.db", max_bytes=10**9, metrics=metrics, clock=FakeClock(T0))
        if journal.backlog(0) == 0:
            journal.commit([incoming])
            assert metrics.registry.get_sample_value("schoolpulse_journalled_messages_total") == 0
            assert sum(journal.dead_letter_counts().values()) == 1
        yield from journal.read(0, 9)
        journal.close()
        if incoming.topic != "schoolpulse/v1/a/telemetry":
            return


IDS = st.text("abcXYZ019_-. ", min_size=0, max_size=66)
CELLS = st.one_of(st.integers(-1, 10), st.integers(0, 2**64), IDS, st.none(), st.booleans(), st.floats())


HEAD = st.fixed_dictionaries(
    {
        "v": st.just(1),
        "stream": IDS,
        "seq": CELLS,
        "sent_at": CELLS,
        "boot": IDS,
        "clock": st.sampled_from(["synced", "unsynced", "repaired", "wrong"]),
        "blocks": st.sampled_from([[], [], [], {}, [1]]),
    }
).map(lambda head: {key: head[key] for key in ("v", "stream", "seq", "sent_at", "boot", "clock", "blocks")})
"""In the order in which agents write it; hypothesis may try another."""


@given(st.text("abz09-A_", min_size=0, max_size=66), HEAD, st.booleans())
def test_the_short_way_finds_what_the_long_way_finds(agent: str, head: dict[str, Any], retain: bool) -> None:
    said = {"at": T0, "topic": f"schoolpulse/v1/{agent}/telemetry", "payload": head, "retain": retain}
    text = json.dumps(said, separators=(",", ":")).encode() + b"\n"
    short = heartbeat(text)
    try:
        long = evidence_of(read_line(text, 1))
    except Rejected:
        long = None
    usual = long is not None and 0 < head["seq"] < 10**17 and 0 < head["sent_at"] < 10**14
    if short is not None or usual:
        assert short == long


def test_a_heartbeat_as_agents_write_it_takes_the_short_way() -> None:
    body = wire.telemetry_body("boot1", "repaired", [])
    text = line(5, "s1", wire.telemetry_message("st", 7, T0, body))
    short = heartbeat(text)
    assert short is not None
    assert short == evidence_of(read_line(text, 1))
    assert heartbeat(batch(5, "s1", 1)) is None
