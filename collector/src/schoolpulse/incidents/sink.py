"""The sink ``incidents``: messages through the engine, everything durable in one transaction."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from sqlalchemy import Connection
from sqlalchemy import Engine as SqlEngine
from sqlalchemy.exc import SQLAlchemyError

from schoolpulse.errors import SinkUnavailable
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import OwnLink, evidence_of
from schoolpulse.incidents.model import Change, SchoolStatus, Transition
from schoolpulse.incidents.mutes import PlannedMutes
from schoolpulse.incidents.people import Maintenance
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.state import EngineState
from schoolpulse.messages import Received
from schoolpulse.metrics import Metrics
from schoolpulse.registry.models import School

log = logging.getLogger(__name__)


class Registry(Protocol):
    """The part of the registry that is read here; answered from memory."""

    def schools(self) -> Sequence[School]:
        """Every school; the same object until something changes."""
        ...


class Outbox(Protocol):
    """Where what somebody has to be told waits."""

    def put(self, connection: Connection, transitions: Sequence[Transition]) -> None:
        """Add the rows of `transitions` on the caller's transaction."""
        ...

    def wake(self) -> None:
        """Rows were committed."""
        ...


class Listener(Protocol):
    """Hears of what was committed, in order."""

    def on_transition(self, transition: Transition) -> None:
        """An incident opened, changed or closed."""
        ...

    def on_status(self, school_id: str, status: SchoolStatus, at_ms: int) -> None:
        """A school's state changed."""
        ...


