"""Which batch goes next: the newest first, the kept slowly, nothing twice while the collector is away."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from fakes import FakeClock

from schoolpulse_agent.disk import MemoryDisk
from schoolpulse_agent.settings import BatchSettings
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.window import MAX_TIMEOUT_S, BatchId, Window
from schoolpulse_agent.wire import Confirm

SETTINGS = BatchSettings(in_flight=4, backlog_per_s=2, confirm_timeout_s=30)


class Bench:
    """A window on a spool in memory, and a clock that moves when told."""

    def __init__(self, backlog: int = 0, settings: BatchSettings = SETTINGS) -> None:
        self.clock = FakeClock()
        self.spool = Spool(Path("/spool"), max_bytes=1_000_000, disk=MemoryDisk())
        self.append(backlog)
        self.window = Window(self.spool, settings, self.clock, random.Random(1))
        self.clock.advance(1)
        self.window.reset()

    def append(self, count: int) -> None:
        for _ in range(count):
            self.spool.append(b"{}")

    def send_all(self) -> list[int]:
        """Send what may go now."""
        sent = []
        while (batch := self.window.next()) is not None:
            self.window.sent(batch)
            sent.append(batch.seq)
        return sent

    def confirm(self, *seqs: int) -> None:
        confirm = Confirm(self.spool.stream, 0, tuple((seq, seq) for seq in seqs))
        self.spool.confirm(confirm)
        self.window.confirmed(confirm)

    def wait(self) -> float:
        wait_s = self.window.wait_s()
        assert wait_s is not None
        self.clock.advance(wait_s + 0.01)
        return wait_s


def test_new_batches_go_in_their_order_at_once() -> None:
    bench = Bench()
    bench.append(3)
    assert bench.send_all() == [1, 2, 3]
    assert bench.send_all() == []


def test_the_newest_goes_first_and_the_backlog_follows_at_its_rate_newest_first() -> None:
    bench = Bench(backlog=10)
    assert bench.send_all() == [10, 9, 8]  # the newest, and the burst that the rate allows
    bench.confirm(10, 9, 8)
    assert bench.send_all() == []
    times = []
    for expected in (7, 6, 5):
        times.append(bench.wait())
        assert bench.send_all() == [expected]
        bench.confirm(expected)
    assert times == pytest.approx([0.5] * 3, abs=0.05)


def test_a_new_batch_overtakes_the_backlog() -> None:
    bench = Bench(backlog=10)
    bench.send_all()
    bench.confirm(10, 9, 8)
    bench.append(1)
    assert bench.send_all() == [11]


def test_no_more_than_the_window_is_in_flight() -> None:
    bench = Bench()
    bench.append(9)
    assert bench.send_all() == [1, 2, 3, 4]
    bench.confirm(2)
    assert bench.send_all() == [5]


def test_one_lost_batch_is_sent_again_after_its_time_and_the_time_doubles() -> None:
    bench = Bench()
    bench.append(1)
    assert bench.send_all() == [1]
    waits = []
    for turn in range(2, 5):
        bench.append(1)
        assert bench.send_all() == [turn]
        bench.clock.advance(0.1)
        bench.confirm(turn)  # the collector is there: only batch 1 got lost
        waits.append(bench.wait())
        assert bench.send_all() == [1]
    for wait, at_least in list(zip(waits, (30, 60, 120))):  # noqa: B905  # Python 3.9 knows no strict
        assert at_least - 0.2 <= wait <= at_least * 1.5 + 0.2


def test_while_the_collector_is_away_only_new_batches_and_rare_questions_go() -> None:
    bench = Bench(settings=SETTINGS._replace(in_flight=40))
    bench.append(5)
    assert bench.send_all() == [1, 2, 3, 4, 5]
    sent: list[int] = []
    hours = 6
    for minute in range(hours * 60):
        bench.clock.advance(60)
        if minute % 30 == 0:
            bench.append(1)
        sent += bench.send_all()
    new = [seq for seq in sent if seq > 5]
    assert sorted(set(new)) == list(range(6, 6 + hours * 2))
    assert bench.window.stalled
    # One question each quarter of an hour at the most, a few more while the times still double.
    assert len(sent) - len(set(new)) <= hours * 4 + 6
    bench.confirm(bench.spool.last_seq)
    assert not bench.window.stalled
    bench.clock.advance(10)
    assert bench.send_all()[:2] == [bench.spool.last_seq - 1, bench.spool.last_seq - 2]


def test_a_reconnect_sends_everything_unconfirmed_again() -> None:
    bench = Bench()
    bench.append(3)
    bench.send_all()
    bench.confirm(2)
    bench.clock.advance(5)
    bench.window.reset()
    assert bench.send_all() == [3, 1]


def test_what_cannot_be_sent_now_does_not_hold_up_the_rest() -> None:
    bench = Bench(backlog=3)
    batch = bench.window.next()
    assert batch is not None
    bench.window.refused(batch)
    assert bench.send_all() == [2, 1]
    bench.confirm(1, 2)
    bench.clock.advance(10)
    assert bench.send_all() == []
    assert bench.window.wait_s() == pytest.approx(MAX_TIMEOUT_S - 10, abs=1)


def test_former_streams_follow_as_backlog() -> None:
    disk = MemoryDisk()
    former = Spool(Path("/spool"), max_bytes=1_000_000, disk=disk)
    former.append(b"old")
    (segment,) = (path for path in disk.files if path.suffix == ".seg")
    del disk.files[segment][-1]
    bench = Bench()
    bench.spool = Spool(Path("/spool"), max_bytes=1_000_000, disk=disk)
    bench.spool.append(b"new")
    window = Window(bench.spool, SETTINGS, bench.clock, random.Random(1))
    window.reset()
    first = window.next()
    assert first == BatchId(bench.spool.stream, 1)
    window.sent(first)
    assert window.next() == BatchId(former.stream, 1)


def test_an_empty_window_has_nothing_to_wait_for() -> None:
    bench = Bench()
    assert bench.send_all() == []
    assert bench.window.wait_s() is None


def test_a_stall_ends_when_nothing_is_owed_any_more() -> None:
    bench = Bench()
    bench.append(1)
    bench.send_all()
    bench.clock.advance(60)
    assert bench.send_all() == []
    assert bench.window.stalled
    bench.spool.confirm(Confirm(bench.spool.stream, 1))  # say, discarded: nobody told the window
    bench.clock.advance(60)
    assert bench.send_all() == []
    assert bench.window.wait_s() is None
