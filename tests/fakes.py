"""Tiny fakes of the seams: the clock. (Network and disk fakes stand beside the tests that use them.)"""

from __future__ import annotations

import threading


class FakeClock:
    """Time that moves only when told to, or when somebody waits on it."""

    def __init__(self, now_ms: int = 1_790_000_000_000) -> None:
        self._now_ms = now_ms
        self._start_ms = now_ms

    def now_ms(self) -> int:
        return self._now_ms

    def monotonic(self) -> float:
        return (self._now_ms - self._start_ms) / 1000

    def advance(self, seconds: float) -> None:
        self._now_ms += round(seconds * 1000)

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        if not event.is_set():
            self.advance(timeout_s)
        return event.is_set()
