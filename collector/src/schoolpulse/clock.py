"""Time as a seam: everything that asks for it or waits takes a `Clock`."""

from __future__ import annotations

import threading
import time
from typing import Protocol


class Clock(Protocol):
    """Wall clock, steady clock and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC; may step."""
        ...

    def monotonic(self) -> float:
        """Seconds that never run backwards, from no particular start."""
        ...

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait until `event` is set or `timeout_s` is over; whether it was set."""
        ...


class SystemClock:
    """The machine's clock."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Seconds of the steady clock."""
        return time.monotonic()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait in real time."""
        return event.wait(timeout_s)
