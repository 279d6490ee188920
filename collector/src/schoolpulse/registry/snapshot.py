"""Everything of the registry that is read from memory: loaded as it stands, then kept up with each change."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import Connection, select

from schoolpulse.registry import tables
from schoolpulse.registry.models import AgentPeriod, School
from schoolpulse.registry.reading import Found, by_name, read_schools


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The registry at one moment; never changed, only replaced.

    `schools` are those that are open, by name; `by_id` and `every` hold the closed ones too. `until_ms` is
    when a line or an area begins or ends by itself, at the earliest, and with it this snapshot.
    """

    version: int = 0
    schools: tuple[School, ...] = ()
    every: tuple[School, ...] = ()
    by_id: Mapping[str, School] = field(default_factory=dict)
    by_agent: Mapping[str, School] = field(default_factory=dict)
    stood: Mapping[str, Sequence[AgentPeriod]] = field(default_factory=dict)
    until_ms: int | None = None

    def is_over(self, now_ms: int) -> bool:
        """Whether a line or an area has begun or ended since."""
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
    found = read_schools(connection, now_ms)
    return Snapshot(
        version=version,
        schools=tuple(school for school in found.schools if school.closed_ms is None),
        every=tuple(found.schools),
        by_id={school.id: school for school in found.schools},
        by_agent={agent_id: school for school in found.schools for agent_id in school.agent_ids},
        stood=found.stood,
        until_ms=found.until_ms,
    )


def renew(
    connection: Connection, now_ms: int, known: Snapshot, version: int, ids: Collection[str]
) -> Snapshot:
    """`known` with the schools `ids` read anew: a fraction of loading all. What did not change is shared."""
    if not ids:
        return replace(known, version=version)
    found = read_schools(connection, now_ms, ids)
    by_id, by_agent = dict(known.by_id), dict(known.by_agent)
    for school in found.schools:
        old = by_id.get(school.id)
        for agent_id in old.agent_ids if old is not None else ():
            if by_agent.get(agent_id) is old:
                del by_agent[agent_id]
    for school in found.schools:
        by_id[school.id] = school
        by_agent.update(dict.fromkeys(school.agent_ids, school))
    opened = [school for school in found.schools if school.closed_ms is None]
    return Snapshot(
        version=version,
        schools=_with(known.schools, opened, known, ids),
        every=_with(known.every, found.schools, known, ids),
        by_id=by_id,
        by_agent=by_agent,
        stood={**known.stood, **found.stood} if found.stood else known.stood,
        # That of a school that was read anew may be over: then all is loaded once more than needed.
        until_ms=_earlier(known, found),
    )


def _with(
    sorted_schools: tuple[School, ...], new: Sequence[School], known: Snapshot, ids: Collection[str]
) -> tuple[School, ...]:
    """The schools by name, with `new` for what stood there under `ids`; the same object without any."""
    schools = list(sorted_schools)
    changed = bool(new)
    for old in [known.by_id[school_id] for school_id in ids if school_id in known.by_id]:
        at = bisect_left(schools, by_name(old), key=by_name)
        if at < len(schools) and schools[at] is old:
            del schools[at]
            changed = True
    for school in new:
        schools.insert(bisect_left(schools, by_name(school), key=by_name), school)
    return tuple(schools) if changed else sorted_schools


def _earlier(known: Snapshot, found: Found) -> int | None:
    edges = [edge for edge in (known.until_ms, found.until_ms) if edge is not None]
    return min(edges, default=None)
