"""What is so now: each school's state and newest figures, in memory, for the wall and its viewers.

It reads the journal like any other sink, but keeps nothing on disk: after a restart it starts at the
journal's tail, takes the states from the incidents' repository and fills up as the agents speak.

Viewers hold no queue here. Every change has a revision, and a viewer asks for what changed since the one
it has seen: who asks seldom gets the changes merged, who fell too far behind gets everything, and nobody
can hold up the ingest.
"""

from __future__ import annotations

import secrets
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from schoolpulse.clock import Clock
from schoolpulse.contract.models import Birth, State, Telemetry
from schoolpulse.incidents.model import Incident, IncidentKind, SchoolStatus, Transition
from schoolpulse.incidents.people import Note
from schoolpulse.live.figures import AgentFigures, Figures
from schoolpulse.live.incidents import RESOLVED_KEPT as RESOLVED_KEPT
from schoolpulse.live.incidents import IncidentsNow
from schoolpulse.live.rooms import RoomNow
from schoolpulse.messages import Link, Received
from schoolpulse.registry.models import Classroom, School

MAX_STRANGERS = 1_000
"""How many agents are kept that no school has (yet)."""


class Registry(Protocol):
    """The part of the registry that is read here; answered from memory."""

    def schools(self) -> Sequence[School]:
        """Every school; the same object until something changes."""
        ...


@dataclass(frozen=True, slots=True)
class SchoolNow:
    """A school as it is now. `since_ms` is when its state began in the world, None where nobody knows."""

    school: School
    status: SchoolStatus
    since_ms: int | None
    figures: Figures | None
    rooms: Sequence[RoomNow] = ()
    """The agents of its classrooms, by name as the registry has them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Schools and incidents at `revision`; with `complete` all of them, else those that changed.

    Incidents of an incomplete snapshot hold the resolved ones too, so that a viewer can let go of them.
    `taken` is by the id of an incident who took it on first.
    `counts` is always of all schools.
    `epoch` names this run of the collector: revisions of another epoch mean nothing here.
    """

    epoch: str
    revision: int
    at_ms: int
    complete: bool
    heard_ms: int | None
    counts: Mapping[SchoolStatus, int]
    schools: Sequence[SchoolNow]
    incidents: Sequence[Incident]
    taken: Mapping[str, Note]


_KIND_OF_STATUS = {
    SchoolStatus.DOWN: IncidentKind.OUTAGE,
    SchoolStatus.ON_BACKUP: IncidentKind.ON_BACKUP,
    SchoolStatus.DEGRADED: IncidentKind.DEGRADED,
}
_UNHEARD = (SchoolStatus.UNKNOWN, None)


