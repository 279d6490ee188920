"""The embedded point store: one SQLite file, nothing to install.

Every value is a row ``(series, time)``, so that writing it again changes nothing; receipts are rows
``(stream, seq)``. Rollups and retention are in `sqlite_rollup`, charts in `sqlite_query`.
"""

from __future__ import annotations

import math
import queue
import sqlite3
import threading
from collections.abc import Sequence

from schoolpulse.clock import Clock, SystemClock
from schoolpulse.errors import StoreUnavailable
from schoolpulse.stores import sqlite_query
from schoolpulse.stores.base import (
    BadPoint,
    Delivery,
    PointBlock,
    Series,
    SeriesQuery,
    Value,
    Written,
)
from schoolpulse.stores.shape import row_text, shape_of
from schoolpulse.stores.sqlite_rollup import Housekeeping
from schoolpulse.stores.sqlite_schema import FIVE_MINUTES_MS, open_to_read, open_to_write
from schoolpulse.stores.sqlite_series import SeriesCatalogue, key_of
from schoolpulse.stores.sqlite_settings import SqliteSettings

_MAX_INTEGER = 2**63 - 1
_CANNOT_BIND = (sqlite3.IntegrityError, OverflowError, UnicodeEncodeError)


class SqliteStore:
    """A `PointStore` in one file. Writes and housekeeping take turns; queries run beside them."""

    name = "sqlite"

    def __init__(self, settings: SqliteSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._turn = threading.Lock()
        try:
            self._connection = open_to_write(settings.path)
        except (sqlite3.Error, OSError) as error:
            raise _unavailable(error) from error
        self._catalogue = SeriesCatalogue(self._connection)
        self._housekeeping = Housekeeping(self._connection, settings, clock or SystemClock())
        self._readers: queue.LifoQueue[sqlite3.Connection] = queue.LifoQueue()

    def write(self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery]) -> Written:
        """Write everything in one transaction. See `PointStore.write`."""
        with self._turn:
            try:
                try:
                    return self._write(blocks, deliveries, careful=False)
                except _CANNOT_BIND:
                    # Some value is none that SQLite can hold; find it, which costs time only now.
                    return self._write(blocks, deliveries, careful=True)
            except sqlite3.Error as error:
                raise _unavailable(error) from error

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        """Windows of a field, from the coarsest table that is exact. See `PointStore.query`."""
        try:
            connection = self._readers.get_nowait()
        except queue.Empty:
            connection = open_to_read(self._settings.path)
        try:
            connection.execute("BEGIN")
            try:
                return sqlite_query.read(connection, query)
            finally:
                connection.execute("ROLLBACK")
        except sqlite3.Error as error:
            raise _unavailable(error) from error
        finally:
            self._readers.put(connection)

    def maintain(self, now_ms: int) -> None:
        """Roll up and end what is old, for about half a second. See `PointStore.maintain`."""
        with self._turn:
            try:
                if self._housekeeping.run(now_ms):
                    self._catalogue.forget_dirty()
            except sqlite3.Error as error:
                raise _unavailable(error) from error

    def close(self) -> None:
        """Close the file; call when nobody queries any more."""
        with self._turn:
            while not self._readers.empty():
                self._readers.get_nowait().close()
            self._connection.close()

    def _write(
        self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery], *, careful: bool
    ) -> Written:
        connection = self._connection
        refused: list[BadPoint] = []
        points = 0
        values: list[tuple[int, int, Value]] = []
        dirty: list[tuple[int, int]] = []
        self._catalogue.trim()
        connection.execute("BEGIN IMMEDIATE")
        try:
            for block in blocks:
                points += self._take(_checked(block, refused) if careful else block, values, dirty, refused)
            values.sort(key=_place_of)
            connection.executemany("INSERT OR REPLACE INTO value VALUES (?, ?, ?)", values)
            connection.executemany("INSERT OR IGNORE INTO dirty VALUES (?, ?)", dirty)
            self._write_deliveries(deliveries)
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            self._catalogue.forget()
            raise
        return Written(points, refused)

    def _take(
        self,
        block: PointBlock,
        values: list[tuple[int, int, Value]],
        dirty: list[tuple[int, int]],
        refused: list[BadPoint],
    ) -> int:
        """Add the values of `block` and the windows they touch; returns how many rows had a field."""
        shape = shape_of(block)
        if shape.fault:
            refused.extend(BadPoint(block.measurement, shape.fault, row_text(row)) for row in block.rows)
            return 0
        tag_width, width = len(block.tag_keys), len(block.field_keys)
        places = self._catalogue.places(block)
        floor_ms = self._housekeeping.raw_floor_ms
        points = 0
        for row in block.rows:
            at_ms, tags, fields = row
            if len(tags) != tag_width or len(fields) != width:
                refused.append(BadPoint(block.measurement, "a row of the wrong width", row_text(row)))
                continue
            if at_ms < floor_ms:
                refused.append(BadPoint(block.measurement, "points beyond retention policy", row_text(row)))
                continue
            key = key_of(tags, fields)
            place = places.get(key)
            if place is None:
                place = self._catalogue.place(block, shape, key)
                if not place.fault:
                    places[key] = place
            if place.fault:
                refused.append(BadPoint(block.measurement, place.fault, row_text(row)))
                continue
            values += [(series, at_ms, fields[column]) for column, series in place.columns]
            window = at_ms - at_ms % FIVE_MINUTES_MS
            if window not in place.dirty:
                place.dirty.add(window)
                dirty += [(series, window) for series in place.numeric]
            points += bool(place.columns)
        return points

    def _write_deliveries(self, deliveries: Sequence[Delivery]) -> None:
        for one in deliveries:
            self._connection.execute(
                "INSERT INTO stream (stream, agent, school) VALUES (?, ?, ?) ON CONFLICT (stream) DO UPDATE"
                " SET agent = excluded.agent, school = excluded.school"
                " WHERE (agent, school) != (excluded.agent, excluded.school)",
                (one.stream, one.agent, one.school),
            )
        self._connection.executemany(
            "INSERT OR REPLACE INTO delivery SELECT id, ?, ?, ?, ? FROM stream WHERE stream = ?",
            [(one.seq, one.at_ms, one.points, one.delay_ms, one.stream) for one in deliveries],
        )


def _place_of(value: tuple[int, int, Value]) -> tuple[int, int]:
    return value[0], value[1]


def _checked(block: PointBlock, refused: list[BadPoint]) -> PointBlock:
    """`block` with values that SQLite can hold; rows that have others go to `refused`."""
    rows = []
    for at_ms, tags, values in block.rows:
        try:
            rows.append((_time(at_ms), tags, [_bindable(value) for value in values]))
        except OverflowError:
            text = row_text((at_ms, tags))
            refused.append(BadPoint(block.measurement, "a number beyond all floats", text))
    return PointBlock(block.measurement, block.common_tags, block.tag_keys, block.field_keys, rows)


def _time(at_ms: int) -> int:
    if abs(at_ms) > _MAX_INTEGER:
        raise OverflowError
    return at_ms


def _bindable(value: Value) -> Value:
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode()
    if isinstance(value, int) and abs(value) > _MAX_INTEGER:
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        raise OverflowError
    return value


def _unavailable(error: Exception) -> StoreUnavailable:
    return StoreUnavailable(
        f"the embedded store cannot be used ({type(error).__name__}: {error})",
        hint="is the disk full, or the file not the collector's to write?",
    )
