"""Commit, then acknowledge in order, then confirm; and on, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from collector.ingest.messages_in import NOW_MS, telemetry
from fakes import FakeClock

from schoolpulse.contract.decode import Decoded
from schoolpulse.errors import JournalFull
from schoolpulse.ingest.committer import PACE_S, Committer
from schoolpulse.ingest.confirmer import Confirmer
from schoolpulse.ingest.inbox import Arrival, Inbox
from schoolpulse.ingest.incoming import Committed, Incoming
from schoolpulse.ingest.journal import Journal
from schoolpulse.messages import Sign
from schoolpulse.metrics import Metrics
from schoolpulse_agent import wire


def arrival(seq: int, *, agent: str = "a", received_ms: int = NOW_MS) -> Arrival:
    topic, payload = telemetry(seq, agent=agent)
    return Arrival(received_ms, 1, seq, 1, topic, payload, False, False)


class FailingJournal:
    """A journal that fails as the test says and otherwise is the real one."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self.full = 0
        self.hates = b""

    def commit(self, incoming: Sequence[Incoming]) -> Committed:
        if self.full:
            self.full -= 1
            raise JournalFull("the disk is full", hint="make room")
        decoded = [one.payload for one in incoming if isinstance(one.verdict, Decoded)]
        if self.hates and any(self.hates in payload for payload in decoded):
            raise KeyError("a hole in the journal")
        return self._journal.commit(incoming)


class Bench:
    """A committer on a real journal, with everything it calls written down."""

    def __init__(self, folder: Path, *, confirms_per_s: float = 1_000_000) -> None:
        self.metrics = Metrics()
        self.clock = FakeClock(NOW_MS)
        self.journal = Journal(folder / "j.db", max_bytes=1 << 30, metrics=self.metrics, clock=self.clock)
        self.inbox = Inbox(1 << 20)
        self.acknowledged: list[int] = []
        self.sent: list[tuple[str, wire.Confirm]] = []
        self.reachable = True
        self.crowded_until_s = 0.0
        self.confirmer = Confirmer(self.journal, self._publish, confirms_per_s, self.clock, self.metrics)
        self.failing = FailingJournal(self.journal)
        self.committer = Committer(
            self.inbox,
            self.failing,  # type: ignore[arg-type]  # all of a journal that a committer uses
            self._acknowledge,
            self.confirmer,
            linger_s=0.01,
            clock=self.clock,
            metrics=self.metrics,
            crowded=lambda: self.clock.monotonic() < self.crowded_until_s,
        )

    def _publish(self, topic: str, payload: bytes) -> bool:
        if self.reachable:
            self.sent.append((topic, wire.parse_confirm(payload)))
        return self.reachable

    def _acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        held = self.journal.backlog(0) + sum(self.journal.dead_letter_counts().values())
        assert held >= len(self.acknowledged) + len(arrivals)  # on disk before anybody is told
        self.acknowledged += [one.mid for one in arrivals]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    made = Bench(tmp_path)
    yield made
    made.journal.close()


def test_a_group_is_committed_then_acknowledged_in_order_then_confirmed_once(bench: Bench) -> None:
    for seq in (3, 1, 2):
        bench.inbox.put(arrival(seq))
    assert bench.committer.step()
    assert bench.acknowledged == [3, 1, 2]
    assert bench.sent == [("schoolpulse/v1/a/confirm", wire.Confirm("s", 3))]
    assert not bench.committer.step()


@pytest.mark.parametrize(("busy_s", "waits_s"), [(0.0, 0.0), (0.5, 0.5), (60.0, PACE_S)])
def test_sinks_at_work_are_waited_for_but_not_for_long(bench: Bench, busy_s: float, waits_s: float) -> None:
    begin_s = bench.clock.monotonic()
    bench.crowded_until_s = begin_s + busy_s
    bench.committer._let_sinks_follow()
    assert bench.clock.monotonic() - begin_s == pytest.approx(waits_s, abs=0.02)


def test_confirms_wait_for_a_connection_and_are_joined(bench: Bench) -> None:
    bench.reachable = False
    for seq in range(1, 6):
        bench.inbox.put(arrival(seq))
        bench.committer.step()
    assert (bench.sent, bench.confirmer.waiting) == ([], 1)
    bench.reachable = True
    bench.committer.step()
    assert bench.sent == [("schoolpulse/v1/a/confirm", wire.Confirm("s", 5))]


