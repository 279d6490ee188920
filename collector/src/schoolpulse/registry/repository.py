"""The registry in the relational database: who is where, read from memory, and every change of it."""

from __future__ import annotations

import json
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import contextmanager

from sqlalchemy import Engine, select

from schoolpulse.clock import Clock, SystemClock
from schoolpulse.registry import tables
from schoolpulse.registry.areas import Area, read_areas
from schoolpulse.registry.models import (
    ROLES,
    AgentPeriod,
    Change,
    Contact,
    Device,
    LinePeriod,
    School,
)
from schoolpulse.registry.periods import begin, day_start, end
from schoolpulse.registry.plan import Plan, Recorded, RegistryMoved
from schoolpulse.registry.snapshot import Snapshot, load, renew
from schoolpulse.registry.writing import Writer

AT_ONCE = 500
"""Schools that are read anew after a change; of more, all are loaded."""


class Registry:
    """Schools, lines, agents, devices and contacts, with their history.

    What the ingest path asks (schools, agents, lines) is answered from an immutable snapshot, so that it
    never waits for a database; every change replaces the snapshot after it was committed, and reads only
    the schools that it changed (decision 0905). Devices, contacts and the record of changes are read from
    the database.

    Args:
        engine: the relational state.
        clock: says which lines are those of now, and stamps changes.
    """

    def __init__(self, engine: Engine, clock: Clock | None = None) -> None:
        self._engine = engine
        self._clock = clock or SystemClock()
        self._write = threading.Lock()
        self._snapshot = self._load()

    def schools(self) -> Sequence[School]:
        """Every open school, by name; the same object until something changes."""
        return self._snapshot.schools

    def every_school(self) -> Sequence[School]:
        """Every school that there ever was, the closed ones too, by name."""
        return self._snapshot.every

    def school(self, school_id: str) -> School | None:
        """The school with that id, be it open or closed."""
        return self._snapshot.by_id.get(school_id)

    def school_of(self, agent_id: str, at_ms: int | None = None) -> School | None:
        """The school whose agent that is now, or was at `at_ms`; None where the registry knows none.

        Agents of gateways and of classrooms.
        """
        return self._snapshot.school_of(agent_id, at_ms)

    def lines_between(self, school_id: str, from_ms: int, to_ms: int) -> Sequence[LinePeriod]:
        """The periods of a school's lines that touch ``[from_ms, to_ms)``: whole, primary first, by time.

        `LinePeriod.overlap` cuts one to the range. Empty for a school that is not there.
        """
        school = self.school(school_id)
        return school.lines_between(from_ms, to_ms) if school else ()

    def snapshot(self) -> Snapshot:
        """All that is in memory, as one unchanging whole."""
        return self._snapshot

    def agents_of(self, school_id: str) -> Sequence[AgentPeriod]:
        """The agents that stand and stood at a school, the oldest first."""
        now, past = tables.agent.c, tables.past_agent.c
        with self._engine.connect() as connection:
            query = select(tables.past_agent).where(past.school_id == school_id)
            found = [
                AgentPeriod(row.agent_id, school_id, row.valid_from_ms, row.valid_to_ms)
                for row in connection.execute(query.order_by(past.valid_to_ms, past.id))
            ]
            found += [
                AgentPeriod(row.id, school_id, row.valid_from_ms)
                for row in connection.execute(select(tables.agent).where(now.school_id == school_id))
            ]
        return found

    def areas(self) -> Sequence[Area]:
        """Every area, each after the one above it."""
        with self._engine.connect() as connection:
            return read_areas(connection)

    def devices(self, school_id: str | None = None) -> Sequence[Device]:
        """The recorded devices of a school, or of all, by school and id."""
        rows = tables.device.c
        query = select(tables.device).order_by(rows.school_id, rows.device_id)
        if school_id is not None:
            query = query.where(rows.school_id == school_id)
        with self._engine.connect() as connection:
            return [Device(**row) for row in connection.execute(query).mappings()]

    def contacts(self, school_id: str | None = None) -> Sequence[Contact]:
        """The contacts of a school, or of all, by school and function."""
        rows = tables.contact.c
        query = select(tables.contact).order_by(rows.school_id, rows.function)
        if school_id is not None:
            query = query.where(rows.school_id == school_id)
        with self._engine.connect() as connection:
            return [Contact(**row) for row in connection.execute(query).mappings()]

    def changes(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        school_ids: Collection[str] | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Change]:
        """What was changed in ``[from_ms, to_ms)``, the newest first, older than the id `before`.

        With `school_ids` only what was changed of these.
        """
        rows = tables.change.c
        query = select(tables.change).order_by(rows.id.desc()).limit(limit)
        if from_ms is not None:
            query = query.where(rows.at_ms >= from_ms)
        if to_ms is not None:
            query = query.where(rows.at_ms < to_ms)
        if school_ids is not None:
            query = query.where(rows.school_id.in_(school_ids))
        if before is not None:
            query = query.where(rows.id < before)
        with self._engine.connect() as connection:
            return [
                Change(**{**row, "fields": {k: tuple(v) for k, v in json.loads(row["fields"]).items()}})
                for row in connection.execute(query).mappings()
            ]

    @contextmanager
    def change(self, by: str) -> Iterator[tuple[Writer, Snapshot]]:
        """One transaction: a writer, and the registry as it stands with nobody else writing.

        Everything is taken back where the block raises. Afterwards everybody who asks this registry, or
        `refresh`es another one, sees the change.
        """
        with self._write:
            with self._engine.begin() as connection:
                now_ms = self._clock.now_ms()
                writer = Writer(connection, now_ms, by)
                known = self._snapshot
                version = writer.count_up()
                if version != known.version + 1 or known.is_over(now_ms):
                    known = load(connection, now_ms)
                yield writer, known
                renewed = _finish(writer, known, version)
            self._snapshot = renewed or self._load()

    def upsert(self, schools: Iterable[School], *, by: str = "console", from_ms: int | None = None) -> None:
        """Add `schools`, or make those with the same id like them, all or none.

        An agent that stood at another school moves; where two of `schools` name it, the last one has it.
        A line or an area that differs from the one of now begins at `from_ms`, by default at the start of
        this day in Vietnam; the first that a school gets has no beginning. What was before stays in the
        history.
        """
        with self.change(by) as (writer, known):
            at_ms = day_start(self._clock.now_ms()) if from_ms is None else from_ms
            moved: set[str | None] = set()
            for school in schools:
                before = known.by_id.get(school.id)
                writer.save_school(school, before, area_since="today" if from_ms is None else from_ms)
                if before is not None and before.closed_ms is not None:
                    writer.reopen_school(school.id)
                _save_lines(writer, school, before, at_ms)
                if before is None or before.agent_id != school.agent_id or school.agent_id in moved:
                    writer.set_agent(school.id, school.agent_id)
                    moved.add(school.agent_id)

    def recorded(self) -> Recorded:
        """All that an import compares with."""
        return Recorded(snapshot=self._snapshot, devices=self.devices(), contacts=self.contacts())

    def apply(self, plan: Plan, *, by: str) -> None:
        """Do what a plan says, all of it or nothing.

        What is to be written is made before the database is locked, and written together: while 50,000
        schools are imported, incidents and their outbox wait for seconds, not for the whole import.

        Raises:
            UsageError: it has mistakes, or the registry was changed since it was made.
        """
        with self._write:
            known = self._snapshot
            with self._engine.begin() as connection:
                writer = Writer(connection, self._clock.now_ms(), by)
                plan.apply(writer, known)
                version = writer.count_up()
                if version != known.version + 1:
                    raise RegistryMoved
                renewed = _finish(writer, known, version)
            self._snapshot = renewed or self._load()

    def assign_agent(self, agent_id: str, school_id: str, *, by: str) -> None:
        """Let the school have that agent from now on.

        Raises:
            KeyError: there is no such school.
        """
        with self.change(by) as (writer, known):
            if school_id not in known.by_id:
                raise KeyError(school_id)
            writer.set_agent(school_id, agent_id)

    def assign_classroom(self, agent_id: str, school_id: str, name: str, *, by: str) -> None:
        """Let that agent be one of the school's classrooms from now on, under a name for people.

        Raises:
            KeyError: there is no such school.
        """
        with self.change(by) as (writer, known):
            if school_id not in known.by_id:
                raise KeyError(school_id)
            writer.set_classroom(school_id, agent_id, name)

    def refresh(self) -> bool:
        """Take up what another process changed, or a line that began or ended by its date.

        Whether there was anything. Cheap when there was not.
        """
        snapshot = self._snapshot
        if not snapshot.is_over(self._clock.now_ms()):
            with self._engine.connect() as connection:
                if connection.execute(select(tables.version.c.version)).scalar() in (None, snapshot.version):
                    return False
        with self._write:
            self._snapshot = self._load()
        return True

    def _load(self) -> Snapshot:
        with self._engine.connect() as connection:
            return load(connection, self._clock.now_ms())


def _finish(writer: Writer, known: Snapshot, version: int) -> Snapshot | None:
    """Write all that waits; the registry afterwards, None where it is better loaded as a whole."""
    writer.flush()
    if writer.whole or len(writer.touched) > AT_ONCE:
        return None
    return renew(writer.connection, writer.at_ms, known, version, writer.touched)


def _save_lines(writer: Writer, school: School, before: School | None, at_ms: int) -> None:
    """Let the lines of now be those of `school`."""
    for role in ROLES:
        wanted = school.line(role)
        old = [period for period in before.history if period.line.role == role] if before else []
        if wanted == (before.line(role) if before else None):
            continue
        new = begin(old, wanted, at_ms if old else None) if wanted else end(old, at_ms)
        writer.set_line(school.id, role, old, new)
