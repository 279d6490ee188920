"""The journal: each batch once, whatever happens; poison aside; full, damaged and restarted."""

from __future__ import annotations

import pytest
from collector.ingest.journals import D, J, Open, Q, R, seqs_in, value_of
from collector.ingest.messages_in import NOW_MS, incoming, state, telemetry

from schoolpulse.contract.models import State
from schoolpulse.errors import Rejected
from schoolpulse.ingest import dead_letters, journal, streams, verdicts
from schoolpulse.ingest.incoming import Incoming
from schoolpulse.messages import Link
from schoolpulse.metrics import Metrics
from schoolpulse_agent.wire import parse_confirm


def test_what_was_committed_is_read_in_order_now_and_after_a_restart(reopen: Open) -> None:
    held = reopen()
    assert held.commit([incoming(seq) for seq in range(1, 21)]).fates == [J] * 20
    assert seqs_in(held) == list(range(1, 21))
    first = held.read(0, 1)[0]
    held = reopen()
    assert seqs_in(held) == list(range(1, 21))
    assert held.read(0, 1)[0] == first
    assert held.read(held.last_position, 5) == ()
    assert held.backlog(0) == held.backlog(first.position) + 1 == 20


def test_reading_from_the_tail_and_from_disk_is_the_same(
    reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "TAIL_MESSAGES", 10)
    held = reopen()
    for seq in range(1, 41):
        held.commit([incoming(seq, received_ms=NOW_MS + seq)])
    written = held.read(0, 100)
    assert len(written) == 40
    assert list(reopen().read(0, 100)) == list(written)
    assert [message.received_ms for message in written] == [NOW_MS + seq for seq in range(1, 41)]


def test_a_batch_is_taken_once(reopen: Open) -> None:
    metrics = Metrics()
    held = reopen(metrics=metrics)
    assert held.commit([incoming(1), incoming(2), incoming(1)]).fates == [J, J, D]
    assert held.commit([incoming(2), incoming(4)]) == ([D, J], [("a", "s")])
    held = reopen(metrics=metrics)
    assert held.commit([incoming(4), incoming(3), incoming(1)]).fates == [D, J, D]
    assert seqs_in(held) == [1, 2, 4, 3]
    assert value_of(metrics, "duplicate_batches_total") == 4
    assert value_of(metrics, "journalled_messages_total") == 4


def test_a_stream_belongs_to_its_agent(reopen: Open) -> None:
    held = reopen()
    held.commit([incoming(1, agent="a"), incoming(2, agent="a")])
    # Somebody who knows the stream's name can neither have it confirmed nor use its numbers up.
    assert held.commit([incoming(3, agent="thief"), incoming(1, agent="thief")]).fates == [J, J]
    assert held.commit([incoming(3, agent="a")]).fates == [J]
    assert [parse_confirm(confirm) for confirm in held.confirms("a", "s")] == [("s", 3, ())]
    assert [parse_confirm(confirm) for confirm in held.confirms("thief", "s")] == [("s", 1, ((3, 3),))]
    assert held.confirms("nobody", "s") == []


def test_what_an_agent_discarded_is_counted_once_and_closes_the_gap(reopen: Open) -> None:
    metrics = Metrics()
    held = reopen(metrics=metrics)
    held.commit([incoming(seq) for seq in (1, 2, 5, 20)])
    held.commit([incoming(21, discarded_through=10)])
    held.commit([incoming(22, discarded_through=10)])
    held = reopen(metrics=metrics)
    (stream,) = held.streams()
    assert (stream.through, stream.last_seq, stream.missing, stream.discarded) == (10, 22, 9, 7)
    assert value_of(metrics, "discarded_batches_total") == 7


def test_a_discard_beyond_what_was_ever_sent_uses_no_number_up(reopen: Open) -> None:
    held = reopen()
    held.commit([incoming(5, discarded_through=2**62)])
    assert held.commit([incoming(6)]).fates == [J]


