"""Between the network's thread and the committer's: messages in order of receipt, bounded in bytes."""

from __future__ import annotations

import threading
from collections import deque
from typing import NamedTuple

POLL_S = 0.1


class Arrival(NamedTuple):
    """One message as the connection got it, or with an empty topic the connection's own coming and going.

    `epoch` counts connections: an acknowledgement is only worth something on the one it belongs to.
    """

    received_ms: int
    epoch: int
    mid: int
    qos: int
    topic: str
    payload: bytes
    retained: bool
    again: bool


class Inbox:
    """A queue of `Arrival` from one thread to one other. No lock is taken for a message."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._queue: deque[Arrival] = deque()
        # Each total is written by one thread only, so that adding to it needs no lock.
        self._bytes_in = 0
        self._bytes_out = 0
        self._idle = False
        self._filled = threading.Event()
        self._closed = threading.Event()
        self._in_hand_ms: int | None = None
        self._bytes_in_hand = 0

    def put(self, arrival: Arrival) -> None:
        """Add one; waits while too many bytes are here, which makes the broker wait in turn."""
        while self._bytes_in - self._bytes_out > self._max_bytes and not self._closed.wait(POLL_S):
            pass
        self._bytes_in += len(arrival.payload)
        self._queue.append(arrival)
        if self._idle:
            self._filled.set()

    def __len__(self) -> int:
        return len(self._queue)

    def take(self, max_messages: int, max_bytes: int) -> list[Arrival]:
        """The oldest ones, possibly none. They count as in hand until `done`."""
        taken: list[Arrival] = []
        queue = self._queue
        if queue:
            self._in_hand_ms = queue[0].received_ms
        size = 0
        while queue and len(taken) < max_messages and size < max_bytes:
            arrival = queue.popleft()
            size += len(arrival.payload)
            taken.append(arrival)
        self._bytes_in_hand = size
        return taken

    def done(self) -> None:
        """What `take` gave is committed."""
        self._bytes_out += self._bytes_in_hand
        self._bytes_in_hand = 0
        self._in_hand_ms = None

    def wait(self, timeout_s: float) -> None:
        """Return when there is something to take, or after `timeout_s`."""
        self._filled.clear()
        self._idle = True
        if not self._queue:  # looked at after `_idle` was set, so that no arrival goes unnoticed
            self._filled.wait(timeout_s)
        self._idle = False

    def wake(self) -> None:
        """End a `wait`."""
        self._filled.set()

    def close(self) -> None:
        """Let nobody wait for room any more."""
        self._closed.set()
        self.wake()

    def oldest_ms(self, now_ms: int) -> int:
        """The receipt of the oldest message that is not committed yet; `now_ms` where there is none."""
        in_hand_ms = self._in_hand_ms
        if in_hand_ms is not None:
            return min(in_hand_ms, now_ms)
        try:
            return min(self._queue[0].received_ms, now_ms)
        except IndexError:
            return now_ms
