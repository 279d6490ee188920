"""What people say about incidents: that they have taken one on, a note, an announced maintenance."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Engine, delete, insert, select

from schoolpulse.incidents import tables
from schoolpulse.incidents.mutes import Window

MAX_TEXT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A word of a person on an incident. ``ack`` ends its escalation."""

    incident: str
    at_ms: int
    kind: Literal["ack", "note"]
    person: str
    text: str


class Notes:
    """Acknowledgements and notes."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(self, note: Note) -> None:
        """Put a note on the record; `text` is cut at `MAX_TEXT` characters.

        Raises:
            sqlalchemy.exc.IntegrityError: there is no such incident.
        """
        with self._engine.begin() as connection:
            connection.execute(insert(tables.note).values(asdict(note) | {"text": note.text[:MAX_TEXT]}))

    def of(self, incident_id: str) -> Sequence[Note]:
        """What was said about an incident, in order."""
        query = select(tables.note).where(tables.note.c.incident == incident_id).order_by(tables.note.c.id)
        with self._engine.connect() as connection:
            return [
                Note(incident=row.incident, at_ms=row.at_ms, kind=row.kind, person=row.person, text=row.text)
                for row in connection.execute(query)
            ]


class Maintenance:
    """Announced work; who changes it tells the sink (`IncidentSink.take_up_windows`)."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add(
        self,
        *,
        from_ms: int,
        to_ms: int,
        reason: str,
        school: str | None = None,
        provider: str | None = None,
        area: str | None = None,
    ) -> Window:
        """Announce a window.

        Raises:
            ValueError: it ends before it begins.
        """
        if to_ms <= from_ms:
            raise ValueError("a window ends after it begins")
        window = Window(
            id="w" + secrets.token_hex(8),
            from_ms=from_ms,
            to_ms=to_ms,
            reason=reason[:200],
            school=school,
            provider=provider,
            area=area,
        )
        with self._engine.begin() as connection:
            connection.execute(insert(tables.maintenance).values(asdict(window)))
        return window

    def remove(self, window_id: str) -> None:
        """Take a window back."""
        with self._engine.begin() as connection:
            connection.execute(delete(tables.maintenance).where(tables.maintenance.c.id == window_id))

    def after(self, at_ms: int) -> Sequence[Window]:
        """The windows that are not over at `at_ms`, by begin."""
        rows = tables.maintenance.c
        query = select(tables.maintenance).where(rows.to_ms > at_ms).order_by(rows.from_ms, rows.id)
        with self._engine.connect() as connection:
            return [Window(**row) for row in connection.execute(query).mappings()]
