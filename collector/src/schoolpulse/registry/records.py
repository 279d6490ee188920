"""From sheets of text to records: each row a mapping of column to value, with every mistake named."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from schoolpulse.registry.columns import (
    BY_NAME,
    COLUMNS,
    Kind,
    header_mistakes,
    kind_of,
    known_count,
    named,
)
from schoolpulse.registry.mistakes import Mistake, Wrong
from schoolpulse.registry.sheets import HEADER_WITHIN, MAX_PROBLEMS, Sheet

_KEYS: Mapping[Kind, tuple[str, ...]] = {
    "schools": ("school_id",),
    "lines": ("school_id", "role", "valid_from"),
    "devices": ("school_id", "device_id"),
    "contacts": ("school_id", "function"),
}


@dataclass(frozen=True, slots=True)
class Record:
    """One row. `values` holds the columns that the sheet has; an empty cell is None."""

    kind: Kind
    row: int
    sheet: str
    values: Mapping[str, object]

    def text(self, name: str) -> str:
        """A column of text, empty where there is none."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    def number(self, name: str) -> float | None:
        """A column of numbers."""
        value = self.values.get(name)
        return value if isinstance(value, (int, float)) else None

    def at_ms(self, name: str) -> int | None:
        """A column of days or times."""
        value = self.values.get(name)
        return value if isinstance(value, int) else None

    def wrong(self, where: str, code: str, **values: object) -> Mistake:
        """A mistake in this row."""
        return Mistake(where, code, self.row, self.sheet, values)


@dataclass(slots=True)
class Found:
    """What a file holds: records, what stops an import, what does not but should be known."""

    records: list[Record] = field(default_factory=list)
    mistakes: list[Mistake] = field(default_factory=list)
    warnings: list[Mistake] = field(default_factory=list)
    kinds: set[Kind] = field(default_factory=set)
    named: set[tuple[str, ...]] = field(default_factory=set)
    """Keys of schools and devices in rows with mistakes: other rows may speak of them."""


def read_sheets(sheets: Iterable[Sheet]) -> Found:
    """Every record of `sheets`. Where `mistakes` are, records are missing."""
    found = Found()
    seen: dict[tuple[object, ...], int] = {}
    for sheet in sheets:
        _read(sheet, found, seen)
        if len(found.mistakes) > MAX_PROBLEMS:
            del found.mistakes[MAX_PROBLEMS:]
            found.mistakes.append(Mistake("file", "too_much", sheet=sheet.name))
            break
    if not found.kinds and not found.mistakes:
        found.mistakes.append(Mistake("file", "no_rows"))
    return found


def _read(sheet: Sheet, found: Found, seen: dict[tuple[object, ...], int]) -> None:
    at = _header_at(sheet)
    if at is None:
        if sheet.rows and sheet.name:
            found.warnings.append(Mistake("sheet", "unknown_sheet", sheet=sheet.name))
        return
    row, header = sheet.rows[at]
    kind = kind_of(header)
    found.kinds.add(kind)
    mistakes = list(header_mistakes(kind, header, row, sheet.name))
    if mistakes:
        found.mistakes += mistakes
        return
    names = [named(kind, title) for title in header]
    for number, cells in sheet.rows[at + 1 :]:
        if len(found.mistakes) > MAX_PROBLEMS:
            return
        if len(cells) != len(header) and not sheet.name:
            found.mistakes.append(Mistake("row", "cells", number))
            continue
        record = Record(kind, number, sheet.name, {})
        values, wrong = _values(kind, names, cells, record)
        record = Record(kind, number, sheet.name, values)
        wrong += _seen_before(record, seen)
        found.mistakes += wrong
        if not wrong:
            found.records.append(record)
        elif kind in ("schools", "devices"):
            found.named.add(tuple(record.text(name) for name in _KEYS[kind]))


def _header_at(sheet: Sheet) -> int | None:
    """Where the header is: the row among the first few with the most names of columns."""
    counts = [known_count(cells) for _, cells in sheet.rows[:HEADER_WITHIN]]
    if not counts:
        return None
    best = max(counts)
    if best == 0:
        return None if sheet.name else 0
    return counts.index(best)


def _values(
    kind: Kind, names: Sequence[str | None], cells: Sequence[str], record: Record
) -> tuple[dict[str, object], list[Mistake]]:
    texts = {name: cell for name, cell in zip(names, cells, strict=False) if name is not None}
    values: dict[str, object] = {name: None for name in names if name is not None}
    mistakes: list[Mistake] = []
    required = {column.name for column in COLUMNS[kind] if column.required}
    # In the order of the definition, so that mistakes come in the same order whatever the file's is.
    for column in COLUMNS[kind]:
        if column.name not in values:
            continue
        cell = texts.get(column.name, "")
        if not cell:
            if column.name in required:
                mistakes.append(record.wrong(column.name, "empty"))
            continue
        try:
            values[column.name] = BY_NAME[kind][column.name].parse(cell)
        except Wrong as wrong:
            mistakes.append(wrong.at(column.name, record.row, record.sheet))
    return values, mistakes


def _seen_before(record: Record, seen: dict[tuple[object, ...], int]) -> Iterator[Mistake]:
    """The same key or the same agent twice in a file."""
    keys: list[tuple[str, tuple[object, ...]]] = []
    key = tuple(record.values.get(name) for name in _KEYS[record.kind])
    if key[0] is not None:
        keys.append((_KEYS[record.kind][-1] if len(key) == 2 else "school_id", key))
    if record.kind == "schools" and record.values.get("agent_id") is not None:
        keys.append(("agent_id", (record.values["agent_id"],)))
    for where, one in keys:
        first = seen.setdefault((record.kind, where, *one), record.row)
        if first != record.row:
            value = record.values.get(where)
            yield record.wrong(where, "twice", value=repr(value), row=first)
