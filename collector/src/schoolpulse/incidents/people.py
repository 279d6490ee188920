"""What people add: an incident taken on, a note, an announced maintenance.

Who may do what is the caller's business; here is only what it means. Everything may be called from any
thread and be called twice: taking on what one has taken on, or announcing what is announced, changes nothing.
A collector that runs passes `changed`, so that its engine and its viewers hear of it at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

from sqlalchemy import Connection, Engine, delete, insert, select, update

from schoolpulse.incidents import tables
from schoolpulse.incidents.mutes import Window

MAX_TEXT = 2000
MAX_PERSON = 100
MAX_REASON = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """A word of a person on an incident. ``ack`` ends its escalation. `id` orders them."""

    incident: str
    at_ms: int
    kind: Literal["ack", "note"]
    person: str
    text: str
    id: int = 0


class Notes:
    """Acknowledgements and notes.

    Args:
        engine: the database of the incidents.
        changed: told each note that was added.
    """

    def __init__(self, engine: Engine, changed: Callable[[Note], None] = lambda _: None) -> None:
        self._engine = engine
        self._changed = changed

    def acknowledge(self, incident_id: str, *, person: str, at_ms: int, text: str = "") -> Note | None:
        """Take an incident on: its escalation ends, and nothing else changes.

        The acknowledgement that stands; a person's second one of the same incident is the first.
        None where there is no such incident.
        """
        with self._engine.begin() as connection:
            for note in self._of(connection, incident_id):
                if note.kind == "ack" and note.person == person[:MAX_PERSON]:
                    return note
            note = Note(incident=incident_id, at_ms=at_ms, kind="ack", person=person, text=text)
            added = self._add(connection, note)
        return self._told(added)

    def remark(self, incident_id: str, *, person: str, at_ms: int, text: str) -> Note | None:
        """Put a note on an incident's record, for good. None where there is no such incident."""
        with self._engine.begin() as connection:
            note = Note(incident=incident_id, at_ms=at_ms, kind="note", person=person, text=text)
            added = self._add(connection, note)
        return self._told(added)

    def of(self, incident_id: str) -> Sequence[Note]:
        """What was said about an incident, in order."""
        with self._engine.connect() as connection:
            return self._of(connection, incident_id)

    def acknowledged(self, incident_ids: Collection[str]) -> Mapping[str, Note]:
        """The first acknowledgement of each of the incidents that has one, in one query."""
        rows = tables.note.c
        query = select(tables.note).where(rows.incident.in_(list(incident_ids)), rows.kind == "ack")
        with self._engine.connect() as connection:
            notes = [Note(**row) for row in connection.execute(query.order_by(rows.id.desc())).mappings()]
        return {note.incident: note for note in notes}

    def _of(self, connection: Connection, incident_id: str) -> Sequence[Note]:
        query = select(tables.note).where(tables.note.c.incident == incident_id).order_by(tables.note.c.id)
        return [Note(**row) for row in connection.execute(query).mappings()]

    def _add(self, connection: Connection, note: Note) -> Note | None:
        known = select(tables.incident.c.id).where(tables.incident.c.id == note.incident)
        if connection.execute(known).first() is None:
            return None
        values = asdict(note) | {"person": note.person[:MAX_PERSON], "text": note.text[:MAX_TEXT]}
        del values["id"]
        added = connection.execute(insert(tables.note).values(values).returning(tables.note))
        return Note(**added.mappings().one())

    def _told(self, note: Note | None) -> Note | None:
        if note is not None:
            self._changed(note)
        return note


class Maintenance:
    """Announced work.

    Args:
        engine: the database of the incidents.
        changed: told after each change; in a collector, `IncidentSink.take_up_windows`.
    """

    def __init__(self, engine: Engine, changed: Callable[[], None] = lambda: None) -> None:
        self._engine = engine
        self._changed = changed

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
        """Announce a window; the one that stands where the very same was announced already.

        Without `school`, `provider` and `area` it is everybody's; several of them must all fit.

        Raises:
            ValueError: it ends before it begins.
        """
        if to_ms <= from_ms:
            raise ValueError("a window ends after it begins")
        window = Window(
            id="w" + secrets.token_hex(8),
            from_ms=from_ms,
            to_ms=to_ms,
            reason=reason[:MAX_REASON],
            school=school,
            provider=provider,
            area=area,
        )
        same = [
            tables.maintenance.c[name].is_not_distinct_from(value)
            for name, value in asdict(window).items()
            if name != "id"
        ]
        with self._engine.begin() as connection:
            known = connection.execute(select(tables.maintenance).where(*same)).mappings().first()
            if known is not None:
                return Window(**known)
            connection.execute(insert(tables.maintenance).values(asdict(window)))
        self._changed()
        return window

    def end(self, window_id: str, at_ms: int) -> Window | None:
        """The work is done sooner: the window ends at `at_ms`, and what is still down then is paged.

        One that has not begun is taken back, one that is over stays as it was. How it stands afterwards;
        None where there is none (any more).
        """
        row = tables.maintenance.c
        window = self.get(window_id)
        if window is None or window.to_ms <= at_ms:
            return window
        if at_ms <= window.from_ms:
            self.remove(window_id)
            return None
        with self._engine.begin() as connection:
            here = update(tables.maintenance).where(row.id == window_id, row.to_ms > at_ms)
            connection.execute(here.values(to_ms=at_ms))
        self._changed()
        return self.get(window_id)

    def remove(self, window_id: str) -> bool:
        """Take a window back as if it had never been announced; whether there was one."""
        with self._engine.begin() as connection:
            here = tables.maintenance.c.id == window_id
            found = connection.execute(delete(tables.maintenance).where(here)).rowcount > 0
        if found:
            self._changed()
        return found

    def get(self, window_id: str) -> Window | None:
        """The window with that id."""
        query = select(tables.maintenance).where(tables.maintenance.c.id == window_id)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
        return Window(**row) if row is not None else None

    def after(self, at_ms: int) -> Sequence[Window]:
        """The windows that are not over at `at_ms`, by begin."""
        return self.touching(at_ms, None)

    def touching(self, from_ms: int, to_ms: int | None, *, limit: int | None = None) -> Sequence[Window]:
        """The windows that touch ``[from_ms, to_ms)``, by begin; `to_ms` None for all time to come."""
        rows = tables.maintenance.c
        query = select(tables.maintenance).where(rows.to_ms > from_ms).order_by(rows.from_ms, rows.id)
        if to_ms is not None:
            query = query.where(rows.from_ms < to_ms)
        with self._engine.connect() as connection:
            return [Window(**row) for row in connection.execute(query.limit(limit)).mappings()]
