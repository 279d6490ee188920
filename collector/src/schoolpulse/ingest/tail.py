"""The journal's newest messages, still decoded, so that sinks which keep up never decode again."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from schoolpulse.messages import Received


class _Run(NamedTuple):
    """Messages with an unbroken run of positions; `ends` adds up the sizes of their payloads from `begin`."""

    messages: list[Received]
    ends: list[int]
    begin: int


class Tail:
    """The last messages in an unbroken run of positions, bounded in number and in bytes of payload.

    One thread adds; any thread may slice without a lock: what it sees is a run that was whole when it
    took it, since lists are only appended to, the sizes first, and a shortened run is a new one.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._run = _Run([], [], 0)

    def extend(self, messages: Sequence[Received], sizes: Sequence[int]) -> None:
        """Add messages that follow right on the newest, with the sizes of their payloads."""
        kept, ends, begin = self._run
        end = ends[-1] if ends else begin
        for size in sizes:
            end += size
            ends.append(end)
        kept.extend(messages)
        if len(kept) > self._max_messages or end - begin > self._max_bytes:
            self._shorten()

    def _shorten(self) -> None:
        """Down to half, so that the copying costs each message once or twice in its life."""
        kept, ends, _ = self._run
        drop = max(len(kept) - self._max_messages // 2, bisect_left(ends, ends[-1] - self._max_bytes // 2))
        drop = min(max(drop, 1), len(kept))
        self._run = _Run(kept[drop:], ends[drop:], ends[drop - 1])

    def crowded_by(self, position: int) -> bool:
        """Whether more than a third of what fits lies after `position`: the next group may cut it off.

        Not so for a position that is cut off already.
        """
        messages, ends, begin = self._run
        if not messages or position < messages[0].position - 1:
            return False
        start = position - messages[0].position + 1
        before = ends[start - 1] if start else begin
        return ends[-1] - before > self._max_bytes // 3 or len(messages) - start > self._max_messages // 3

    def after(self, position: int, limit: int, max_bytes: int) -> Sequence[Received] | None:
        """Up to `limit` messages after `position`, or None where they begin before this tail does.

        Fewer, but at least one if there is any, where their payloads are more than `max_bytes`.
        """
        messages, ends, begin = self._run
        if not messages or position < messages[0].position - 1:
            return None
        start = position - messages[0].position + 1
        if start >= len(messages):
            return ()
        before = ends[start - 1] if start else begin
        stop = bisect_right(ends, before + max_bytes, start)
        return messages[start : min(max(stop, start + 1), start + limit)]
