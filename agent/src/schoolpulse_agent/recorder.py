"""Gathers readings into batches and puts them into the spool: at intervals, and at once on news."""

from __future__ import annotations

import logging
import threading
from typing import Callable

from schoolpulse_agent import wire
from schoolpulse_agent.holding import Holding
from schoolpulse_agent.probes.base import Round
from schoolpulse_agent.spool import MAX_BODY_BYTES, Spool
from schoolpulse_agent.timekeeper import TimeKeeper

log = logging.getLogger(__name__)

MAX_SAMPLES = 1000


class Recorder:
    """The batch that is being filled. Thread-safe.

    Args:
        spool: where closed batches go.
        holding: where they wait while the time is not known.
        keeper: says what time it is.
        boot: the boot id.
        notify: called after something was put into the spool.
    """

    def __init__(
        self, spool: Spool, holding: Holding, keeper: TimeKeeper, boot: str, notify: Callable[[], None]
    ) -> None:
        self._spool = spool
        self._holding = holding
        self._keeper = keeper
        self._boot = boot
        self._notify = notify
        self._lock = threading.Lock()
        self._samples: list[wire.Sample] = []
        self._state = keeper.state()
        if self._state is not None:
            self._release()

    def take(self, found: Round, at: float) -> None:
        """Add what one round saw at the steady clock's second `at`; news closes the batch at once."""
        with self._lock:
            self._follow_clock()
            for reading in found.readings:
                at_ms = round((at if reading.at is None else reading.at) * 1000)
                if self._state is not None:
                    series = (reading.measurement, reading.tags)
                    at_ms = self._keeper.stamp(series, at_ms + self._keeper.offset_ms())
                self._samples.append(wire.Sample(reading.measurement, at_ms, reading.tags, reading.fields))
            if found.changes or len(self._samples) >= MAX_SAMPLES:
                self._close()

    def flush(self) -> None:
        """Close the batch; an empty one goes too, for it says that we live."""
        with self._lock:
            self._follow_clock()
            self._close()

    def _follow_clock(self) -> None:
        """One batch has one kind of time; when the clock becomes known, what waited for it is stamped."""
        state = self._keeper.state()
        if state == self._state:
            return
        if self._samples:
            self._close()
        was, self._state = self._state, state
        if was is None:
            self._release()

    def _release(self) -> None:
        if len(self._holding) and self._holding.release(self._spool, self._keeper.offset_ms()):
            self._notify()

    def _close(self) -> None:
        samples, self._samples = self._samples, []
        if self._state is None:
            if samples:
                self._holding.add(wire.blocks_of(samples))
            return
        self._append(samples, self._state)
        self._notify()

    def _append(self, samples: list[wire.Sample], state: str) -> None:
        body = wire.telemetry_body(self._boot, state, wire.blocks_of(samples))
        if len(body) <= MAX_BODY_BYTES:
            self._spool.append(body)
        elif len(samples) > 1:
            half = len(samples) // 2
            self._append(samples[:half], state)
            self._append(samples[half:], state)
        else:
            log.error("a sample of %s is too large for a message", samples[0].measurement)
