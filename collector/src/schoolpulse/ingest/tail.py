"""The journal's newest messages, still decoded, so that sinks which keep up never decode again."""

from __future__ import annotations

from collections.abc import Sequence

from schoolpulse.messages import Received


class Tail:
    """The last messages in an unbroken run of positions, bounded in number and in bytes of payload.

    One thread adds; any thread may slice without a lock: what it sees is a run that was whole when it
    took it, since lists are only appended to and a shortened one is a new list.
    """

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._messages: list[Received] = []
        self._sizes: list[int] = []
        self._bytes = 0

    def extend(self, messages: Sequence[Received], sizes: Sequence[int]) -> None:
        """Add messages that follow right on the newest, with the sizes of their payloads."""
        self._messages.extend(messages)
        self._sizes.extend(sizes)
        self._bytes += sum(sizes)
        if len(self._messages) <= self._max_messages and self._bytes <= self._max_bytes:
            return
        # Down to half, so that the copying below costs each message once or twice in its life.
        drop = max(0, len(self._messages) - self._max_messages // 2)
        kept_bytes = self._bytes - sum(self._sizes[:drop])
        while drop < len(self._sizes) and kept_bytes > self._max_bytes // 2:
            kept_bytes -= self._sizes[drop]
            drop += 1
        self._messages = self._messages[drop:]
        self._sizes = self._sizes[drop:]
        self._bytes = kept_bytes

    def after(self, position: int, limit: int) -> Sequence[Received] | None:
        """Up to `limit` messages after `position`, or None where they begin before this tail does."""
        messages = self._messages
        if not messages or position < messages[0].position - 1:
            return None
        start = position - messages[0].position + 1
        return messages[start : start + limit]
