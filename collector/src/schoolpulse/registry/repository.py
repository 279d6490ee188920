"""The registry in the relational database, read from memory."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Connection, Engine, delete, insert, or_, select, update

from schoolpulse.registry import tables
from schoolpulse.registry.models import Line, School


@dataclass(frozen=True, slots=True)
class _Snapshot:
    version: int = 0
    schools: tuple[School, ...] = ()
    by_id: Mapping[str, School] = field(default_factory=dict)
    by_agent: Mapping[str, School] = field(default_factory=dict)


class Registry:
    """Schools, lines and agents.

    Every read is answered from an immutable snapshot, so that the ingest path never waits for a
    database; every change replaces the snapshot after it was committed.
    """

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._write = threading.Lock()
        self._snapshot = self._load()

    def schools(self) -> Sequence[School]:
        """Every school, by name."""
        return self._snapshot.schools

    def school(self, school_id: str) -> School | None:
        """The school with that id."""
        return self._snapshot.by_id.get(school_id)

    def school_of(self, agent_id: str) -> School | None:
        """The school whose agent that is; None where the registry knows no such agent."""
        return self._snapshot.by_agent.get(agent_id)

    def upsert(self, schools: Iterable[School]) -> None:
        """Add `schools`, or replace those with the same id, all or none.

        An agent that stood at another school moves; where two of `schools` name it, the last one has it.
        """
        with self._write:
            with self._engine.begin() as connection:
                for school in schools:
                    _save(connection, school)
                _count_up(connection)
            self._snapshot = self._load()

    def refresh(self) -> bool:
        """Take up what another process changed; whether there was anything. Cheap when there was not."""
        with self._engine.connect() as connection:
            if connection.execute(select(tables.version.c.version)).scalar() in (
                None,
                self._snapshot.version,
            ):
                return False
        with self._write:
            self._snapshot = self._load()
        return True

    def _load(self) -> _Snapshot:
        with self._engine.connect() as connection:
            version = connection.execute(select(tables.version.c.version)).scalar() or 0
            areas = {row.id: row for row in connection.execute(select(tables.area))}
            agents = {row.school_id: row.id for row in connection.execute(select(tables.agent))}
            lines: dict[str, list[Line]] = {}
            for row in connection.execute(select(tables.line).order_by(tables.line.c.role.desc())):
                lines.setdefault(row.school_id, []).append(
                    Line(
                        role=row.role,
                        provider=row.provider,
                        technology=row.technology,
                        contracted_down_mbps=row.contracted_down_mbps,
                        contracted_up_mbps=row.contracted_up_mbps,
                    )
                )
            rows = connection.execute(select(tables.school).order_by(tables.school.c.name)).all()
        schools = []
        for row in rows:
            path: list[str] = []
            at = row.area_id
            while at is not None:
                path.append(areas[at].name)
                at = areas[at].parent_id
            schools.append(
                School(
                    id=row.id,
                    name=row.name,
                    level=row.level,
                    area=tuple(reversed(path)),
                    lat=row.lat,
                    lon=row.lon,
                    agent_id=agents.get(row.id),
                    lines=tuple(lines.get(row.id, ())),
                )
            )
        return _Snapshot(
            version,
            tuple(schools),
            {school.id: school for school in schools},
            {school.agent_id: school for school in schools if school.agent_id},
        )


def _save(connection: Connection, school: School) -> None:
    values = {
        "name": school.name,
        "level": school.level,
        "area_id": _area_id(connection, school.area),
        "lat": school.lat,
        "lon": school.lon,
    }
    known = tables.school.c.id == school.id
    if connection.execute(update(tables.school).where(known).values(values)).rowcount == 0:
        connection.execute(insert(tables.school).values(id=school.id, **values))
    connection.execute(delete(tables.line).where(tables.line.c.school_id == school.id))
    for line in school.lines:
        connection.execute(
            insert(tables.line).values(
                school_id=school.id,
                role=line.role,
                provider=line.provider,
                technology=line.technology,
                contracted_down_mbps=line.contracted_down_mbps,
                contracted_up_mbps=line.contracted_up_mbps,
            )
        )
    connection.execute(
        delete(tables.agent).where(
            or_(tables.agent.c.school_id == school.id, tables.agent.c.id == school.agent_id)
        )
    )
    if school.agent_id:
        connection.execute(insert(tables.agent).values(id=school.agent_id, school_id=school.id))


def _count_up(connection: Connection) -> None:
    if connection.execute(update(tables.version).values(version=tables.version.c.version + 1)).rowcount == 0:
        connection.execute(insert(tables.version).values(id=1, version=1))


def _area_id(connection: Connection, path: Sequence[str]) -> int | None:
    parent: int | None = None
    for name in path:
        found = connection.execute(
            select(tables.area.c.id).where(
                tables.area.c.name == name, tables.area.c.parent_id.is_not_distinct_from(parent)
            )
        ).scalar_one_or_none()
        if found is None:
            found = connection.execute(
                insert(tables.area).values(name=name, parent_id=parent).returning(tables.area.c.id)
            ).scalar_one()
        parent = found
    return parent
