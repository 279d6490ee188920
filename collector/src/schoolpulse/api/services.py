"""What the API and the page need of the rest of the collector, as narrow as they need it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from schoolpulse.access.access import Access
from schoolpulse.access.audit import AuditLog
from schoolpulse.api.record_common import RegistryDesk
from schoolpulse.clock import Clock
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.incidents.model import Incident, Transition
from schoolpulse.incidents.mutes import CalendarSettings
from schoolpulse.incidents.people import Maintenance, Notes
from schoolpulse.live import LiveView
from schoolpulse.metrics import Metrics
from schoolpulse.notify.history import History
from schoolpulse.notify.outbox import Outbox
from schoolpulse.registry.models import School
from schoolpulse.reports.maker import Reports
from schoolpulse.stores.base import Series, SeriesQuery
from schoolpulse.web.settings import PageSettings


class RegistryReader(Protocol):
    """The registry, read from memory."""

    def schools(self) -> Sequence[School]:
        """Every school, by name."""
        ...

    def school(self, school_id: str) -> School | None:
        """The school with that id."""
        ...


class SeriesReader(Protocol):
    """The point store, as far as charts go. May block, and raises `StoreUnavailable`."""

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        """The series that match."""
        ...


class IncidentReader(Protocol):
    """The incidents' repository, as far as reading goes. May block."""

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
        ...

    def get(self, incident_id: str) -> Incident | None:
        """The incident with that id."""
        ...

    def transitions(self, incident_id: str) -> Sequence[Transition]:
        """What happened to it, in order."""
        ...


@dataclass(frozen=True, slots=True)
class AgentsBehind:
    """What is done about agents, and how to have it sent at once."""

    desk: AgentDesk
    wake: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True, kw_only=True)
class People:
    """What people do about incidents: they take them on, announce work, look after who is told."""

    notes: Notes
    maintenance: Maintenance
    history: History
    outbox: Outbox


@dataclass(frozen=True, slots=True, kw_only=True)
class Services:
    """Everything behind the API.

    `ready` answers per part of the collector with ``ok`` or with what is wrong in a short sentence; it may
    block. Without `agents`, `people` or `records`, nothing of theirs is served. `tick_s` is how often viewers
    are told of changes, which merges what happens in between; `look_again_s` how often it is looked whether
    their session still holds. `public_url` is where people open the page, if that is known.
    """

    access: Access
    registry: RegistryReader
    store: SeriesReader
    incidents: IncidentReader
    live: LiveView
    metrics: Metrics
    clock: Clock
    version: str
    ready: Callable[[], Mapping[str, str]]
    reports: Reports | None = None
    agents: AgentsBehind | None = None
    people: People | None = None
    tick_s: float = 1.0
    max_viewers: int = 500
    look_again_s: float = 10.0
    public_url: str = ""
    page: PageSettings = field(default_factory=PageSettings)
    calendar: CalendarSettings | None = None
    records: RegistryDesk | None = None

    @property
    def audit(self) -> AuditLog:
        """Where every change that somebody makes is put down."""
        return self.access.audit