class LiveView:
    """The sink ``live`` and what viewers ask. Every method may be called from any thread.

    Args:
        registry: who the schools are; read at every snapshot, so that an import shows at once.
        clock: stamps snapshots.
        position: the journal's tail at start.
    """

    def __init__(self, registry: Registry, clock: Clock, *, position: int = 0) -> None:
        self._registry = registry
        self._clock = clock
        self._position = position
        self._lock = threading.Lock()
        self._closed = False
        self._revision = 1
        self._agents: dict[str, AgentFigures] = {}
        self._statuses: dict[str, tuple[SchoolStatus, int | None]] = {}
        self._incidents = IncidentsNow()
        self._touched: dict[str, int] = {}  # by school: revision of its last change
        self._complete_before = 0  # who has seen less than this revision gets everything
        self._schools: Sequence[School] = registry.schools()
        self._school_of = _by_agent(self._schools)
        self._strangers: set[str] = set()
        self._heard_ms: int | None = None
        self.epoch = secrets.token_hex(4)

    @property
    def name(self) -> str:
        """``live``."""
        return "live"

    def position(self) -> int:
        """The last journal position taken in."""
        return self._position

    def idle(self, now_ms: int) -> None:
        """Nothing here depends on silence: that is the incidents' part."""

    def process(self, messages: Sequence[Received], through: int) -> None:
        """Take in `messages`, those of agents that no school has yet too."""
        with self._lock:
            self._look_at_registry()
            for message in messages:
                self._take(message)
            self._position = through

    def restore(
        self,
        statuses: Mapping[str, SchoolStatus],
        incidents: Iterable[Incident],
        taken: Mapping[str, Note] | None = None,
    ) -> None:
        """Start from what is on record: each school's state, the open incidents and who took them on."""
        with self._lock:
            self._incidents.restore(incidents, taken or {})
            for school_id, status in statuses.items():
                self._statuses[school_id] = (status, None)
            self._everything_changed()

    def on_transition(self, transition: Transition) -> None:
        """An incident opened, changed or closed."""
        with self._lock:
            self._touch(transition.incident.school)
            self._missed(self._incidents.take(transition, self._revision))

    def on_note(self, note: Note, incident: Incident | None) -> None:
        """Somebody took an incident on or said something of it; `incident` is how it stands on record."""
        with self._lock:
            self._touch(None)
            self._missed(self._incidents.note(note, incident, self._revision))

    def on_status(self, school_id: str, status: SchoolStatus, at_ms: int) -> None:
        """A school's state changed at `at_ms`, or is said again."""
        with self._lock:
            if self._statuses.get(school_id, _UNHEARD)[0] is not status:
                self._statuses[school_id] = (status, at_ms)
                self._touch(school_id)

    def snapshot(self) -> Snapshot:
        """Every school and every open incident."""
        with self._lock:
            self._look_at_registry()
            return self._snapshot(self._schools, self._incidents.open(), complete=True)

    def school(self, school_id: str) -> SchoolNow | None:
        """One school as it is now."""
        with self._lock:
            self._look_at_registry()
            found = next((school for school in self._schools if school.id == school_id), None)
            return self._now(found, self._starts()) if found else None

    def figures(self, agent_id: str) -> Figures | None:
        """The newest figures of one agent, a gateway's or a classroom's; None where it was not heard."""
        with self._lock:
            agent = self._agents.get(agent_id)
            return agent.snapshot() if agent else None

    def changes_since(self, epoch: str, revision: int) -> Snapshot | None:
        """What changed after `revision`; None where nothing did, everything where that cannot be told."""
        with self._lock:
            self._look_at_registry()
            if epoch != self.epoch or revision < self._complete_before or revision > self._revision:
                return self._snapshot(self._schools, self._incidents.open(), complete=True)
            if revision == self._revision:
                return None
            schools = [school for school in self._schools if self._touched.get(school.id, 0) > revision]
            incidents = self._incidents.changed_since(revision)
            return self._snapshot(schools, incidents, complete=False)

    def revision(self) -> int:
        """The number of the last change."""
        with self._lock:
            self._look_at_registry()
            return self._revision

    @property
    def heard_ms(self) -> int | None:
        """When any agent last spoke, by the collector's clock."""
        return self._heard_ms

    @property
    def closed(self) -> bool:
        """Whether viewers are to let go."""
        return self._closed

    def close(self) -> None:
        """Let viewers go, so that the web server can end."""
        self._closed = True

    def counts(self) -> Mapping[SchoolStatus, int]:
        """How many schools are in each state."""
        with self._lock:
            self._look_at_registry()
            return self._counts()

    def _take(self, message: Received) -> None:
        body = message.body
        if isinstance(body, Link):
            return
        school_id = self._school_of.get(message.agent_id)
        agent = self._agents.get(message.agent_id)
        if agent is None:
            # An agent may connect before somebody records its school; its birth comes only once.
            if school_id is None:
                if len(self._strangers) >= MAX_STRANGERS:
                    return
                self._strangers.add(message.agent_id)
            agent = self._agents[message.agent_id] = AgentFigures()
        if isinstance(body, Telemetry):
            agent.take_telemetry(body, message.received_ms)
        elif isinstance(body, Birth):
            agent.take_birth(body)
        elif isinstance(body, State):
            agent.take_state(body, message.received_ms, retained=message.retained)
        will = isinstance(body, State) and body.at is None
        if not message.retained and not will:
            agent.heard(message.received_ms)
            self._heard_ms = message.received_ms
        if school_id is not None:
            self._touch(school_id)

    def _touch(self, school_id: str | None) -> None:
        self._revision += 1
        if school_id is not None:
            self._touched[school_id] = self._revision

    def _missed(self, revision: int) -> None:
        """Something of `revision` is forgotten: who has not seen it gets everything."""
        self._complete_before = max(self._complete_before, revision)

    def _everything_changed(self) -> None:
        self._revision += 1
        self._complete_before = self._revision

    def _look_at_registry(self) -> None:
        schools = self._registry.schools()
        if schools is not self._schools:
            self._schools = schools
            self._school_of = _by_agent(schools)
            self._strangers = self._agents.keys() - self._school_of.keys()
            if len(self._strangers) >= MAX_STRANGERS:
                for agent_id in self._strangers:
                    del self._agents[agent_id]
                self._strangers = set()
            self._everything_changed()

    def _starts(self) -> Mapping[tuple[str | None, IncidentKind], int]:
        """When each open incident began: later evidence may have corrected it since the state changed."""
        return {(incident.school, incident.kind): incident.start for incident in self._incidents.open()}

    def _now(self, school: School, starts: Mapping[tuple[str | None, IncidentKind], int]) -> SchoolNow:
        status, since_ms = self._statuses.get(school.id, _UNHEARD)
        kind = _KIND_OF_STATUS.get(status)
        if kind is not None:
            since_ms = starts.get((school.id, kind), since_ms)
        agent = self._agents.get(school.agent_id or "")
        return SchoolNow(
            school,
            status,
            since_ms,
            agent.snapshot() if agent else None,
            tuple(self._room(room) for room in school.classrooms),
        )

    def _room(self, room: Classroom) -> RoomNow:
        agent = self._agents.get(room.agent_id)
        return agent.room(room) if agent else RoomNow(agent_id=room.agent_id, name=room.name)

    def _counts(self) -> Mapping[SchoolStatus, int]:
        return Counter(self._statuses.get(school.id, _UNHEARD)[0] for school in self._schools)

    def _snapshot(
        self, schools: Iterable[School], incidents: Sequence[Incident], *, complete: bool
    ) -> Snapshot:
        starts = self._starts()
        return Snapshot(
            epoch=self.epoch,
            revision=self._revision,
            at_ms=self._clock.now_ms(),
            complete=complete,
            heard_ms=self._heard_ms,
            counts=self._counts(),
            schools=[self._now(school, starts) for school in schools],
            incidents=incidents,
            taken=self._incidents.taken(incidents),
        )


def _by_agent(schools: Iterable[School]) -> dict[str, str]:
    """The school of each agent, its gateway's and those of its classrooms."""
    return {agent_id: school.id for school in schools for agent_id in school.agent_ids}
