"""Everything of the registry that is read from memory, loaded from the database as it stands."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, Row, select

from schoolpulse.registry import tables
from schoolpulse.registry.models import AgentPeriod, Classroom, Line, LinePeriod, School


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The registry at one moment; never changed, only replaced.

    `schools` are those that are open, by name; `by_id` and `every` hold the closed ones too. `until_ms` is
    when a line begins or ends by itself, and with it this snapshot.
    """

    version: int = 0
    schools: tuple[School, ...] = ()
    every: tuple[School, ...] = ()
    by_id: Mapping[str, School] = field(default_factory=dict)
    by_agent: Mapping[str, School] = field(default_factory=dict)
    stood: Mapping[str, Sequence[AgentPeriod]] = field(default_factory=dict)
    until_ms: int | None = None

    def is_over(self, now_ms: int) -> bool:
        """Whether a line has begun or ended since."""
        return self.until_ms is not None and now_ms >= self.until_ms

    def school_of(self, agent_id: str, at_ms: int | None) -> School | None:
        """The school that has the agent, or had it at `at_ms`."""
        if at_ms is not None:
            for period in self.stood.get(agent_id, ()):
                if period.to_ms is not None and at_ms < period.to_ms:
                    return self.by_id.get(period.school_id)
        return self.by_agent.get(agent_id)


def load(connection: Connection, now_ms: int) -> Snapshot:
    """The registry as it stands at `now_ms`."""
    version = connection.execute(select(tables.version.c.version)).scalar() or 0
    paths = area_paths(connection)
    gateways: dict[str, str] = {}
    classrooms: dict[str, list[Classroom]] = {}
    for row in connection.execute(select(tables.agent).order_by(tables.agent.c.name, tables.agent.c.id)):
        if row.role == "gateway":
            gateways[row.school_id] = row.id
        else:
            classrooms.setdefault(row.school_id, []).append(Classroom(row.id, row.name))
    histories, until_ms = _histories(connection, now_ms)
    every = []
    for row in connection.execute(select(tables.school).order_by(tables.school.c.name, tables.school.c.id)):
        history = histories.get(row.id, ())
        every.append(
            School(
                id=row.id,
                name=row.name,
                level=row.level,
                area=paths[row.area_id] if row.area_id is not None else (),
                lat=row.lat,
                lon=row.lon,
                agent_id=gateways.get(row.id),
                lines=tuple(period.line for period in history if period.covers(now_ms)),
                closed_ms=row.closed_ms,
                classrooms=tuple(classrooms.get(row.id, ())),
                history=history,
            )
        )
    return Snapshot(
        version=version,
        schools=tuple(school for school in every if school.closed_ms is None),
        every=tuple(every),
        by_id={school.id: school for school in every},
        by_agent={agent_id: school for school in every for agent_id in school.agent_ids},
        stood=_stood(connection),
        until_ms=until_ms,
    )


def area_paths(connection: Connection) -> dict[int, tuple[str, ...]]:
    """The path of every area, from the top down, by its id."""
    rows = {row.id: row for row in connection.execute(select(tables.area))}
    paths: dict[int, tuple[str, ...]] = {}
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


def _histories(connection: Connection, now_ms: int) -> tuple[dict[str, tuple[LinePeriod, ...]], int | None]:
    """Every line's periods by school, and when the next of them begins or ends."""
    found: dict[str, list[LinePeriod]] = {}
    until_ms: int | None = None
    for row in connection.execute(select(tables.line)):
        period = period_of(row)
        found.setdefault(row.school_id, []).append(period)
        for edge in (period.from_ms, period.to_ms):
            if edge is not None and edge > now_ms and (until_ms is None or edge < until_ms):
                until_ms = edge
    ordered = {
        # Primary before backup.
        school_id: tuple(sorted(by_time(periods), key=lambda period: period.line.role, reverse=True))
        for school_id, periods in found.items()
    }
    return ordered, until_ms


def _stood(connection: Connection) -> dict[str, list[AgentPeriod]]:
    """Where agents stood before, by agent and by when they left."""
    stood: dict[str, list[AgentPeriod]] = {}
    for row in connection.execute(select(tables.past_agent).order_by(tables.past_agent.c.valid_to_ms)):
        period = AgentPeriod(row.agent_id, row.school_id, row.valid_from_ms, row.valid_to_ms)
        stood.setdefault(row.agent_id, []).append(period)
    return stood
