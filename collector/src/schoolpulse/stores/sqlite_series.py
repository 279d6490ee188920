"""Which series of the embedded store a row's values belong to, remembered so that most rows ask no table."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field

from schoolpulse.stores.base import PointBlock
from schoolpulse.stores.shape import Shape, clean_tag

MAX_PLACES = 50_000

Header = tuple[str, tuple[tuple[str, str], ...], tuple[str, ...], tuple[str, ...]]
RowKey = tuple[tuple[str | None, ...], tuple[type, ...]]


@dataclass(slots=True)
class Place:
    """Where the values of a row go: ``(column, series id)`` each, and why they cannot, if so.

    `numeric` are the ids whose windows are rolled up; `dirty` the windows known to be marked.
    """

    columns: tuple[tuple[int, int], ...]
    numeric: tuple[int, ...]
    fault: str = ""
    dirty: set[int] = field(default_factory=set)


class SeriesCatalogue:
    """The tables `series`, `series_tag` and `field`, behind a bounded memory of the present series."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._places: dict[Header, dict[RowKey, Place]] = {}
        self._count = 0
        self._is_text: dict[tuple[str, str], bool] = {}

    def places(self, block: PointBlock) -> dict[RowKey, Place]:
        """What is remembered of rows with the header of `block`; `place` adds to it."""
        header = (block.measurement, block.common_tags, tuple(block.tag_keys), tuple(block.field_keys))
        return self._places.setdefault(header, {})

    def place(self, block: PointBlock, shape: Shape, key: RowKey) -> Place:
        """Where the values of a row with these tag values and value types go; makes new series."""
        tags, types = key
        kinds = [
            (name, index, types[index] is str)
            for name, index in shape.fields
            if types[index] is not type(None)
        ]
        for name, _, is_text in kinds:
            known = self._known_as_text(block.measurement, name)
            if known is not None and known != is_text:
                words = ("float", "string")
                fault = (
                    f'field type conflict: input field "{name}" on measurement "{block.measurement}" is type'
                    f" {words[is_text]}, already exists as type {words[known]}"
                )
                return Place((), (), fault)
        values = [*(value for _, value in block.common_tags), *tags]
        pairs = {name: clean_tag(value) for name, index in shape.tags if (value := values[index])}
        columns, numeric = [], []
        for name, index, is_text in kinds:
            self._remember_kind(block.measurement, name, is_text)
            series_id = self._series_id(block.measurement, name, pairs)
            columns.append((index, series_id))
            if not is_text:
                numeric.append(series_id)
        self._count += 1
        return Place(tuple(columns), tuple(numeric))

    def trim(self) -> None:
        """Forget every place where there are too many; between writes."""
        if self._count > MAX_PLACES:
            self._places.clear()
            self._count = 0

    def forget(self) -> None:
        """Forget everything: a transaction that made series was rolled back."""
        self._places.clear()
        self._is_text.clear()
        self._count = 0

    def forget_dirty(self) -> None:
        """Forget which windows are marked: some were rolled up."""
        for places in self._places.values():
            for place in places.values():
                place.dirty.clear()

    def _known_as_text(self, measurement: str, name: str) -> bool | None:
        known = self._is_text.get((measurement, name))
        if known is None:
            row = self._connection.execute(
                "SELECT is_text FROM field WHERE measurement = ? AND name = ?", (measurement, name)
            ).fetchone()
            if row is not None:
                known = self._is_text[measurement, name] = bool(row[0])
        return known

    def _remember_kind(self, measurement: str, name: str, is_text: bool) -> None:
        if (measurement, name) not in self._is_text:
            self._connection.execute("INSERT INTO field VALUES (?, ?, ?)", (measurement, name, is_text))
            self._is_text[measurement, name] = is_text

    def _series_id(self, measurement: str, name: str, pairs: dict[str, str]) -> int:
        tags = json.dumps(pairs, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        key = (measurement, name, tags)
        row = self._connection.execute(
            "SELECT id FROM series WHERE measurement = ? AND field = ? AND tags = ?", key
        ).fetchone()
        if row is not None:
            return int(row[0])
        made = self._connection.execute("INSERT INTO series (measurement, field, tags) VALUES (?, ?, ?)", key)
        series_id = made.lastrowid
        assert series_id is not None  # noqa: S101 -- an INSERT into a rowid table has one
        self._connection.executemany(
            "INSERT INTO series_tag VALUES (?, ?, ?)",
            [(key, value, series_id) for key, value in pairs.items()],
        )
        return series_id


def key_of(tags: Sequence[str | None], values: Sequence[object]) -> RowKey:
    """What decides where a row's values go."""
    return tuple(tags), tuple(map(type, values))