def test_a_named_poison_batch_is_confirmed_and_put_aside_once(reopen: Open) -> None:
    metrics = Metrics()
    held = reopen(metrics=metrics)
    topic, payload = telemetry(2)
    poison = Incoming.of(topic, payload.replace(b'"wan"', b'"WAN"', 1), NOW_MS)
    assert held.commit([incoming(1), poison, poison, incoming(3)]) == ([J, Q, D, J], [("a", "s")])
    held = reopen(metrics=metrics)
    assert held.commit([poison]).fates == [D]
    assert seqs_in(held) == [1, 3]
    assert [parse_confirm(confirm).through for confirm in held.confirms("a", "s")] == [3]
    (letter,) = held.dead_letters()
    assert (letter.reason, letter.source, letter.payload) == ("bad_name", topic, poison.payload)
    assert value_of(metrics, "quarantined_messages_total", reason="bad_name") == 1


def test_quarantine_is_bounded_and_its_counts_are_exact(
    reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dead_letters, "MAX_LETTERS", 10)
    monkeypatch.setattr(dead_letters, "MAX_BYTES", 50_000)
    held = reopen()
    for number in range(30):
        held.commit(
            [Incoming.of("x", b"%d" % number, NOW_MS), Incoming.of("schoolpulse/v1/a/state", b"", NOW_MS)]
        )
    held = reopen()
    assert held.dead_letter_counts() == {"bad_topic": 30, "empty": 30}
    letters = held.dead_letters()
    assert [letter.payload for letter in letters] == [
        b"",
        b"29",
        b"",
        b"28",
        b"",
        b"27",
        b"",
        b"26",
        b"",
        b"25",
    ]
    assert held.dead_letters(2, before=letters[1].id) == letters[2:4]
    held.put_aside("point_refused", "a type changed \ud800", "store", b"x" * 100_000)
    held.put_aside("point_refused", "again", "store", b"x" * 40_000)
    newest, older = held.dead_letters(2)
    assert (newest.size, len(newest.payload), older.size) == (40_000, dead_letters.MAX_PAYLOAD_BYTES, 100_000)
    for _ in range(3):
        held.put_aside("point_refused", "more", "store", b"x" * 16_000)
    assert sum(len(letter.payload) for letter in held.dead_letters()) <= 50_000
    assert reopen().dead_letter_counts()["point_refused"] == 5


def test_the_brokers_copies_are_taken_once_and_news_always(reopen: Open) -> None:
    held = reopen()
    assert held.commit([state(), state(retained=True), state(again=True)]).fates == [J, R, R]
    assert held.commit([state(online=False, again=True), state(online=False)]).fates == [J, J]
    held = reopen()
    assert held.commit([state(online=False, retained=True), state(retained=True)]).fates == [R, J]
    assert held.commit([state(agent="b", retained=True)]).fates == [J]
    bodies = [(message.body, message.retained) for message in held.read(0, 10)]
    online, offline = State(online=True, boot="boot", session=1), State(online=False, boot="boot", session=1)
    assert bodies == [(online, False), (offline, False), (offline, False), (online, True), (online, True)]


