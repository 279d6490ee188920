"""Reads schools with all that is theirs from the database: every one of them, or a few."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, select

from schoolpulse.registry import tables
from schoolpulse.registry.models import AgentPeriod, AreaPeriod, Classroom, Line, LinePeriod, School
from schoolpulse.registry.moves import touching

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """Schools by name as they are at a moment; where agents stood; when the next period begins or ends."""

    schools: Sequence[School]
    stood: Mapping[str, Sequence[AgentPeriod]]
    until_ms: int | None


def read_schools(connection: Connection, now_ms: int, ids: Collection[str] | None = None) -> Found:
    """The schools `ids`, all with None, as they stand at `now_ms`."""
    gateways: dict[str, str] = {}
    classrooms: dict[str, list[Classroom]] = {}
    agents = _of(select(tables.agent), tables.agent.c.school_id, ids)
    for row in connection.execute(agents.order_by(tables.agent.c.name, tables.agent.c.id)):
        if row.role == "gateway":
            gateways[row.school_id] = row.id
        else:
            classrooms.setdefault(row.school_id, []).append(Classroom(row.id, row.name))
    histories = _histories(connection, ids)
    areas = _areas(connection, ids)
    schools = []
    edges: set[int] = set()
    for row in connection.execute(_of(select(tables.school), tables.school.c.id, ids)):
        history, hung = histories.get(row.id, ()), areas.get(row.id, _NOWHERE)
        for period in (*history, *hung):
            edges.update(edge for edge in (period.from_ms, period.to_ms) if edge is not None)
        schools.append(
            School(
                id=row.id,
                name=row.name,
                level=row.level,
                area=next(period.area for period in hung if period.covers(now_ms)),
                lat=row.lat,
                lon=row.lon,
                agent_id=gateways.get(row.id),
                lines=tuple(period.line for period in history if period.covers(now_ms)),
                closed_ms=row.closed_ms,
                classrooms=tuple(classrooms.get(row.id, ())),
                history=history,
                areas=hung if len(hung) > 1 else (),
            )
        )
    until_ms = min((edge for edge in edges if edge > now_ms), default=None)
    # Here and not in the database: two of them do not agree about the order of letters.
    return Found(sorted(schools, key=by_name), _stood(connection, ids), until_ms)


def by_name(school: School) -> tuple[str, str]:
    """A key to sort schools by."""
    return school.name, school.id


def area_paths(connection: Connection, ids: Collection[int] | None = None) -> dict[int, Path]:
    """The path of every area, or of those and what is above them, from the top down, by its id."""
    rows: dict[int, Row[Any]] = {}
    asked: set[int] | None = None if ids is None else set(ids)
    while asked is None or asked:
        query = _of(select(tables.area), tables.area.c.id, asked)
        rows |= {row.id: row for row in connection.execute(query)}
        if asked is None:
            break
        asked = {row.parent_id for row in rows.values() if row.parent_id is not None} - rows.keys()
    paths: dict[int, Path] = {}
    for area_id in rows:
        path: list[str] = []
        at: int | None = area_id
        while at is not None:
            path.append(rows[at].name)
            at = rows[at].parent_id
        paths[area_id] = tuple(reversed(path))
    return paths


def period_of(row: Row[Any]) -> LinePeriod:
    """A row of `tables.line`."""
    line = Line(
        role=row.role,
        provider=row.provider,
        technology=row.technology,
        contracted_down_mbps=row.contracted_down_mbps,
        contracted_up_mbps=row.contracted_up_mbps,
        cost_per_month=row.cost_per_month,
        currency=row.currency,
    )
    return LinePeriod(line, row.valid_from_ms, row.valid_to_ms, row.id)


def by_time(periods: Iterable[LinePeriod]) -> list[LinePeriod]:
    """Ascending; what has no beginning comes first, which the two databases do not agree about."""
    return sorted(periods, key=lambda period: -1 if period.from_ms is None else period.from_ms)


_NOWHERE = (AreaPeriod(()),)


def _of(query: Select[Any], column: ColumnElement[Any], ids: Collection[Any] | None) -> Select[Any]:
    return query if ids is None else query.where(column.in_(ids))


def _histories(connection: Connection, ids: Collection[str] | None) -> dict[str, tuple[LinePeriod, ...]]:
    """Every line's periods by school."""
    found: dict[str, list[LinePeriod]] = {}
    for row in connection.execute(_of(select(tables.line), tables.line.c.school_id, ids)):
        found.setdefault(row.school_id, []).append(period_of(row))
    return {
        # Primary before backup.
        school_id: tuple(sorted(by_time(periods), key=lambda period: period.line.role, reverse=True))
        for school_id, periods in found.items()
    }


def _areas(connection: Connection, ids: Collection[str] | None) -> dict[str, tuple[AreaPeriod, ...]]:
    """Where schools hung, by school and time."""
    hung = tables.school_area.c
    columns = select(hung.school_id, hung.area_id, hung.valid_from_ms)
    rows = connection.execute(_of(columns, hung.school_id, ids)).all()
    named = None if ids is None else {area_id for _, area_id, _ in rows if area_id is not None}
    # Most schools never moved, and share what they have with their neighbours.
    whole: dict[int | None, tuple[AreaPeriod, ...]] = {
        area_id: (AreaPeriod(path),) for area_id, path in area_paths(connection, named).items()
    }
    whole[None] = _NOWHERE
    found: dict[str, tuple[AreaPeriod, ...]] = {}
    moved: dict[str, list[tuple[int | None, Path]]] = {}
    for school_id, area_id, from_ms in rows:
        if from_ms is None:
            found[school_id] = whole[area_id]
        moved.setdefault(school_id, []).append((from_ms, whole[area_id][0].area))
    found |= {school_id: tuple(touching(starts)) for school_id, starts in moved.items() if len(starts) > 1}
    return found


def _stood(connection: Connection, ids: Collection[str] | None) -> dict[str, list[AgentPeriod]]:
    """Where agents stood before, by agent and by when they left; of those that stood at one of `ids`."""
    past = tables.past_agent.c
    query = select(tables.past_agent).order_by(past.valid_to_ms, past.id)
    if ids is not None:
        query = query.where(past.agent_id.in_(select(past.agent_id).where(past.school_id.in_(ids))))
    stood: dict[str, list[AgentPeriod]] = {}
    for row in connection.execute(query):
        period = AgentPeriod(row.agent_id, row.school_id, row.valid_from_ms, row.valid_to_ms)
        stood.setdefault(row.agent_id, []).append(period)
    return stood
