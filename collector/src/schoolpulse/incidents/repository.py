"""Incidents, their transitions and the engine's memory in the relational database."""

from __future__ import annotations

import builtins
import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, Table, and_, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from schoolpulse.incidents import tables
from schoolpulse.incidents.model import Cause, Change, Incident, IncidentKind, SchoolStatus, Scope, Transition
from schoolpulse.incidents.state import EngineState, Entry, OwnState, SchoolState

CURSOR = "incidents"
MAX_LIMIT = 10_000


def incident_of(body: str) -> Incident:
    """The incident that `Incident.to_json` wrote."""
    values = json.loads(body)
    values["kind"] = IncidentKind(values["kind"])
    values["cause"] = Cause(values["cause"])
    values["scope"] = Scope(values["scope"])
    values["paged_at"] = tuple(values["paged_at"])
    return Incident(**values)


def body_of(incident: Incident) -> str:
    """The incident as compact JSON."""
    return json.dumps(incident.to_json(), separators=(",", ":"), ensure_ascii=False)


class IncidentRepository:
    """Reads and writes; every method may be called from any thread."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open(self) -> Sequence[Incident]:
        """Every incident that is not resolved, oldest first."""
        return self._incidents(
            select(tables.incident.c.body)
            .where(tables.incident.c.resolved_ms.is_(None))
            .order_by(tables.incident.c.start_ms, tables.incident.c.id)
        )

    def list(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        school: str | None = None,
        schools: Collection[str] | None = None,
        open_only: bool = False,
        limit: int = 100,
        before: str | None = None,
    ) -> Sequence[Incident]:
        """Incidents that touch ``[from_ms, to_ms)``, newest start first, those after the id `before`.

        With `school` only that one's, with `schools` only theirs.
        """
        rows = tables.incident.c
        query = select(rows.body).order_by(rows.start_ms.desc(), rows.id.desc()).limit(min(limit, MAX_LIMIT))
        if to_ms is not None:
            query = query.where(rows.start_ms < to_ms)
        if from_ms is not None:
            query = query.where(or_(rows.end_ms.is_(None), rows.end_ms > from_ms))
        if school is not None:
            query = query.where(rows.school == school)
        if schools is not None:
            query = query.where(rows.school.in_(schools))
        if open_only:
            query = query.where(rows.resolved_ms.is_(None))
        if before is not None:
            start_ms = select(rows.start_ms).where(rows.id == before).scalar_subquery()
            query = query.where(
                or_(rows.start_ms < start_ms, and_(rows.start_ms == start_ms, rows.id < before))
            )
        return self._incidents(query)

    def get(self, incident_id: str) -> Incident | None:
        """The incident with that id."""
        found = self._incidents(select(tables.incident.c.body).where(tables.incident.c.id == incident_id))
        return found[0] if found else None

    def transitions(self, incident_id: str) -> Sequence[Transition]:
        """What happened to it, in order."""
        rows = tables.transition.c
        with self._engine.connect() as connection:
            found = connection.execute(
                select(tables.transition).where(rows.incident == incident_id).order_by(rows.number)
            )
            return [_transition_of(row) for row in found.mappings()]

    def statuses(self) -> Mapping[str, SchoolStatus]:
        """How each school stood when the engine last saw it."""
        rows = tables.school_state.c
        with self._engine.connect() as connection:
            return {
                row.school: SchoolStatus(row.status)
                for row in connection.execute(select(rows.school, rows.status))
            }

    def first_seen(self, school_id: str) -> int | None:
        """When the school's agent was heard for the first time ever, ms.

        Hours before it are unknown and not connected. None where it never was; 0 where that was before
        anybody wrote it down.
        """
        query = select(tables.first_seen.c.at_ms).where(tables.first_seen.c.school == school_id)
        with self._engine.connect() as connection:
            return connection.execute(query).scalar_one_or_none()

    def first_seen_all(self) -> Mapping[str, int]:
        """`first_seen` of every school that was ever heard, in one query."""
        with self._engine.connect() as connection:
            return {row.school: row.at_ms for row in connection.execute(select(tables.first_seen))}

    def note_first_seen(self, connection: Connection, rows: Iterable[tuple[str, int]]) -> None:
        """Write down, on the caller's transaction, who spoke for the first time; the first counts."""
        values: builtins.list[dict[str, object]] = [
            {"school": school, "at_ms": at_ms} for school, at_ms in rows
        ]
        if values:
            dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
            connection.execute(dialect.insert(tables.first_seen).on_conflict_do_nothing(), values)

    def load(self) -> tuple[EngineState, int]:
        """The engine's memory and the journal position up to which it has seen everything."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(tables.cursor).where(tables.cursor.c.name == CURSOR)
            ).one_or_none()
            if row is None:
                return EngineState(), 0
            schools = {
                state.school: SchoolState.loads(state.school, state.body)
                for state in connection.execute(select(tables.school_state))
            }
            live = connection.execute(
                select(tables.incident.c.id, tables.incident.c.number, tables.incident.c.body).where(
                    tables.incident.c.live
                )
            )
            incidents = {found.id: Entry(incident_of(found.body), found.number) for found in live}
        return EngineState(OwnState.loads(row.body), schools, incidents), row.position

    def save(
        self,
        connection: Connection,
        transitions: Sequence[Transition],
        state: EngineState,
        touched: tuple[Iterable[str], Iterable[str]],
        position: int,
    ) -> None:
        """Write, on the caller's transaction, what changed: transitions, schools, incidents, the cursor."""
        schools, incidents = touched
        newest = {transition.incident.id: transition for transition in transitions}
        if newest:
            _upsert(
                connection,
                tables.incident,
                [_row_of(transition, state) for transition in newest.values()],
            )
            connection.execute(insert(tables.transition), [_transition_row(one) for one in transitions])
        gone = [one for one in incidents if one not in state.incidents and one not in newest]
        if gone:
            connection.execute(
                update(tables.incident).where(tables.incident.c.id.in_(gone)).values(live=False)
            )
        states = [state.schools[school_id] for school_id in sorted(schools)]
        if states:
            _upsert(
                connection,
                tables.school_state,
                [{"school": one.school, "status": one.status.value, "body": one.dumps()} for one in states],
            )
        _upsert(
            connection, tables.cursor, [{"name": CURSOR, "position": position, "body": state.own.dumps()}]
        )

    def _incidents(self, query: Any) -> builtins.list[Incident]:
        with self._engine.connect() as connection:
            return [incident_of(body) for body in connection.execute(query).scalars()]