def test_confirms_are_paced_and_nobody_is_forgotten(tmp_path: Path) -> None:
    bench = Bench(tmp_path, confirms_per_s=8)
    for seq in range(1, 4):
        for agent in "abcdefgh":
            bench.inbox.put(arrival(seq, agent=agent))
        bench.committer.step()
    assert len(bench.sent) == 2  # a quarter of a second's worth at once
    for _ in range(6):
        bench.clock.advance(0.125)
        bench.committer.step()
    assert [topic.split("/")[2] for topic, _ in bench.sent] == list("abcdefgh")
    assert [confirm.through for _, confirm in bench.sent[2:]] == [3] * 6
    bench.journal.close()


def test_a_full_journal_is_tried_until_it_takes_the_group(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.failing.full = 5
    bench.inbox.put(arrival(1))
    assert bench.committer.step()
    assert bench.acknowledged == [1]
    assert caplog.text.count("nothing is acknowledged") == 1
    assert bench.committer.blocked == ""


def test_told_to_stop_while_blocked_it_acknowledges_nothing(bench: Bench) -> None:
    bench.failing.full = 1_000_000
    bench.inbox.put(arrival(1))
    bench.committer.start()
    while not bench.committer.blocked:
        threading.Event().wait(0.01)  # the committer's thread
    assert bench.committer.stop()
    assert bench.acknowledged == []


def test_one_message_that_breaks_the_journal_keeps_no_other_from_it(bench: Bench) -> None:
    bench.failing.hates = b'"seq":2,'
    for seq in (1, 2, 3):
        bench.inbox.put(arrival(seq))
    assert bench.committer.step()
    assert bench.acknowledged == [1, 2, 3]
    assert bench.journal.dead_letter_counts() == {"undecodable": 1}
    signs = [message for message in bench.journal.read(0, 9) if isinstance(message.body, Sign)]
    assert (bench.journal.backlog(0), len(signs)) == (3, 1)


class Unheard(bytes):
    """A payload that breaks the decoder in a way that it does not expect."""

    def isascii(self) -> bool:
        raise RecursionError("unheard of")


def test_a_hole_in_the_decoder_costs_one_message(bench: Bench) -> None:
    for seq in (1, 2, 3):
        good = arrival(seq)
        bench.inbox.put(good._replace(payload=Unheard(good.payload)) if seq == 2 else good)
    assert bench.committer.step()
    assert bench.acknowledged == [1, 2, 3]
    assert bench.journal.dead_letter_counts() == {"undecodable": 1}


def test_what_is_left_at_a_stop_is_committed(bench: Bench) -> None:
    for seq in range(1, 100):
        bench.inbox.put(arrival(seq))
    bench.committer.start()
    assert bench.committer.stop()
    assert not bench.committer.alive
    assert bench.acknowledged == list(range(1, 100))


def test_the_oldest_that_waits_is_known_until_it_is_committed(bench: Bench) -> None:
    inbox = bench.inbox
    assert inbox.oldest_ms(NOW_MS + 9) == NOW_MS + 9
    inbox.put(arrival(1, received_ms=NOW_MS))
    inbox.put(arrival(2, received_ms=NOW_MS + 5))
    assert inbox.oldest_ms(NOW_MS + 9) == NOW_MS
    inbox.take(1, 1 << 20)
    assert inbox.oldest_ms(NOW_MS + 9) == NOW_MS
    inbox.done()
    assert inbox.oldest_ms(NOW_MS + 9) == NOW_MS + 5
    inbox.take(9, 1 << 20)
    inbox.done()
    assert inbox.oldest_ms(NOW_MS + 9) == NOW_MS + 9


def test_an_inbox_gives_groups_bounded_in_number_and_bytes() -> None:
    inbox = Inbox(1 << 30)
    for seq in range(1, 11):
        inbox.put(arrival(seq))
    size = len(arrival(1).payload)
    assert [one.mid for one in inbox.take(4, 1 << 20)] == [1, 2, 3, 4]
    assert [one.mid for one in inbox.take(100, size + 1)] == [5, 6]
    assert len(inbox) == 4


def test_an_inbox_that_is_full_makes_its_sender_wait() -> None:
    inbox = Inbox(1_000)
    inbox.put(arrival(1)._replace(payload=b"x" * 2_000))
    entered = threading.Event()

    def put() -> None:
        entered.set()
        inbox.put(arrival(2))

    sender = threading.Thread(target=put)
    sender.start()
    assert entered.wait(60)
    assert len(inbox) == 1
    inbox.take(9, 1 << 20)
    inbox.done()
    sender.join(60)
    assert len(inbox) == 1
    inbox.put(arrival(3)._replace(payload=b"x" * 2_000))
    inbox.close()
    inbox.put(arrival(4))  # nobody waits any more
    assert len(inbox) == 3
