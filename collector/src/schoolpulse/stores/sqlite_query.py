"""Charts from the embedded store, each from the coarsest table that is exact for its windows.

Rolled-up windows that were written to since are left out and read from the raw values instead, so that a
chart is right whether or not the housekeeping has come by. Below the retention of raw values, samples
count at the start of their 5-minute (then hourly) window.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from typing import NamedTuple

from schoolpulse.local_time import HOUR_MS
from schoolpulse.stores.base import Series, SeriesQuery, Window
from schoolpulse.stores.shape import DELIVERY, DELIVERY_FIELDS, DELIVERY_TAGS, clean_tag
from schoolpulse.stores.sqlite_schema import FIVE_MINUTES_MS
from schoolpulse.stores.windows import MAX_SERIES, bounds_ms, too_many_series


class Segment(NamedTuple):
    """A piece of a range and the table that it is read from."""

    table: str
    from_ms: int
    to_ms: int


_RAW = """SELECT at_ms / :step * :step, sum(value), count(*), min(value), max(value) FROM value
    WHERE series_id = :series AND at_ms >= :from AND at_ms < :to GROUP BY 1"""
_RAW_DIRTY = """SELECT v.at_ms / :step * :step, sum(v.value), count(*), min(v.value), max(v.value)
    FROM dirty d JOIN value v
      ON v.series_id = d.series_id AND v.at_ms >= d.at_ms AND v.at_ms < d.at_ms + :window
    WHERE d.series_id = :series AND d.at_ms >= :from AND d.at_ms < :to GROUP BY 1"""
_ROLLED = """SELECT r.at_ms / :step * :step, sum(r.sum), sum(r.count), min(r.min), max(r.max) FROM {table} r
    WHERE r.series_id = :series AND r.at_ms >= :from AND r.at_ms < :to AND {clean} GROUP BY 1"""
_WINDOW_CLEAN = "NOT EXISTS (SELECT 1 FROM dirty d WHERE d.series_id = r.series_id AND d.at_ms = r.at_ms)"
_HOUR_CLEAN = """NOT EXISTS (SELECT 1 FROM dirty d WHERE d.series_id = r.series_id
    AND d.at_ms >= r.at_ms AND d.at_ms < r.at_ms + :hour)"""

# An hour that was written to: its windows that were not. Begins at what is marked, which is little.
_CLEAN_IN_DIRTY_HOURS = f"""SELECT r.at_ms / :step * :step, sum(r.sum), sum(r.count), min(r.min), max(r.max)
    FROM (SELECT DISTINCT at_ms / :hour * :hour AS at_ms FROM dirty
          WHERE series_id = :series AND at_ms >= :from AND at_ms < :to) h
    CROSS JOIN five_minutes r ON r.series_id = :series AND r.at_ms >= h.at_ms AND r.at_ms < h.at_ms + :hour
    WHERE {_WINDOW_CLEAN} GROUP BY 1"""  # noqa: S608 -- our own words

_STATEMENTS = {
    "value": (_RAW,),
    "five_minutes": (_ROLLED.format(table="five_minutes", clean=_WINDOW_CLEAN), _RAW_DIRTY),
    "hours": (
        _ROLLED.format(table="hours", clean=_HOUR_CLEAN),
        _CLEAN_IN_DIRTY_HOURS,
        _RAW_DIRTY,
    ),
}


def segments(from_ms: int, to_ms: int, step_ms: int, floors: dict[str, int]) -> Iterator[Segment]:
    """The pieces of a range, each with the coarsest table that is exact there, or with what is left."""
    raw_ms = floors.get("value", 0)
    five_ms = floors.get("five_minutes", 0)
    by_hour = step_ms % HOUR_MS == 0
    yield from _inner("hours", HOUR_MS, "hours", from_ms, min(to_ms, five_ms))
    start, end = max(from_ms, five_ms), min(to_ms, raw_ms)
    if by_hour:
        yield from _inner("hours", HOUR_MS, "five_minutes", start, end)
    else:
        yield from _inner("five_minutes", FIVE_MINUTES_MS, "five_minutes", start, end)
    start = max(from_ms, raw_ms)
    if by_hour:
        yield from _inner("hours", HOUR_MS, "value", start, to_ms)
    elif step_ms % FIVE_MINUTES_MS == 0:
        yield from _inner("five_minutes", FIVE_MINUTES_MS, "value", start, to_ms)
    elif start < to_ms:
        yield Segment("value", start, to_ms)


def _inner(table: str, width_ms: int, edges: str, from_ms: int, to_ms: int) -> Iterator[Segment]:
    """Whole windows of `table`, and what is cut off at both ends from `edges`."""
    if from_ms >= to_ms:
        return
    first, last = -(-from_ms // width_ms) * width_ms, to_ms // width_ms * width_ms
    if table == edges or first >= last:
        yield Segment(edges, from_ms, to_ms)
        return
    if from_ms < first:
        yield Segment(edges, from_ms, first)
    yield Segment(table, first, last)
    if last < to_ms:
        yield Segment(edges, last, to_ms)


Row = tuple[int, float, int, float, float]
"""Start of the window, sum, count, min, max."""


class _Sums:
    """Windows by group, merged from any number of series and tables."""

    def __init__(self) -> None:
        self._groups: dict[tuple[str, ...], dict[int, Row]] = {}

    def add(self, group: tuple[str, ...], row: Row) -> None:
        windows = self._groups.get(group)
        if windows is None:
            if len(self._groups) >= MAX_SERIES:
                raise too_many_series()
            windows = self._groups[group] = {}
        known = windows.get(row[0])
        if known is not None:
            at_ms, total, count, low, high = known
            row = (at_ms, total + row[1], count + row[2], min(low, row[3]), max(high, row[4]))
        windows[row[0]] = row

    def series(self, keys: tuple[str, ...]) -> list[Series]:
        return [
            Series(
                dict(zip(keys, group, strict=True)),
                [
                    Window(at_ms, total / count, float(low), float(high), count)
                    for at_ms, total, count, low, high in sorted(windows.values())
                ],
            )
            for group, windows in sorted(self._groups.items())
        ]


def read(connection: sqlite3.Connection, query: SeriesQuery) -> list[Series]:
    """The series of `query`, as `PointStore.query` promises them; within one read transaction."""
    from_ms, to_ms = bounds_ms(query)
    if from_ms == to_ms:
        return []
    sums = _Sums()
    if query.measurement == DELIVERY:
        _add_deliveries(connection, query, from_ms, to_ms, sums)
        return sums.series(query.group_by)
    floors = dict(connection.execute("SELECT name, at_ms FROM floor").fetchall())
    pieces = list(segments(from_ms, to_ms, query.step_ms, floors))
    for series_id, tags in _matching(connection, query):
        group = tuple(tags.get(key, "") for key in query.group_by)
        for piece in pieces:
            values = {
                "series": series_id,
                "step": query.step_ms,
                "from": piece.from_ms,
                "to": piece.to_ms,
                "window": FIVE_MINUTES_MS,
                "hour": HOUR_MS,
            }
            for statement in _STATEMENTS[piece.table]:
                for row in connection.execute(statement, values):
                    sums.add(group, row)
    return sums.series(query.group_by)


def _matching(connection: sqlite3.Connection, query: SeriesQuery) -> list[tuple[int, dict[str, str]]]:
    """The numeric series with the tags asked for; an empty value asks for the tag's absence."""
    statement = (
        "SELECT s.id, s.tags FROM series s"
        " JOIN field f ON f.measurement = s.measurement AND f.name = s.field AND NOT f.is_text"
        " WHERE s.measurement = ? AND s.field = ?"
    )
    values = [query.measurement, query.field]
    for key, value in query.tags.items():
        if value:
            statement += " AND s.id IN (SELECT series_id FROM series_tag WHERE key = ? AND value = ?)"
            values += [key, clean_tag(value)]
        else:
            statement += " AND s.id NOT IN (SELECT series_id FROM series_tag WHERE key = ?)"
            values.append(key)
    return [(series_id, json.loads(tags)) for series_id, tags in connection.execute(statement, values)]