class IncidentSink:
    """Implements `messages.Sink`. `process` and `idle` belong to one thread.

    Args:
        policy: the engine's.
        registry: who the schools are; a changed registry is taken up with the next messages.
        sql_engine: holds the incidents, the engine's memory and the outbox.
        outbox: written in the same transaction; None where nobody is told.
        metrics: gets the number of open incidents.
        listeners: told after each commit.
        mutes: the calendar; maintenance windows are read from the database into it.
        started_ms: the collector's clock at its start. The journal's first entry of a run says that nobody
            listened until then; before it is seen, silence means nothing and `idle` does nothing.
    """

    def __init__(  # noqa: PLR0913  # keyword-only: the seams of the room
        self,
        *,
        policy: Policy,
        registry: Registry,
        sql_engine: SqlEngine,
        outbox: Outbox | None = None,
        metrics: Metrics | None = None,
        listeners: Sequence[Listener] = (),
        mutes: PlannedMutes | None = None,
        started_ms: int = 0,
    ) -> None:
        self._policy = policy
        self._registry = registry
        self._sql = sql_engine
        self._repository = IncidentRepository(sql_engine)
        self._outbox = outbox
        self._metrics = metrics
        self._listeners = list(listeners)
        self._mutes = mutes or PlannedMutes()
        self._started_ms = started_ms
        self._linked = False
        self._lock = threading.RLock()
        self._position = 0
        self._stale = False
        self._schools: Sequence[School] = ()
        self._engine = self._load()

    @property
    def name(self) -> str:
        """``incidents``."""
        return "incidents"

    @property
    def repository(self) -> IncidentRepository:
        """For reading."""
        return self._repository

    def position(self) -> int:
        """The last journal position whose effect is in the database."""
        return self._position

    def take_up_windows(self) -> None:
        """Read the maintenance windows anew; what waits for one that is gone is paged at once."""
        with self._lock:
            windows = Maintenance(self._sql).after(self._engine.now_ms)
            if windows != self._mutes.windows:
                self._mutes.windows = windows
                self._engine.mutes_changed()

    def statuses(self) -> dict[str, SchoolStatus]:
        """How every school stands now."""
        with self._lock:
            return dict(self._engine.statuses())

    def process(self, messages: Sequence[Received], through: int) -> None:
        """Take `messages`; their incidents, the memory of them and `through` are durable on return.

        Raises:
            SinkUnavailable: the database cannot be written; nothing was taken.
        """

        def work() -> list[Transition]:
            transitions: list[Transition] = []
            for message in messages:
                if message.position <= self._position:
                    continue
                event = evidence_of(message)
                if isinstance(event, OwnLink) and message.received_ms >= self._started_ms:
                    event = event._replace(restarted=not self._linked and not event.connected)
                    self._linked = True
                if event is not None:
                    transitions += self._engine.apply(event)
            return transitions

        self._commit(work, max(through, self._position), always=True)

    def idle(self, now_ms: int) -> None:
        """Fire the deadlines that are due until `now_ms`.

        Raises:
            SinkUnavailable: the database cannot be written; they fire at the next call.
        """
        if self._linked:
            self._commit(lambda: self._engine.advance(now_ms), self._position, always=False)

    def _commit(self, work: Callable[[], list[Transition]], position: int, *, always: bool) -> None:
        with self._lock:
            # What fails half-way leaves an engine that knows more than the database: it is thrown away.
            stale, self._stale = self._stale, True
            try:
                if stale:
                    self._engine = self._load()
                    position = max(position, self._position)
                transitions, statuses = self._save(work, position, always=always)
            except SQLAlchemyError as error:
                raise SinkUnavailable(
                    f"the incidents' database fails: {type(error).__name__}",
                    hint="is the disk full, or the database away?",
                ) from error
            self._stale = False
        self._tell(transitions, statuses)

    def _save(
        self, work: Callable[[], list[Transition]], position: int, *, always: bool
    ) -> tuple[list[Transition], list[tuple[str, SchoolStatus, int]]]:
        self._take_up_registry()
        transitions = work()
        touched = self._engine.take_touched()
        first_heard = self._engine.take_first_heard()
        if always or transitions or any(touched):
            with self._sql.begin() as connection:
                self._repository.save(connection, transitions, self._engine.state, touched, position)
                self._repository.note_first_seen(connection, first_heard)
                if self._outbox is not None and transitions:
                    self._outbox.put(connection, transitions)
            self._position = position
        return transitions, self._engine.take_statuses()

    def _tell(
        self, transitions: Sequence[Transition], statuses: Sequence[tuple[str, SchoolStatus, int]]
    ) -> None:
        for transition in transitions:
            incident = transition.incident
            if transition.change is not Change.AMENDED:
                log.info(
                    "incident %s %s: %s of %s, cause %s, paged %s",
                    incident.id,
                    transition.change,
                    incident.kind,
                    incident.school or incident.provider or incident.scope,
                    incident.cause,
                    transition.pages,
                )
        for listener in self._listeners:
            for transition in transitions:
                listener.on_transition(transition)
            for school_id, status, at_ms in statuses:
                listener.on_status(school_id, status, at_ms)
        if transitions:
            if self._outbox is not None:
                self._outbox.wake()
            self._count(self._engine)

    def _load(self) -> Engine:
        state, self._position = self._repository.load()
        self._complete_first_seen(state)
        self._schools = self._registry.schools()
        self._mutes.roster = Roster(self._schools)
        self._mutes.windows = Maintenance(self._sql).after(state.own.now_ms)
        engine = Engine(self._policy, self._mutes.roster, state, self._mutes)
        engine.mutes_changed()  # while nobody was here to hear of it
        self._count(engine)
        return engine

    def _complete_first_seen(self, state: EngineState) -> None:
        """Schools that an earlier version heard and wrote nothing down about: nobody knows since when."""
        known = self._repository.first_seen_all()
        rows = [(one.school, 0) for one in state.schools.values() if one.heard_ms and one.school not in known]
        if rows:
            with self._sql.begin() as connection:
                self._repository.note_first_seen(connection, rows)

    def _count(self, engine: Engine) -> None:
        if self._metrics is not None:
            entries = engine.state.incidents.values()
            self._metrics.open_incidents.set(sum(one.incident.resolved_at is None for one in entries))

    def _take_up_registry(self) -> None:
        schools = self._registry.schools()
        if schools is not self._schools:
            self._schools = schools
            self._mutes.roster = Roster(schools)
            self._engine.set_roster(self._mutes.roster)
