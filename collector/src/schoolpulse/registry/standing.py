"""Which agent stands where, and where it stood before."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, select, true

from schoolpulse.registry import tables
from schoolpulse.registry.recording import Recording


@dataclass(frozen=True, slots=True)
class _Place:
    school_id: str
    role: str
    name: str
    since_ms: int | None


FEW = 100
"""Agents and schools asked for one by one; with more, an import is at work and all are read at once."""


class Standing:
    """The agents within one transaction, read as they are needed and kept in step with what is written."""

    def __init__(self, recording: Recording) -> None:
        self._recording = recording
        self._places: dict[str, _Place] = {}
        self._gateways: dict[str, str] = {}
        self._stood: set[str] = set()
        self._left: set[str] = set()
        self._asked: set[tuple[str, str]] = set()
        self._all_read = False

    def set_gateway(self, school_id: str, agent_id: str | None) -> None:
        """Give the school that gateway and no other; an agent that stood elsewhere moves."""
        self._read_school(school_id)
        old = self._gateways.get(school_id)
        if old == agent_id:
            return
        if old is not None:
            self._retire(old)
        if agent_id is not None:
            self._place(agent_id, school_id, "gateway")
        action = "removed" if agent_id is None else "changed" if old else "added"
        self._recording.note("agent", agent_id or old or "", action, school_id, {"agent_id": (old, agent_id)})

    def set_classroom(self, school_id: str, agent_id: str, name: str) -> None:
        """Let an agent be one of the school's classrooms, or give it another name."""
        here = self._place_of(agent_id)
        if here is None or (here.school_id, here.role) != (school_id, "classroom"):
            self._place(agent_id, school_id, "classroom", name)
            fields: dict[str, tuple[object, object]] = {"classroom": (None, name or agent_id)}
            self._recording.note("agent", agent_id, "added", school_id, fields)
        elif here.name != name:
            self._recording.change(tables.agent, {"id": agent_id}, {"name": name})
            self._places[agent_id] = _Place(school_id, "classroom", name, here.since_ms)
            self._recording.note("agent", agent_id, "changed", school_id, {"name": (here.name, name)})

    def remove_classroom(self, school_id: str, agent_id: str) -> bool:
        """Let the agent be nobody's; whether it was one of the school's classrooms."""
        here = self._place_of(agent_id)
        if here is None or (here.school_id, here.role) != (school_id, "classroom"):
            return False
        self._retire(agent_id)
        self._recording.note("agent", agent_id, "removed", school_id, {"classroom": (here.name, None)})
        return True

    def leave(self, school_id: str) -> None:
        """Let every agent leave the school."""
        self.set_gateway(school_id, None)
        for agent_id in [name for name, place in self._places.items() if place.school_id == school_id]:
            self.remove_classroom(school_id, agent_id)

    def _place_of(self, agent_id: str) -> _Place | None:
        if self._to_ask("agent", agent_id):
            self._take(tables.agent.c.id == agent_id)
            past = tables.past_agent.c
            query = select(past.agent_id).where(past.agent_id == agent_id).limit(1)
            self._stood.update(self._recording.direct.execute(query).scalars())
        return self._places.get(agent_id)

    def _read_school(self, school_id: str) -> None:
        if self._to_ask("school", school_id):
            self._take(tables.agent.c.school_id == school_id)

    def _to_ask(self, kind: str, name: str) -> bool:
        """Whether it is to be looked for in the database; when there were many, everything is read."""
        if self._all_read or (kind, name) in self._asked:
            return False
        self._asked.add((kind, name))
        if len(self._asked) <= FEW:
            return True
        self._all_read = True
        self._take(true())
        query = select(tables.past_agent.c.agent_id).distinct()
        self._stood.update(self._recording.direct.execute(query).scalars())
        return False

    def _take(self, which: ColumnElement[bool]) -> None:
        """Take up what the database has; what this transaction says of an agent is newer."""
        for row in self._recording.direct.execute(select(tables.agent).where(which)):
            if row.id not in self._places and row.id not in self._left:
                self._places[row.id] = _Place(row.school_id, row.role, row.name, row.valid_from_ms)
                if row.role == "gateway":
                    self._gateways.setdefault(row.school_id, row.id)

    def _place(self, agent_id: str, school_id: str, role: str, name: str = "") -> None:
        """Let the agent stand at the school; it leaves where it stood."""
        elsewhere = self._place_of(agent_id)
        # What a new agent measured before somebody recorded it is this school's.
        new = elsewhere is None and agent_id not in self._stood
        if elsewhere is not None:
            self._retire(agent_id)
            if elsewhere.school_id != school_id:
                fields: dict[str, tuple[object, object]] = {"school": (None, school_id)}
                self._recording.note("agent", agent_id, "removed", elsewhere.school_id, fields)
        place = _Place(school_id, role, name, None if new else self._recording.at_ms)
        values = {"id": agent_id, "school_id": school_id, "role": role, "name": name}
        self._recording.add(tables.agent, values | {"valid_from_ms": place.since_ms}, key=agent_id)
        self._places[agent_id] = place
        if role == "gateway":
            self._gateways[school_id] = agent_id

    def _retire(self, agent_id: str) -> None:
        place = self._places.pop(agent_id)
        if self._gateways.get(place.school_id) == agent_id:
            del self._gateways[place.school_id]
        self._stood.add(agent_id)
        self._left.add(agent_id)
        if not self._recording.withdraw(tables.agent, agent_id):
            self._recording.remove(tables.agent, {"id": agent_id})
        past = {"agent_id": agent_id, "school_id": place.school_id, "valid_from_ms": place.since_ms}
        self._recording.add(tables.past_agent, past | {"valid_to_ms": self._recording.at_ms})
