"""Runs probes at their intervals: spread over the interval, never two rounds of one at once, never a pile."""

from __future__ import annotations

import logging
import threading
import zlib
from collections import deque
from typing import Callable

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.probes.base import Probe, Round

log = logging.getLogger(__name__)

FIRST_WITHIN_S = 1.0
"""The first rounds come within so much of the start; later ones at the agent's own moments."""


class Job:
    """One probe with its interval.

    Args:
        name: in the configuration and in logs.
        probe: what to run.
        interval_s: how often.
        phase: where in the interval, from 0 to 1.
    """

    def __init__(self, name: str, probe: Probe, interval_s: float, phase: float) -> None:
        self.name = name
        self.probe = probe
        self.interval_s = interval_s
        self.phase = phase
        self.due_at = 0.0
        self.busy = False
        self._slow = False
        self._failing = ""

    def plan_first(self, now: float) -> None:
        """The first round is soon."""
        self.due_at = now + self.phase * min(FIRST_WITHIN_S, self.interval_s)

    def plan_next(self, now: float) -> None:
        """The next round is at the next of this job's own moments."""
        rounds = (now - self.phase * self.interval_s) // self.interval_s + 1
        self.due_at = (rounds + self.phase) * self.interval_s

    def say_slow(self, slow: bool) -> None:
        """Log once when rounds begin to be left out, and once when they do not any more."""
        if slow and not self._slow:
            log.warning(
                "probe %s takes longer than its interval of %g s: leaving rounds out",
                self.name,
                self.interval_s,
            )
        elif self._slow and not slow:
            log.info("probe %s keeps its interval again", self.name)
        self._slow = slow

    def say_failed(self, failure: str) -> None:
        """Log once when a probe begins to fail in one way, and once when it works again."""
        if failure and failure != self._failing:
            log.warning("probe %s fails: %s", self.name, failure)
        elif self._failing and not failure:
            log.info("probe %s works again", self.name)
        self._failing = failure


class Workers:
    """A few threads that run what they are given, in order.

    Args:
        count: how many threads at most; each is started when it is first needed.
    """

    def __init__(self, count: int) -> None:
        self._count = count
        self._tasks: deque[Callable[[], None]] = deque()
        self._ready = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._idle = 0
        self._stopping = False

    def __call__(self, task: Callable[[], None]) -> None:
        """Run `task` as soon as a thread is free."""
        with self._ready:
            self._tasks.append(task)
            if self._idle < len(self._tasks) and len(self._threads) < self._count:
                thread = threading.Thread(target=self._work, name=f"probe-{len(self._threads)}", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._ready.notify()

    def stop(self, timeout_s: float) -> None:
        """Let running tasks end, for at most `timeout_s` each, and forget the others."""
        with self._ready:
            self._stopping = True
            self._tasks.clear()
            self._ready.notify_all()
        for thread in self._threads:
            thread.join(timeout_s)

    def _work(self) -> None:
        while True:
            with self._ready:
                self._idle += 1
                while not self._tasks and not self._stopping:
                    self._ready.wait()
                self._idle -= 1
                if self._stopping:
                    return
                task = self._tasks.popleft()
            task()


class Scheduler:
    """Runs jobs when they are due.

    Args:
        clock: the steady clock.
        run: takes a task and runs it, now or later, here or in another thread.
        record: takes what a round saw, and the steady clock's second at which it began.
        seed: the agent's id; agents with other ids measure at other moments.
    """

    def __init__(
        self,
        clock: Clock,
        run: Callable[[Callable[[], None]], None],
        record: Callable[[Round, float], None],
        seed: str,
    ) -> None:
        self._clock = clock
        self._run = run
        self._record = record
        self._seed = seed
        self._jobs: list[Job] = []

    def add(self, name: str, probe: Probe, interval_s: float) -> None:
        """Run `probe` each `interval_s`, the first time soon."""
        phase = zlib.crc32(f"{self._seed}/{name}".encode()) / 2**32
        job = Job(name, probe, interval_s, phase)
        job.plan_first(self._clock.monotonic())
        self._jobs.append(job)

    def run_now(self, name: str) -> bool:
        """Let the probe `name` look at the next tick, besides its own rhythm; False where there is none."""
        job = self._job(name)
        if job is not None:
            job.due_at = self._clock.monotonic()
        return job is not None

    def set_interval(self, name: str, interval_s: float) -> bool:
        """Let the probe `name` look each `interval_s` from now on; False where there is none."""
        job = self._job(name)
        if job is not None:
            job.interval_s = interval_s
            job.plan_next(self._clock.monotonic())
        return job is not None

    def _job(self, name: str) -> Job | None:
        return next((job for job in self._jobs if job.name == name), None)

    def tick(self) -> float:
        """Start what is due; seconds until something will be."""
        now = self._clock.monotonic()
        for job in self._jobs:
            if job.due_at > now:
                continue
            job.plan_next(now)
            if job.busy:
                job.say_slow(True)
                continue
            job.busy = True
            self._run(lambda job=job: self._round(job))  # type: ignore[misc]  # binds this round's job
        return max(0.0, min((job.due_at for job in self._jobs), default=now + 60) - now)

    def _round(self, job: Job) -> None:
        began_at = self._clock.monotonic()
        try:
            found = job.probe.measure()
            job.say_failed("")
            for change in found.changes:
                log.info("%s", change)
            self._record(found, began_at)
        except Exception as error:  # noqa: BLE001  # one probe's trouble is not the others'
            job.say_failed(f"{type(error).__name__}: {error}")
        finally:
            if self._clock.monotonic() - began_at < job.interval_s:
                job.say_slow(False)
            job.busy = False
