"""What the demonstration says on the console: one line an event, its time since the start before it."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class Show:
    """Writes to the console, from any thread; to standard error where a figure is wanted on the other."""

    def __init__(self, *, quiet: bool = False) -> None:
        self._out = sys.stderr if quiet else sys.stdout
        self._begin_s = time.monotonic()
        self._lock = threading.Lock()

    def elapsed_s(self) -> float:
        """Since the start."""
        return time.monotonic() - self._begin_s

    def say(self, text: str) -> None:
        """One line with its time."""
        self.line(f"{self.elapsed_s():7.1f} s  {text}")

    def line(self, text: str = "") -> None:
        """One line as it is."""
        with self._lock:
            self._out.write(text + "\n")
            self._out.flush()

    def result(self, text: str) -> None:
        """Standard output, whatever the rest goes to."""
        sys.stdout.write(text)

    def balance(self, summary: Mapping[str, object]) -> None:
        """The balance as a table."""
        self.line()
        for name, value in summary.items():
            self.line(f"  {name.replace('_', ' '):<20} {'-' if value is None else value:>10}")

    def webhook(self, body: Mapping[str, Any]) -> None:
        """A webhook as it arrived: what it says on a phone's lock screen."""
        self.say(f"webhook   {body.get('type', '?')}: {body.get('data', {}).get('title', '')}")


class Watcher:
    """Reads what a child adds to its log; for the events that the simulator tells there."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._read = 0

    def new_lines(self) -> list[str]:
        """The whole lines that were added since the last call."""
        if not self._log.exists():
            return []
        with self._log.open("rb") as file:
            file.seek(self._read)
            added = file.read()
        whole = added[: added.rfind(b"\n") + 1]
        self._read += len(whole)
        return whole.decode("utf-8", "replace").splitlines()


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """The balance of a demonstration; the keys of ``--summary`` (docs: `schoolpulse demo --help`)."""

    agents: int
    classrooms: int
    points_sent: int
    points_stored: int
    points_lost: int
    points_duplicated: int
    incidents: int
    webhooks_delivered: int
    first_point_s: float | None
