"""Housekeeping of the embedded store: 5-minute and hourly windows, and the end of what is old.

A write marks the 5-minute windows that it touches. Rolling up computes marked windows anew from the raw
values, and the hours around them from their 5-minute windows: so late, doubled and disordered data come
out as if they had come in order. Charts never wait for this (see `sqlite_query`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

from schoolpulse.clock import Clock
from schoolpulse.local_time import DAY_MS, HOUR_MS
from schoolpulse.stores.sqlite_schema import FIVE_MINUTES_MS
from schoolpulse.stores.sqlite_settings import SqliteSettings

_CHUNK = 500
_RECEIPTS = 10_000
_BUDGET_S = 0.5

_ROLL_UP = (
    # The windows of this chunk, from raw.
    """INSERT OR REPLACE INTO five_minutes
        SELECT w.series_id, w.at_ms, min(v.value), max(v.value), sum(v.value), count(*)
        FROM temp.work w JOIN value v
          ON v.series_id = w.series_id AND v.at_ms >= w.at_ms AND v.at_ms < w.at_ms + :window
        GROUP BY w.series_id, w.at_ms""",
    # Their hours, from 5-minute windows.
    """INSERT OR REPLACE INTO hours
        SELECT h.series_id, h.at_ms, min(f.min), max(f.max), sum(f.sum), sum(f.count)
        FROM (SELECT DISTINCT series_id, at_ms / :hour * :hour AS at_ms FROM temp.work) h
        JOIN five_minutes f
          ON f.series_id = h.series_id AND f.at_ms >= h.at_ms AND f.at_ms < h.at_ms + :hour
        GROUP BY h.series_id, h.at_ms""",
    "DELETE FROM dirty WHERE (series_id, at_ms) IN (SELECT series_id, at_ms FROM temp.work)",
)


class Housekeeping:
    """Bounded pieces of rolling up and of retention, on the writing connection."""

    def __init__(self, connection: sqlite3.Connection, settings: SqliteSettings, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._keep_ms = {
            "value": settings.raw_days * DAY_MS,
            "five_minutes": settings.five_minute_days * DAY_MS,
            "hours": settings.hourly_days * DAY_MS,
        }
        connection.execute(
            "CREATE TEMP TABLE work (series_id INTEGER, at_ms INTEGER, PRIMARY KEY (series_id, at_ms))"
            " WITHOUT ROWID"
        )
        self._floors = dict(connection.execute("SELECT name, at_ms FROM floor").fetchall())
        self._sweep: Iterator[int] | None = None
        self._sweep_is_due = True
        self._after = (0, 0)

    @property
    def raw_floor_ms(self) -> int:
        """Raw points older than this are refused: their windows are final."""
        return int(self._floors.get("value", 0))

    def run(self, now_ms: int) -> bool:
        """Work for about half a second; whether any window was rolled up."""
        until_s = self._clock.monotonic() + _BUDGET_S
        rolled_up = False
        before_ms = now_ms - now_ms % FIVE_MINUTES_MS
        while self._roll_up_some(before_ms):
            rolled_up = True
            if self._clock.monotonic() >= until_s:
                return True
        self._raise_floors(now_ms)
        self._sweep_some(until_s)
        return rolled_up

    def _roll_up_some(self, before_ms: int) -> bool:
        """Roll up a chunk of marked windows that began before `before_ms`; whether there were any.

        Goes round the series from where it stopped last, so that a busy one starves no other.
        """
        connection = self._connection
        last = None
        connection.execute("BEGIN IMMEDIATE")
        try:
            connection.execute("DELETE FROM temp.work")
            for start in (self._after, (0, 0)):
                connection.execute(
                    "INSERT INTO temp.work SELECT series_id, at_ms FROM dirty"
                    " WHERE (series_id, at_ms) > (?, ?) AND at_ms < ? LIMIT ?",
                    (*start, before_ms, _CHUNK),
                )
                last = connection.execute(
                    "SELECT series_id, at_ms FROM temp.work ORDER BY series_id DESC, at_ms DESC LIMIT 1"
                ).fetchone()
                if last is not None:
                    break
            if last is not None:
                for statement in _ROLL_UP:
                    connection.execute(statement, {"window": FIVE_MINUTES_MS, "hour": HOUR_MS})
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        self._after = last or (0, 0)
        return last is not None

    def _raise_floors(self, now_ms: int) -> None:
        """Move the floors to the hour that the retention has reached; nothing below may still be marked."""
        for name, keep_ms in self._keep_ms.items():
            floor_ms = (now_ms - keep_ms) // HOUR_MS * HOUR_MS
            if floor_ms <= self._floors.get(name, 0):
                continue
            # Durable before anything is deleted: a late point below it must be refused from now on, since
            # it would become the whole of a window whose other points are gone.
            self._connection.execute("INSERT OR REPLACE INTO floor VALUES (?, ?)", (name, floor_ms))
            self._floors[name] = floor_ms
            self._sweep_is_due = True

    def _sweep_some(self, until_s: float) -> None:
        """Delete what lies below the floors, series by series, until the time is up."""
        connection = self._connection
        if self._sweep is None and self._sweep_is_due:
            self._sweep_is_due = False
            self._sweep = iter([row[0] for row in connection.execute("SELECT id FROM series")])
        while self._sweep is not None:
            if self._clock.monotonic() >= until_s:
                return
            chunk = [series for _, series in zip(range(_CHUNK), self._sweep, strict=False)]
            connection.execute("BEGIN IMMEDIATE")
            try:
                for table, floor_ms in self._floors.items():
                    connection.executemany(
                        f"DELETE FROM {table} WHERE series_id = ? AND at_ms < {int(floor_ms)}",  # noqa: S608 -- our own table names
                        [(series,) for series in chunk],
                    )
                receipts = connection.execute(
                    "DELETE FROM delivery WHERE (stream_id, seq) IN"
                    " (SELECT stream_id, seq FROM delivery WHERE at_ms < ? LIMIT ?)",
                    (self.raw_floor_ms, _RECEIPTS),
                ).rowcount
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            if len(chunk) < _CHUNK and receipts < _RECEIPTS:
                self._sweep = None