def _row_of(transition: Transition, state: EngineState) -> dict[str, object]:
    incident = transition.incident
    return {
        "id": incident.id,
        "school": incident.school,
        "kind": incident.kind.value,
        "start_ms": incident.start,
        "end_ms": incident.end,
        "resolved_ms": incident.resolved_at,
        "number": transition.number,
        "live": incident.id in state.incidents,
        "body": body_of(incident),
    }


def _transition_row(transition: Transition) -> dict[str, object]:
    return {
        "incident": transition.incident.id,
        "number": transition.number,
        "change": transition.change.value,
        "at_ms": transition.at_ms,
        "pages": transition.pages,
        "body": body_of(transition.incident),
        "evidence": json.dumps(transition.evidence, separators=(",", ":"), ensure_ascii=False),
    }


def _transition_of(row: RowMapping) -> Transition:
    return Transition(
        incident_of(row["body"]),
        row["number"],
        Change(row["change"]),
        row["at_ms"],
        row["pages"],
        tuple(json.loads(row["evidence"])),
    )


def _upsert(connection: Connection, table: Table, rows: Sequence[dict[str, object]]) -> None:
    """Insert `rows`, or replace those with the same primary key."""
    keys = list(table.primary_key.columns)
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(table)
    others = {name: statement.excluded[name] for name in rows[0] if not table.c[name].primary_key}
    connection.execute(statement.on_conflict_do_update(index_elements=keys, set_=others), rows)
