"""The journal's newest messages, still decoded, so that sinks which keep up never decode again."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate

from schoolpulse.messages import Received


class Tail:
    """The last messages in an unbroken run of positions, bounded in number and in bytes of payload.

    Decoded, a message takes some six times its payload's bytes.

    One thread adds; any thread may slice without a lock: what it sees is a run that was whole when it
    took it, since lists are only appended to and a shortened one is a new list.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._run: tuple[list[Received], list[int]] = ([], [])
        self._bytes = 0

    def extend(self, messages: Sequence[Received], sizes: Sequence[int]) -> None:
        """Add messages that follow right on the newest, with the sizes of their payloads."""
        kept, kept_sizes = self._run
        kept_sizes.extend(sizes)  # first, so that a reader finds a size for each message
        kept.extend(messages)
        self._bytes += sum(sizes)
        if len(kept) <= self._max_messages and self._bytes <= self._max_bytes:
            return
        # Down to half, so that the copying below costs each message once or twice in its life.
        drop = max(0, len(kept) - self._max_messages // 2)
        kept_bytes = self._bytes - sum(kept_sizes[:drop])
        while drop < len(kept_sizes) and kept_bytes > self._max_bytes // 2:
            kept_bytes -= kept_sizes[drop]
            drop += 1
        self._run = (kept[drop:], kept_sizes[drop:])
        self._bytes = kept_bytes

    def after(self, position: int, limit: int, max_bytes: int) -> Sequence[Received] | None:
        """Up to `limit` messages after `position`, or None where they begin before this tail does.

        Fewer, but one at least, where their payloads were more than `max_bytes`.
        """
        messages, sizes = self._run
        if not messages or position < messages[0].position - 1:
            return None
        start = position - messages[0].position + 1
        totals = list(accumulate(sizes[start : start + limit]))
        return messages[start : start + max(1, bisect_right(totals, max_bytes))]
