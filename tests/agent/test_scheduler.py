"""Probes are spread, never pile up, and one's trouble is not the others'."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from fakes import FakeClock

from schoolpulse_agent.probes.base import Round
from schoolpulse_agent.scheduler import Scheduler, Workers


class Probe:
    """Notes when it is run, and does what the test says."""

    def __init__(self, clock: FakeClock, act: Callable[[], None] = lambda: None) -> None:
        self.clock = clock
        self.act = act
        self.at: list[float] = []

    def measure(self) -> Round:
        self.at.append(self.clock.monotonic())
        self.act()
        return Round([])


class Bench:
    """A scheduler whose tasks run where it stands, or wait until the test runs them."""

    def __init__(self, seed: str = "thcs-go-vap", *, at_once: bool = True) -> None:
        self.clock = FakeClock()
        self.waiting: list[Callable[[], None]] = []
        self.recorded: list[float] = []
        self.scheduler = Scheduler(self.clock, self.run, lambda _, at: self.recorded.append(at), seed)
        self.at_once = at_once

    def run(self, task: Callable[[], None]) -> None:
        if self.at_once:
            task()
        else:
            self.waiting.append(task)

    def go_on(self, seconds: float) -> None:
        end = self.clock.monotonic() + seconds
        while (wait_s := self.scheduler.tick()) + self.clock.monotonic() <= end:
            self.clock.advance(wait_s + 0.001)
        self.clock.advance(max(0.0, end - self.clock.monotonic()))


def test_the_first_round_is_soon_and_the_others_keep_the_interval() -> None:
    bench = Bench()
    probe = Probe(bench.clock)
    bench.scheduler.add("wan", probe, 10)
    bench.go_on(100)
    assert probe.at[0] <= 1
    steps = {round(b - a) for a, b in zip(probe.at[1:], probe.at[2:])}  # noqa: B905  # Python 3.9
    assert steps == {10}
    assert 10 <= len(probe.at) <= 11
    assert bench.recorded == probe.at


def test_agents_and_probes_measure_at_moments_of_their_own() -> None:
    moments: Counter[int] = Counter()
    for n in range(300):
        bench = Bench(f"school-{n}")
        probe = Probe(bench.clock)
        bench.scheduler.add("reachability", probe, 10)
        bench.go_on(25)
        moments[int(probe.at[-1] % 10)] += 1
    assert len(moments) == 10
    assert max(moments.values()) < 60


def test_a_slow_probe_leaves_rounds_out_and_says_so_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bench = Bench(at_once=False)
    probe = Probe(bench.clock)
    bench.scheduler.add("wan", probe, 10)
    bench.go_on(60)
    assert len(bench.waiting) == 1  # the second round never joins the first
    assert [r.message for r in caplog.records] == [
        "probe wan takes longer than its interval of 10 s: leaving rounds out"
    ]
    bench.waiting.pop()()
    bench.at_once = True
    bench.go_on(30)
    assert len(probe.at) >= 3
    assert caplog.records[-1].message == "probe wan keeps its interval again"
    assert len(caplog.records) == 2


def test_a_probe_that_fails_is_said_once_and_the_others_go_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    bench = Bench()

    def fail() -> None:
        raise OSError("no such device")

    bad, good = Probe(bench.clock, fail), Probe(bench.clock)
    bench.scheduler.add("bad", bad, 10)
    bench.scheduler.add("good", good, 10)
    bench.go_on(50)
    assert len(bad.at) >= 5
    assert len(bench.recorded) == len(good.at)
    bad.act = lambda: None
    bench.go_on(20)
    assert [r.message for r in caplog.records] == [
        "probe bad fails: OSError: no such device",
        "probe bad works again",
    ]


def test_workers_are_few_and_end() -> None:
    workers = Workers(2)
    running, release, done = threading.Semaphore(0), threading.Event(), threading.Semaphore(0)
    most: list[int] = []
    active = 0
    lock = threading.Lock()

    def task() -> None:
        nonlocal active
        with lock:
            active += 1
            most.append(active)
        running.release()
        assert release.wait(30)
        with lock:
            active -= 1
        done.release()

    for _ in range(6):
        workers(task)
    for _ in range(2):
        assert running.acquire(timeout=30)
    release.set()
    for _ in range(6):
        assert done.acquire(timeout=30)
    assert max(most) <= 2
    workers.stop(30)
    assert not any(thread.name.startswith("probe-") for thread in threading.enumerate())


def test_stopping_forgets_what_did_not_begin() -> None:
    workers = Workers(1)
    started, release = threading.Event(), threading.Event()
    begun: list[int] = []

    def first() -> None:
        started.set()
        release.wait(30)

    workers(first)
    assert started.wait(30)
    workers(lambda: begun.append(2))
    stopper = threading.Thread(target=workers.stop, args=(30,))
    stopper.start()
    release.set()
    stopper.join(30)
    assert begun == []
