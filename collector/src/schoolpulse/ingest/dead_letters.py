"""Quarantine: what could not be taken, kept for a person to look at, bounded, with counts that are exact.

The newest letters are kept, the oldest give way; the counts per reason cover all that ever came and
survive restarts.
"""

from __future__ import annotations

import sqlite3
from collections import Counter, deque
from collections.abc import Sequence
from dataclasses import dataclass

MAX_LETTERS = 10_000
MAX_BYTES = 64 * 1024 * 1024
MAX_PAYLOAD_BYTES = 16 * 1024
"""What is kept of one payload: enough to see what is wrong with it."""
MAX_TEXT_CHARS = 500

SCHEMA = """
CREATE TABLE IF NOT EXISTS dead_letters (
    id INTEGER PRIMARY KEY AUTOINCREMENT, received_ms INTEGER NOT NULL, reason TEXT NOT NULL,
    detail TEXT NOT NULL, source TEXT NOT NULL, size INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS dead_letter_counts (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One thing in quarantine.

    `source` is the topic it came on, or what refused it. `size` is the whole payload's length in bytes;
    `payload` its first `MAX_PAYLOAD_BYTES`.
    """

    received_ms: int
    reason: str
    detail: str
    source: str
    payload: bytes
    size: int
    id: int = 0


class DeadLetters:
    """The quarantine's tables. All calls belong into the journal's transaction and lock."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.reload()

    def reload(self) -> None:
        """Learn anew what is on disk: at the start, and after a transaction was rolled back."""
        rows = self._connection.execute("SELECT id, length(payload) FROM dead_letters ORDER BY id")
        self._kept: deque[tuple[int, int]] = deque(rows)
        self._bytes = sum(size for _, size in self._kept)
        self.counts: Counter[str] = Counter(
            dict(self._connection.execute("SELECT reason, count FROM dead_letter_counts"))
        )

    def add(self, letters: Sequence[DeadLetter]) -> None:
        """Put letters aside and let the oldest go where there are too many."""
        for letter in letters:
            payload = letter.payload[:MAX_PAYLOAD_BYTES]
            cursor = self._connection.execute(
                "INSERT INTO dead_letters (received_ms, reason, detail, source, size, payload)"
                " VALUES (?, ?, ?, ?, ?, ?)",
                (
                    letter.received_ms,
                    str(letter.reason),
                    _storable(letter.detail),
                    _storable(letter.source),
                    letter.size,
                    payload,
                ),
            )
            self._kept.append((cursor.lastrowid or 0, len(payload)))
            self._bytes += len(payload)
        self._count(Counter(str(letter.reason) for letter in letters))
        self._let_go()

    def newest(self, limit: int, before: int | None) -> list[DeadLetter]:
        """Up to `limit` letters, the newest first, with an id below `before`."""
        rows = self._connection.execute(
            "SELECT received_ms, reason, detail, source, payload, size, id FROM dead_letters"
            " WHERE id < ? ORDER BY id DESC LIMIT ?",
            (2**63 - 1 if before is None else before, limit),
        )
        return [DeadLetter(*row) for row in rows]

    def _count(self, more: Counter[str]) -> None:
        self.counts += more
        self._connection.executemany(
            "INSERT INTO dead_letter_counts VALUES (?, ?)"
            " ON CONFLICT (reason) DO UPDATE SET count = count + excluded.count",
            list(more.items()),
        )

    def _let_go(self) -> None:
        last = 0
        while len(self._kept) > MAX_LETTERS or self._bytes > MAX_BYTES:
            last, size = self._kept.popleft()
            self._bytes -= size
        if last:
            self._connection.execute("DELETE FROM dead_letters WHERE id <= ?", (last,))


def _storable(text: str) -> str:
    """`text` short enough, and without lone surrogates, which SQLite cannot store."""
    return text[:MAX_TEXT_CHARS].encode("utf-8", "backslashreplace").decode()
