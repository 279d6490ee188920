"""One transaction's worth of changes: rows that wait to be inserted together, and the record of them."""

from __future__ import annotations

import json
from collections.abc import Mapping

from sqlalchemy import Connection, Table, insert

from schoolpulse.registry import tables

Fields = Mapping[str, tuple[object, object]]
_ORDER = (tables.school, tables.school_area, tables.line, tables.agent)
"""So that what a row refers to is there before it."""
_IN_MEMORY = frozenset({"school", "line", "agent"})
"""Kinds of changes after which a school is another one to those who have it in memory."""


class Recording:
    """Collects new rows and notes, since a statement each is what a large import would wait for.

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
        self._new: dict[Table, list[dict[str, object]]] = {}
        self._notes: list[dict[str, object]] = []

    @property
    def connection(self) -> Connection:
        """The connection, with every new row in the database."""
        if self._new:
            for table in _ORDER:
                if rows := self._new.pop(table, None):
                    self._connection.execute(insert(table), rows)
        return self._connection

    @property
    def direct(self) -> Connection:
        """The connection for questions that no row which still waits could answer."""
        return self._connection

    def add(self, table: Table, values: Mapping[str, object]) -> None:
        """Insert a row of schools, lines or agents before long."""
        assert table in _ORDER  # noqa: S101  # others have no place in the order
        self._new.setdefault(table, []).append(dict(values))

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
