"""The journal's file: its tables and statements, and what SQLite's errors mean here."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType

from schoolpulse.errors import JournalFull
from schoolpulse.ingest import dead_letters, streams, verdicts

_log = logging.getLogger(__name__)

Row = tuple[int, int, str, int, int, bytes]
"""``(position, received_ms, agent_id, kind, retained, payload)``."""

VERSION = 2
"""2 added signs of life (`messages.Sign`), which an earlier collector would take for its own connection."""
POSITIONS_PER_MS = 1_000
"""A new journal starts at its birthday times this. A journal that was deleted, or moved aside as damaged,
is thus followed by higher positions than any sink has seen, and no sink skips what comes."""

_SCHEMA = """
CREATE TABLE IF NOT EXISTS messages (
    position INTEGER PRIMARY KEY, received_ms INTEGER NOT NULL, agent_id TEXT NOT NULL,
    kind INTEGER NOT NULL, retained INTEGER NOT NULL, payload BLOB NOT NULL
);
CREATE TABLE IF NOT EXISTS cursors (sink TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS origin (only INTEGER PRIMARY KEY CHECK (only = 1), position INTEGER NOT NULL);
"""

_HINTS = {
    "SQLITE_FULL": "the disk is full: make room",
    "SQLITE_READONLY": "the journal's folder is read-only: mount it for writing",
    "SQLITE_CANTOPEN": "the journal's folder is gone or not ours: look at its mount and its owner",
    "SQLITE_IOERR": "the disk does not take writes: look at the kernel's log",
    "SQLITE_CORRUPT": "the journal is damaged: restart the collector, which moves it aside",
}


def open_writer(path: Path, now_ms: int) -> sqlite3.Connection:
    """The connection that writes; makes the file, or moves a damaged one aside and makes a new one."""
    try:
        return _open_writer(path, now_ms)
    except sqlite3.DatabaseError as error:
        if error.sqlite_errorname not in {"SQLITE_CORRUPT", "SQLITE_NOTADB"}:
            raise _full(error) from error
    aside = path.with_name(f"{path.name}.damaged-{now_ms}")
    _log.error("the journal %s is damaged and was moved to %s; a new one begins", path, aside)
    path.rename(aside)
    for suffix in ("-wal", "-shm"):
        with contextlib.suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return _open_writer(path, now_ms)


def _open_writer(path: Path, now_ms: int) -> sqlite3.Connection:
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    try:
        for pragma in (
            "auto_vacuum=INCREMENTAL",
            "journal_mode=WAL",
            "synchronous=FULL",
            "busy_timeout=10000",
            "wal_autocheckpoint=4000",
            f"journal_size_limit={64 * 1024 * 1024}",
        ):
            connection.execute(f"PRAGMA {pragma}")
        _make_tables(connection, now_ms)
    except BaseException:
        connection.close()
        raise
    return connection


def _make_tables(connection: sqlite3.Connection, now_ms: int) -> None:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise JournalFull("the journal was written by a newer version", hint="run that version again")
    connection.executescript(_SCHEMA + streams.SCHEMA + dead_letters.SCHEMA + verdicts.SCHEMA)
    connection.execute("INSERT OR IGNORE INTO origin VALUES (1, ?)", (now_ms * POSITIONS_PER_MS,))
    connection.execute(f"PRAGMA user_version={VERSION}")


def open_reader(path: Path) -> sqlite3.Connection:
    """A second connection, so that reading never waits for a commit."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA query_only=ON")
    connection.execute("PRAGMA busy_timeout=10000")
    return connection


def bounds(connection: sqlite3.Connection) -> tuple[int, int, int]:
    """The first position held, the last one given, and the latest time of receipt."""
    (first,) = connection.execute("SELECT min(position) FROM messages").fetchone()
    if first is None:
        (origin,) = connection.execute("SELECT position FROM origin").fetchone()
        return origin + 1, origin, 0
    last, received_ms = connection.execute(
        "SELECT position, received_ms FROM messages ORDER BY position DESC LIMIT 1"
    ).fetchone()
    return first, last, received_ms


def insert(connection: sqlite3.Connection, rows: Sequence[Row]) -> None:
    """Add messages."""
    connection.executemany("INSERT INTO messages VALUES (?, ?, ?, ?, ?, ?)", rows)


def select(connection: sqlite3.Connection, after: int, limit: int, max_bytes: int) -> list[Row]:
    """Up to `limit` messages after a position; fewer, but at least one, beyond `max_bytes` of payload."""
    cursor = connection.execute(
        "SELECT position, received_ms, agent_id, kind, retained, payload FROM messages"
        " WHERE position > ? ORDER BY position LIMIT ?",
        (after, limit),
    )
    rows: list[Row] = []
    size = 0
    for row in cursor:
        rows.append(row)
        size += len(row[5])
        if size >= max_bytes:
            break
    cursor.close()  # an open read would keep the WAL from being reset
    return rows


def delete(connection: sqlite3.Connection, through: int) -> None:
    """Remove messages up to `through` and give a piece of the free space back to the disk."""
    connection.execute("DELETE FROM messages WHERE position <= ?", (through,))
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    if free > 4096:  # some is kept for the next messages
        connection.execute("PRAGMA incremental_vacuum(1024)").fetchall()


def used_bytes(connection: sqlite3.Connection) -> int:
    """Bytes in pages that hold something."""
    (pages,) = connection.execute("PRAGMA page_count").fetchone()
    (free,) = connection.execute("PRAGMA freelist_count").fetchone()
    (size,) = connection.execute("PRAGMA page_size").fetchone()
    return int((pages - free) * size)


class Transaction:
    """``BEGIN IMMEDIATE`` to ``COMMIT``, with the cursors that are due; any failure leaves nothing behind.

    Raises, on leaving:
        JournalFull: SQLite or the disk refused; everything was rolled back.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        cursors: Sequence[tuple[str, int]],
        *,
        on_commit: Callable[[], None],
        on_rollback: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._cursors = cursors
        self._on_commit = on_commit
        self._on_rollback = on_rollback

    def __enter__(self) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            raise _full(error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            try:
                self._connection.executemany("INSERT OR REPLACE INTO cursors VALUES (?, ?)", self._cursors)
                self._connection.execute("COMMIT")
            except sqlite3.Error as failure:
                error = failure
            else:
                self._on_commit()
                return
        with contextlib.suppress(sqlite3.Error):  # SQLite has rolled back by itself after some errors
            self._connection.execute("ROLLBACK")
        with contextlib.suppress(sqlite3.Error):
            self._on_rollback()
        if isinstance(error, sqlite3.Error):
            raise _full(error) from error


def _full(error: sqlite3.Error) -> JournalFull:
    name = getattr(error, "sqlite_errorname", "") or ""
    hint = next((hint for key, hint in _HINTS.items() if name.startswith(key)), "look at the disk")
    return JournalFull(f"the journal cannot be written: {error}", hint=hint)
