"""One transaction's worth of changes: rows that wait to be inserted together, and the record of them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, Delete, Table, Update, and_, bindparam, delete, insert, update

from schoolpulse.registry import tables

Fields = Mapping[str, tuple[object, object]]
Row = dict[str, object]
_ORDER = (
    *(tables.school, tables.school_area, tables.line, tables.agent, tables.past_agent),
    *(tables.device, tables.contact),
)
"""So that what a row refers to is there before it."""
_IN_MEMORY = frozenset({"school", "line", "agent"})
"""Kinds of changes after which a school is another one to those who have it in memory."""


@dataclass(frozen=True, slots=True)
class _Many:
    """One statement for many rows: a table, the columns that say which row, the columns that change.

    Of those that say which row it is known whether they are empty.
    """

    table: Table
    which: tuple[tuple[str, bool], ...]
    what: tuple[str, ...] = ()

    def statement(self) -> Update | Delete:
        """With a parameter ``of_<column>`` for which row, ``to_<column>`` for what it becomes."""
        rows = self.table.c
        same = and_(
            *(
                rows[name].is_(None) if empty else rows[name] == bindparam(f"of_{name}")
                for name, empty in self.which
            )
        )
        if not self.what:
            return delete(self.table).where(same)
        return update(self.table).where(same).values({name: bindparam(f"to_{name}") for name in self.what})


class Recording:
    """Collects rows and notes and writes them together: deletions, then new rows, then changes.

    A statement each is what a large import would wait for, and everybody else for it: nothing is written,
    and no other writer kept out, before `flush` or a question that needs what is written.

    Args:
        connection: within a transaction of the caller's.
        at_ms: now, for all of them.
        by: who changes it.

    Attributes:
        touched: the schools that are others now.
        whole: whether any school may be: an area above them got another name or place.
    """

    def __init__(self, connection: Connection, at_ms: int, by: str) -> None:
        self._connection = connection
        self.at_ms = at_ms
        self.touched: set[str] = set()
        self.whole = False
        self._by = by[:100]
        self._new: dict[Table, dict[object, Row]] = {}
        self._gone: dict[_Many, list[Row]] = {}
        self._changed: dict[_Many, list[Row]] = {}
        self._notes: list[Row] = []

    @property
    def connection(self) -> Connection:
        """The connection, with everything written that waited."""
        if self._new or self._gone or self._changed:
            self._settle()
            for many, rows in self._gone.items():
                self._connection.execute(many.statement(), rows)
            for table in _ORDER:
                if new := self._new.get(table):
                    self._connection.execute(insert(table), list(new.values()))
            for many, rows in self._changed.items():
                self._connection.execute(many.statement(), rows)
            for waiting in (self._new, self._gone, self._changed):
                waiting.clear()
        return self._connection

    @property
    def direct(self) -> Connection:
        """The connection for questions that nothing which still waits could answer."""
        return self._connection

    def _settle(self) -> None:
        """Complete what waits, just before it is written."""

    def add(self, table: Table, values: Mapping[str, object], key: object = None) -> Row:
        """Insert a row before long; it may be completed until then. `key` is to withdraw it by."""
        assert table in _ORDER  # noqa: S101  # others have no place in the order
        rows = self._new.setdefault(table, {})
        row = rows[len(rows) if key is None else key] = dict(values)
        return row

    def withdraw(self, table: Table, key: object) -> bool:
        """Forget a new row; whether it waited."""
        return self._new.get(table, {}).pop(key, None) is not None

    def change(self, table: Table, which: Mapping[str, object], what: Mapping[str, object]) -> Row:
        """Change a row before long. Gives the statement's parameters, to be completed until then."""
        many = _Many(table, tuple((name, value is None) for name, value in which.items()), tuple(what))
        row = _which(which) | {f"to_{name}": value for name, value in what.items()}
        self._changed.setdefault(many, []).append(row)
        return row

    def remove(self, table: Table, which: Mapping[str, object]) -> None:
        """Delete a row before long."""
        many = _Many(table, tuple((name, value is None) for name, value in which.items()))
        self._gone.setdefault(many, []).append(_which(which))

    def note(self, kind: str, subject: str, action: str, school_id: str | None, fields: Fields) -> None:
        """Put a change on the record."""
        if kind == "area":
            self.whole |= action == "changed"
        elif school_id is not None and kind in _IN_MEMORY:
            self.touched.add(school_id)
        text = {name: [said(old), said(new)] for name, (old, new) in fields.items()}
        self._notes.append(
            {
                "at_ms": self.at_ms,
                "by": self._by,
                "school_id": school_id,
                "kind": kind,
                "subject": subject[:200],
                "action": action,
                "fields": json.dumps(text, ensure_ascii=False, separators=(",", ":")),
            }
        )

    def flush(self) -> None:
        """Write whatever waits."""
        connection = self.connection
        if self._notes:
            connection.execute(insert(tables.change), self._notes)
            self._notes = []


def _which(values: Mapping[str, object]) -> Row:
    return {f"of_{name}": value for name, value in values.items() if value is not None}


def differences(before: Mapping[str, object], after: Mapping[str, object]) -> Fields:
    """What differs of a thing; the school that it belongs to and a line's role say which it is."""
    return {
        name: (before.get(name), after.get(name))
        for name in {**before, **after}
        if name not in {"school_id", "role"} and (before.get(name) or None) != (after.get(name) or None)
    }


def said(value: object) -> str | None:
    """A value as the record keeps it."""
    if value is None or value == "":
        return None
    if isinstance(value, tuple):
        return "/".join(str(part) for part in value)
    return str(value)