def test_what_is_remembered_of_agents_is_bounded(reopen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(verdicts, "MAX_LATEST", 1)
    held = reopen()
    held.commit([state(agent="a")])
    held.commit([state(agent="b")])
    assert held.commit([state(agent=agent, retained=True) for agent in "ab"]).fates == [R, J]


def test_our_own_connection_is_journalled(reopen: Open) -> None:
    held = reopen()
    held.commit([Incoming.link(connected=up, received_ms=NOW_MS) for up in (False, True)])
    assert [message.body for message in reopen().read(0, 5)] == [Link(False), Link(True)]


def test_receipts_never_run_backwards_and_keep_a_promise(reopen: Open) -> None:
    held = reopen()
    held.commit([incoming(1, received_ms=NOW_MS + 50), incoming(2, received_ms=NOW_MS)])
    assert held.promise(NOW_MS + 70) == NOW_MS + 70
    held.commit([incoming(3, received_ms=NOW_MS + 60)])
    assert held.promise(NOW_MS) == NOW_MS + 70
    held = reopen()
    held.commit([incoming(4, received_ms=NOW_MS + 1)])
    assert [message.received_ms - NOW_MS for message in held.read(0, 9)] == [50, 50, 70, 70]


def test_trimming_forgets_in_pieces_and_keeps_numbers_and_order(
    reopen: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "TRIM_MESSAGES", 8)
    held = reopen()
    held.commit([incoming(seq) for seq in range(1, 21)])
    last = held.last_position
    assert [held.trim(last - 5), held.trim(last - 5), held.trim(last - 5)] == [8, 7, 0]
    held = reopen()
    assert seqs_in(held) == [16, 17, 18, 19, 20]
    assert held.backlog(0) == 5
    while held.trim(last):
        pass
    held = reopen()
    assert held.last_position == last
    held.commit([incoming(1), incoming(21)])
    assert [(message.position - last) for message in held.read(last, 5)] == [1]


def test_the_cursors_of_sinks_survive(reopen: Open) -> None:
    held = reopen()
    assert held.cursor("store") == 0
    held.commit([incoming(1), incoming(2)])
    held.set_cursor("store", held.last_position)
    assert reopen().cursor("store") == held.last_position


def test_streams_and_gaps_are_bounded(reopen: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "MAX_STREAMS_PER_AGENT", 3)
    monkeypatch.setattr(streams, "MAX_STREAMS", 5)
    monkeypatch.setattr(streams, "MAX_RANGES", 4)
    held = reopen()
    for number in range(6):
        held.commit([incoming(1, stream=f"s{number}", received_ms=NOW_MS + number)])
    assert [figures.stream for figures in held.streams()] == ["s3", "s4", "s5"]  # the longest silent went
    assert held.commit([incoming(1, agent=agent) for agent in "bcd"]).fates == [J, J, Q]
    held = reopen()
    assert held.commit([incoming(seq, agent="b") for seq in (3, 5, 7, 9, 11)]).fates == [J, J, J, J, Q]
    # What fills or lengthens is still taken, so that no stream is ever stuck for good.
    assert held.commit([incoming(seq, agent="b") for seq in (10, 2, 11)]).fates == [J, J, J]
    assert held.dead_letter_counts() == {"too_many_streams": 1, "too_many_gaps": 1}


def test_ranges_that_do_not_fit_into_one_confirm_go_into_several(reopen: Open) -> None:
    held = reopen()
    held.commit([incoming(seq) for seq in range(1, 402, 2)])
    confirms = [parse_confirm(confirm) for confirm in held.confirms("a", "s")]
    assert [len(confirm.also) for confirm in confirms] == [64, 64, 64, 8]
    assert [first for confirm in confirms for first, _ in confirm.also] == list(range(3, 402, 2))
    assert {confirm.through for confirm in confirms} == {1}


def test_the_raw_message_is_at_hand_for_quarantine(reopen: Open) -> None:
    held = reopen()
    held.commit([incoming(1)])
    assert held.raw(held.last_position) == telemetry(1)
    assert held.raw(held.last_position + 1) == ("", b"")


def test_listeners_hear_of_each_commit(reopen: Open) -> None:
    held = reopen()
    heard: list[int] = []
    held.on_commit(lambda: heard.append(held.last_position))
    held.commit([incoming(1)])
    held.commit([incoming(2), incoming(3)])
    assert heard == [held.last_position - 2, held.last_position]


def test_a_verdict_of_a_hole_in_the_decoder_is_put_aside(reopen: Open) -> None:
    held = reopen()
    message = Incoming(
        "schoolpulse/v1/a/state", b"x", NOW_MS, Rejected("undecodable", "KeyError"), size=70_000
    )
    assert held.commit([message]).fates == [Q]
    assert held.dead_letters()[0].size == 70_000


def test_an_empty_commit_is_harmless(reopen: Open) -> None:
    held = reopen()
    assert held.commit([]) == ([], [])