def _add_deliveries(
    connection: sqlite3.Connection, query: SeriesQuery, from_ms: int, to_ms: int, sums: _Sums
) -> None:
    """The receipts as the measurement that they are in InfluxDB."""
    if query.field not in DELIVERY_FIELDS:
        return
    column = f"d.{query.field}"
    where = ["d.at_ms >= ?", "d.at_ms < ?"]
    values: list[str | int] = [from_ms, to_ms]
    for key, value in query.tags.items():
        if key in DELIVERY_TAGS:
            where.append(f"s.{key} = ?")
            values.append(clean_tag(value))
        elif value:
            return
    rows = connection.execute(
        f"SELECT s.agent, s.school, s.stream, d.at_ms / {query.step_ms} * {query.step_ms}, sum({column}),"  # noqa: S608 -- names out of our own list, a number
        f" count(*), min({column}), max({column}) FROM delivery d JOIN stream s ON s.id = d.stream_id"
        f" WHERE {' AND '.join(where)} GROUP BY 1, 2, 3, 4",
        values,
    )
    for agent, school, stream, *row in rows:
        tags = {"agent": agent, "school": school, "stream": stream}
        sums.add(tuple(tags.get(key, "") for key in query.group_by), (row[0], row[1], row[2], row[3], row[4]))
