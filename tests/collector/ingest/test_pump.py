"""Sinks are fed in order, each at its own pace; what fails comes again, and one culprit stops nobody."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from collector.ingest.messages_in import NOW_MS, incoming
from fakes import FakeClock

from schoolpulse.clock import Clock, SystemClock
from schoolpulse.contract.models import Telemetry
from schoolpulse.errors import JournalFull, SinkUnavailable
from schoolpulse.ingest import pump
from schoolpulse.ingest.journal import Journal
from schoolpulse.ingest.pump import SinkRunner
from schoolpulse.ingest.trimmer import Trimmer
from schoolpulse.messages import Received
from schoolpulse.metrics import Metrics


class RecordingSink:
    """Keeps the numbers it was given; fails as the test says; stops the runner when it is idle."""

    name = "recording"

    def __init__(self, position: int = 0) -> None:
        self.at = position
        self.seqs: list[int] = []
        self.calls = 0
        self.told: list[int] = []
        self.fail: Callable[[list[int]], None] = lambda _seqs: None
        self.on_idle: Callable[[], None] = lambda: None

    def position(self) -> int:
        return self.at

    def process(self, messages: Sequence[Received], through: int) -> None:
        self.calls += 1
        seqs = [message.body.seq for message in messages if isinstance(message.body, Telemetry)]
        self.fail(seqs)
        self.seqs += seqs
        self.at = through

    def idle(self, now_ms: int) -> None:
        self.told.append(now_ms)
        self.on_idle()


class Waits(FakeClock):
    """Also writes down how long it was waited."""

    def __init__(self) -> None:
        super().__init__(NOW_MS)
        self.waits: list[float] = []

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        self.waits.append(timeout_s)
        return super().wait(event, timeout_s)


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[Journal]:
    opened = Journal(tmp_path / "j.db", max_bytes=1 << 30, metrics=Metrics(), clock=FakeClock(NOW_MS))
    yield opened
    opened.close()


def _runner(journal: Journal, sink: RecordingSink, clock: Clock | None = None) -> SinkRunner:
    """A runner whose `_run`, called here and now, ends when the sink has everything."""
    runner = SinkRunner(journal, sink, clock or Waits(), Metrics())
    sink.on_idle = runner._stopping.set
    return runner


def test_a_sink_gets_everything_in_order_from_its_own_position(
    journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pump, "BATCH_MESSAGES", 3)
    journal.commit([incoming(seq) for seq in range(1, 11)])
    fourth = journal.read(0, 10)[3].position
    sink = RecordingSink(fourth)
    runner = _runner(journal, sink)
    assert (runner.position, runner.caught_up) == (None, False)
    runner._run()
    assert (sink.seqs, sink.calls, sink.at) == ([5, 6, 7, 8, 9, 10], 2, journal.last_position)
    assert (runner.position, runner.caught_up) == (journal.last_position, True)


def test_an_idle_sink_is_told_a_time_that_nothing_can_precede(journal: Journal) -> None:
    sink = RecordingSink()
    runner = _runner(journal, sink)
    runner._run()
    (told,) = sink.told
    journal.commit([incoming(1, received_ms=NOW_MS - 5_000)])
    assert journal.read(0, 1)[0].received_ms >= told == NOW_MS


def test_what_a_sink_cannot_take_comes_again_and_is_said_once(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    journal.commit([incoming(1), incoming(2)])
    sink = RecordingSink()

    def away(_seqs: list[int]) -> None:
        if sink.calls < 5:
            raise SinkUnavailable("the database is away", hint="start it", retry_after_s=7.0)

    sink.fail = away
    clock = Waits()
    runner = _runner(journal, sink, clock)
    runner._run()
    assert (sink.seqs, sink.calls) == ([1, 2], 5)
    assert clock.waits[:4] == [7.0] * 4
    assert caplog.text.count("takes nothing") == 1
    assert "start it" in caplog.text
    assert caplog.text.count("takes messages again") == 1
    assert runner.failing == ""


def test_a_sink_that_stumbles_gets_the_same_again(journal: Journal) -> None:
    journal.commit([incoming(1), incoming(2)])
    sink = RecordingSink()

    def stumble(_seqs: list[int]) -> None:
        if sink.calls < 3:
            raise OSError("a disk hiccup")

    sink.fail = stumble
    _runner(journal, sink)._run()
    assert sink.seqs == [1, 2]
    assert journal.dead_letter_counts() == {}


def test_one_message_that_breaks_a_sink_is_put_aside_and_no_other(
    journal: Journal, caplog: pytest.LogCaptureFixture
) -> None:
    journal.commit([incoming(seq) for seq in range(1, 101)])
    sink = RecordingSink()

    def choke(seqs: list[int]) -> None:
        if 42 in seqs:
            raise KeyError("a hole in the sink")

    sink.fail = choke
    runner = _runner(journal, sink)
    runner._run()
    assert sink.seqs == [seq for seq in range(1, 101) if seq != 42]
    (letter,) = journal.dead_letters()
    assert (letter.reason, letter.detail) == ("sink_failed", "recording: KeyError")
    assert b'"seq":42,' in letter.payload
    assert letter.source == "schoolpulse/v1/a/telemetry"
    assert "quarantine" in caplog.text


def test_a_sink_that_fails_at_everything_empties_nothing_into_quarantine(journal: Journal) -> None:
    journal.commit([incoming(seq) for seq in range(1, 51)])
    sink = RecordingSink()
    runner = _runner(journal, sink)

    def broken(_seqs: list[int]) -> None:
        if sink.calls > 200:
            runner._stopping.set()
        raise RuntimeError("a bug")

    sink.fail = broken
    runner._run()
    assert journal.dead_letter_counts() == {}
    assert runner.failing == "RuntimeError: a bug"


def test_a_sink_that_fails_at_every_message_loses_few_before_somebody_looks(journal: Journal) -> None:
    """It takes an empty batch, and so looks as if each message were the culprit."""
    journal.commit([incoming(seq) for seq in range(1, 51)])
    sink = RecordingSink()
    clock = Waits()
    runner = _runner(journal, sink, clock)

    def broken(seqs: list[int]) -> None:
        if clock.monotonic() > 600:
            runner._stopping.set()
        if seqs:
            raise RuntimeError("a bug")

    sink.fail = broken
    runner._run()
    aside = journal.dead_letter_counts()["sink_failed"]
    assert pump.ASIDE_IN_A_ROW <= aside < 40  # ten minutes of it


def test_the_culprit_is_kept_until_quarantine_takes_it(journal: Journal) -> None:
    journal.commit([incoming(seq) for seq in (1, 2, 3)])
    sink = RecordingSink()
    tries: list[int] = []

    def choke(seqs: list[int]) -> None:
        if 2 in seqs:
            raise KeyError("a hole in the sink")

    class Refusing:
        """The journal while its disk takes nothing three times."""

        def __getattr__(self, name: str) -> object:
            return getattr(journal, name)

        def put_aside(self, *letter: object) -> None:
            tries.append(1)
            if len(tries) < 4:
                raise JournalFull("the disk is full")
            journal.put_aside(*letter)  # type: ignore[arg-type]  # passed through as they came

    sink.fail = choke
    runner = _runner(Refusing(), sink)  # type: ignore[arg-type]  # all of a journal that a runner uses
    runner._run()
    assert sink.seqs == [1, 3]
    assert journal.dead_letter_counts() == {"sink_failed": 1}


def test_a_journal_that_cannot_be_read_is_read_again(journal: Journal) -> None:
    journal.commit([incoming(seq) for seq in (1, 2, 3)])
    hiccups = iter([OSError("one"), OSError("two"), OSError("three")])

    class Hiccuping:
        """The journal while its disk gives nothing."""

        def __getattr__(self, name: str) -> object:
            return getattr(journal, name)

        def read(self, after: int, limit: int) -> Sequence[Received]:
            if hiccup := next(hiccups, None):
                raise hiccup
            return journal.read(after, limit)

    sink = RecordingSink()
    _runner(Hiccuping(), sink)._run()  # type: ignore[arg-type]  # all of a journal that a runner uses
    assert sink.seqs == [1, 2, 3]


def test_a_position_that_cannot_be_read_is_asked_again(journal: Journal) -> None:
    journal.commit([incoming(1)])
    answers = iter([SinkUnavailable("not yet"), OSError("nor now")])

    class Late(RecordingSink):
        def position(self) -> int:
            if answer := next(answers, None):
                raise answer
            return super().position()

    sink = Late()
    _runner(journal, sink)._run()
    assert sink.seqs == [1]


def test_threads_feed_two_sinks_and_one_being_away_does_not_hold_up_the_other(journal: Journal) -> None:
    well, away = RecordingSink(), RecordingSink()
    away.name = "away"
    back = threading.Event()

    def gone(_seqs: list[int]) -> None:
        if not back.is_set():
            raise SinkUnavailable("away", retry_after_s=0.001)

    away.fail = gone
    runners = [SinkRunner(journal, sink, SystemClock(), Metrics()) for sink in (well, away)]
    have_all = threading.Event()
    expected = list(range(1, 301))
    for sink in (well, away):
        sink.on_idle = lambda: have_all.set() if well.seqs == expected else None
    for runner in runners:
        runner.start()
    for first in range(1, 301, 10):
        journal.commit([incoming(seq) for seq in range(first, first + 10)])
    assert have_all.wait(60)
    assert away.seqs == []
    assert Trimmer(journal, runners, SystemClock()).trim_once() is False
    back.set()
    while not runners[1].caught_up:
        threading.Event().wait(0.01)  # another thread's back-off
    assert away.seqs == expected
    assert all(runner.stop() for runner in runners)


def test_the_trimmer_waits_for_the_slowest_and_for_one_that_is_not_known_yet(journal: Journal) -> None:
    journal.commit([incoming(seq) for seq in range(1, 11)])
    first = journal.read(0, 1)[0].position
    quick, slow = RecordingSink(), RecordingSink(first + 3)
    runners = [_runner(journal, quick), _runner(journal, slow)]
    trimmer = Trimmer(journal, runners, Waits())
    runners[0]._run()
    assert trimmer.trim_once() is False
    assert journal.backlog(0) == 10
    slow.fail = lambda _seqs: (_ for _ in ()).throw(SinkUnavailable("away"))
    with pytest.raises(SinkUnavailable):
        runners[1].run_once()
    assert trimmer.trim_once() is True
    assert journal.backlog(0) == 6


def test_the_trimmer_trims_in_a_thread_of_its_own(journal: Journal) -> None:
    journal.commit([incoming(seq) for seq in range(1, 11)])
    runner = _runner(journal, RecordingSink())
    runner._run()
    trimmer = Trimmer(journal, [runner], _Quick())
    trimmer.start()
    while journal.backlog(0) > 1:
        threading.Event().wait(0.01)  # the trimmer's thread
    assert trimmer.stop()


class _Quick(SystemClock):
    """Waits a thousandth of what was asked for."""

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        return event.wait(timeout_s / 1000)
