"""Time as a seam: everything that asks for it or waits takes a `Clock`."""

from __future__ import annotations

import contextlib
import threading
import time
from pathlib import Path
from typing import Protocol

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


class Clock(Protocol):
    """Wall clock, steady clock and waiting."""

    def now_ms(self) -> int:
        """Milliseconds since 1970, UTC; may step, and may be wrong until the network gave the time."""
        ...

    def monotonic(self) -> float:
        """Seconds since the machine started, or from no particular start; never run backwards."""
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
        """Seconds since the machine started, without its sleep: the same for all processes of one boot."""
        return time.monotonic()

    def wait(self, event: threading.Event, timeout_s: float) -> bool:
        """Wait in real time."""
        return event.wait(timeout_s)


def boot_id(path: Path = _BOOT_ID) -> str:
    """The kernel's random id of this boot, as 32 hexadecimal digits; ``unknown`` where it has none."""
    try:
        return path.read_text("ascii").strip().replace("-", "")[:64] or "unknown"
    except (OSError, ValueError):
        return "unknown"


def newest_change_ms(folder: Path) -> int:
    """When anything in `folder` was last written, in milliseconds; 0 where nothing is there.

    By the clock of then, so that it is certainly over now.
    """
    newest = 0.0
    for path in folder.rglob("*"):
        with contextlib.suppress(OSError):
            newest = max(newest, path.stat().st_mtime)
    return int(newest * 1000)
