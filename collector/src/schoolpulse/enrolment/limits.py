"""How often somebody may be wrong: tries counted by sender and in all, for a minute."""

from __future__ import annotations

import threading
from collections import deque

from schoolpulse.clock import Clock

WINDOW_S = 60.0
PER_SENDER = 10
IN_ALL = 120
MAX_SENDERS = 10_000


class Tries:
    """Failed tries of the last minute.

    Args:
        clock: the steady clock.
        per_sender: failures of one sender after which it has to wait.
        in_all: failures of all together after which everybody has to.
    """

    def __init__(self, clock: Clock, *, per_sender: int = PER_SENDER, in_all: int = IN_ALL) -> None:
        self._clock = clock
        self._per_sender = per_sender
        self._in_all = in_all
        self._lock = threading.Lock()
        self._failures: deque[tuple[float, str]] = deque()
        self._by_sender: dict[str, int] = {}

    def wait_s(self, sender: str) -> float:
        """Seconds until `sender` may try again; 0 where it may now."""
        with self._lock:
            self._forget()
            if self._by_sender.get(sender, 0) < self._per_sender and len(self._failures) < self._in_all:
                return 0.0
            return max(1.0, self._failures[0][0] + WINDOW_S - self._clock.monotonic())

    def failed(self, sender: str) -> None:
        """`sender` was wrong."""
        with self._lock:
            self._forget()
            if len(self._failures) < MAX_SENDERS:
                self._failures.append((self._clock.monotonic(), sender))
                self._by_sender[sender] = self._by_sender.get(sender, 0) + 1

    def _forget(self) -> None:
        before = self._clock.monotonic() - WINDOW_S
        while self._failures and self._failures[0][0] <= before:
            sender = self._failures.popleft()[1]
            left = self._by_sender[sender] - 1
            if left:
                self._by_sender[sender] = left
            else:
                del self._by_sender[sender]
