"""The outbox: what has to be told, written in the transaction of what happened, kept until it is taken."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from schoolpulse.incidents.model import Change, Incident, Transition
from schoolpulse.notify.channels.base import Channel, Note, Outcome
from schoolpulse.notify.message import summary_of, text_of
from schoolpulse.notify.policy import Route
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.notify.tables import DELIVERED, GIVEN_UP, PENDING, endpoint_state, outbox
from schoolpulse.registry.models import School


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message to one endpoint and how it stands; times are milliseconds since 1970, UTC."""

    id: str
    incident: str
    number: int
    endpoint: str
    created_ms: int
    body: str
    state: str
    attempts: int
    next_ms: int
    last_ms: int | None
    last_status: int | None
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """How one endpoint does. `disabled_ms` is set where it said 410: nothing is sent to it any more."""

    settings: EndpointSettings
    disabled_ms: int | None
    ok_ms: int | None
    failed_ms: int | None
    error: str
    pending: int


class Outbox:
    """Rows in, rows out; every method may be called from any thread.

    Args:
        engine: the database of the incidents.
        endpoints: who is told.
        channels: how, by format.
        school: the registry's look-up, for names.
        routes: who hears of what; without any, everybody of everything that pages.
        public_url: where people open the page, without a slash at its end; empty for messages without links.
    """

    def __init__(
        self,
        engine: Engine,
        endpoints: Sequence[EndpointSettings],
        channels: Mapping[str, Channel],
        *,
        school: Callable[[str], School | None],
        routes: Sequence[Route] = (),
        public_url: str = "",
    ) -> None:
        self._engine = engine
        self._endpoints = {endpoint.id: endpoint for endpoint in endpoints}
        self._channels = channels
        self.school = school
        self.routes = tuple(routes)
        self._public_url = public_url.rstrip("/")
        self.changed = threading.Event()
        """Set when rows were committed; the delivery waits on it and clears it."""

    def put(self, connection: Connection, transitions: Sequence[Transition]) -> None:
        """Add a row for each of `transitions` and each endpoint that is to hear of it, once."""
        # Disabled endpoints too: what they miss waits until an operator enables them again.
        rows = [
            self._row(transition, self._endpoints[endpoint])
            for transition in transitions
            for endpoint in self._told(connection, transition)
        ]
        if rows:
            self._insert(connection, rows)

    def tell(self, connection: Connection, transition: Transition, endpoints: Iterable[str]) -> None:
        """Tell `endpoints` of `transition`, those of them that have not heard of it yet."""
        rows = [self._row(transition, self._endpoints[one]) for one in endpoints if one in self._endpoints]
        if rows:
            self._insert(connection, rows)

    def summarise(
        self,
        connection: Connection,
        name: str,
        at_ms: int,
        incidents: Sequence[Incident],
        endpoints: Iterable[str],
    ) -> None:
        """Tell `endpoints` what is still open; `name` names the summary, which is sent once."""
        rows = []
        for endpoint in (self._endpoints[one] for one in endpoints if one in self._endpoints):
            message_id = message_id_of(name, 1, endpoint.id)
            text = summary_of(incidents, self.school, at_ms, endpoint.language, self._public_url)
            note = Note(message_id, at_ms, text, link=self._public_url, incidents=tuple(incidents))
            rows.append(self._values(name, 1, endpoint, note))
        if rows:
            self._insert(connection, rows)

    def _told(self, connection: Connection, transition: Transition) -> list[str]:
        """The endpoints that are to hear of `transition` now, each once."""
        everything = [one.id for one in self._endpoints.values() if one.everything]
        if not transition.pages:
            return everything
        incident = transition.incident
        if transition.change is Change.RESOLVED and self.routes:
            heard = connection.execute(
                select(outbox.c.endpoint).where(outbox.c.incident == incident.id).distinct()
            ).scalars()
            return [one for one in dict.fromkeys([*everything, *sorted(heard)]) if one in self._endpoints]
        if not self.routes:
            return list(self._endpoints)
        school = self.school(incident.school) if incident.school is not None else None
        routed = [
            one
            for route in self.routes
            if route.at_once and route.matches(incident, school)
            for one in route.endpoints
            if one in self._endpoints
        ]
        return list(dict.fromkeys([*everything, *routed]))

    @staticmethod
    def _insert(connection: Connection, rows: list[dict[str, object]]) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        connection.execute(dialect.insert(outbox).on_conflict_do_nothing(), rows)

    def wake(self) -> None:
        """Rows were committed."""
        self.changed.set()

    def endpoint(self, endpoint_id: str) -> EndpointSettings | None:
        """The endpoint of that id, if it is still configured."""
        return self._endpoints.get(endpoint_id)

    def channel(self, endpoint: EndpointSettings) -> Channel:
        """How that endpoint is reached."""
        return self._channels[endpoint.format]

    def readers(self) -> list[str]:
        """The endpoints that a person reads."""
        return [one.id for one in self._endpoints.values() if one.format != "alertmanager"]

    def has(self, incident: str) -> bool:
        """Whether there is any message about it, or the summary of that name."""
        query = select(outbox.c.seq).where(outbox.c.incident == incident).limit(1)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def heads(self, busy: Collection[str] = ()) -> list[OutboxRow]:
        """The next row of each incident and endpoint, by when it is due; not those whose ids are `busy`.

        Rows behind it wait: an incident's messages arrive in order. Endpoints that are disabled or not
        configured any more are left out.
        """
        disabled = select(endpoint_state.c.endpoint).where(endpoint_state.c.disabled_ms.is_not(None))
        first = (
            select(func.min(outbox.c.seq))
            .where(outbox.c.state == PENDING, outbox.c.endpoint.in_(list(self._endpoints)))
            .where(outbox.c.endpoint.not_in(disabled))
            .group_by(outbox.c.endpoint, outbox.c.incident)
        )
        query = select(outbox).where(outbox.c.seq.in_(first)).order_by(outbox.c.next_ms, outbox.c.seq)
        with self._engine.connect() as connection:
            rows = [_outbox_row(row) for row in connection.execute(query).mappings()]
        return [row for row in rows if row.id not in busy]

    def record(self, row: OutboxRow, outcome: Outcome, now_ms: int, next_ms: int | None) -> None:
        """Write down how an attempt went; `next_ms` None where there is none after it."""
        state = (
            DELIVERED if outcome.delivered else PENDING if next_ms is not None or outcome.gone else GIVEN_UP
        )
        health: dict[str, Any] = {"error": outcome.error[:200]}
        health |= {"ok_ms": now_ms} if outcome.delivered else {"failed_ms": now_ms}
        if outcome.gone:
            health["disabled_ms"] = now_ms
        with self._engine.begin() as connection:
            connection.execute(
                update(outbox)
                .where(outbox.c.id == row.id)
                .values(
                    state=state,
                    attempts=outbox.c.attempts + 1,
                    next_ms=next_ms or row.next_ms,
                    last_ms=now_ms,
                    last_status=outcome.status,
                    last_error=outcome.error[:200],
                )
            )
            self._save_health(connection, row.endpoint, health)

    def enable(self, endpoint_id: str) -> None:
        """Send to an endpoint again that had said 410; what waits for it is sent at once."""
        with self._engine.begin() as connection:
            self._save_health(connection, endpoint_id, {"disabled_ms": None, "error": ""})
        self.wake()

    def pending(self) -> int:
        """How many messages wait, those for disabled endpoints included."""
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(outbox).where(outbox.c.state == PENDING)
            return connection.execute(query).scalar_one()

    def endpoints(self) -> Sequence[EndpointHealth]:
        """Every configured endpoint and how it does."""
        counts = (
            select(outbox.c.endpoint, func.count().label("pending"))
            .where(outbox.c.state == PENDING)
            .group_by(outbox.c.endpoint)
        )
        with self._engine.connect() as connection:
            pending = {row.endpoint: row.pending for row in connection.execute(counts)}
            known = {row.endpoint: row for row in connection.execute(select(endpoint_state))}
        return [
            EndpointHealth(
                settings=endpoint,
                disabled_ms=row.disabled_ms if (row := known.get(endpoint.id)) is not None else None,
                ok_ms=row.ok_ms if row is not None else None,
                failed_ms=row.failed_ms if row is not None else None,
                error=row.error if row is not None else "",
                pending=pending.get(endpoint.id, 0),
            )
            for endpoint in self._endpoints.values()
        ]

    def deliveries(self, endpoint_id: str, *, limit: int = 100) -> Sequence[OutboxRow]:
        """The newest messages of an endpoint."""
        query = (
            select(outbox).where(outbox.c.endpoint == endpoint_id).order_by(outbox.c.seq.desc()).limit(limit)
        )
        with self._engine.connect() as connection:
            return [_outbox_row(row) for row in connection.execute(query).mappings()]

    def _row(self, transition: Transition, endpoint: EndpointSettings) -> dict[str, object]:
        incident = transition.incident
        message_id = message_id_of(incident.id, transition.number, endpoint.id)
        school = self.school(incident.school) if incident.school is not None else None
        link = f"{self._public_url}/incidents/{incident.id}" if self._public_url else ""
        text = text_of(transition, school, endpoint.language, link)
        note = Note(message_id, transition.at_ms, text, transition, school, link)
        return self._values(incident.id, transition.number, endpoint, note)

    def _values(
        self, incident: str, number: int, endpoint: EndpointSettings, note: Note
    ) -> dict[str, object]:
        return {
            "id": note.message_id,
            "incident": incident,
            "number": number,
            "endpoint": endpoint.id,
            "created_ms": note.at_ms,
            "body": self._channels[endpoint.format].compose(note, endpoint),
            "state": PENDING,
            "attempts": 0,
            "next_ms": note.at_ms,
            "last_error": "",
        }

    @staticmethod
    def _save_health(connection: Connection, endpoint_id: str, values: dict[str, Any]) -> None:
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        statement = dialect.insert(endpoint_state).values({"endpoint": endpoint_id, "error": ""} | values)
        connection.execute(statement.on_conflict_do_update(index_elements=["endpoint"], set_=values))


def message_id_of(incident: str, number: int, endpoint: str) -> str:
    """The `webhook-id`: the same for the same content to the same endpoint, whenever it is asked for."""
    return "msg_" + hashlib.sha256(f"{endpoint}|{incident}|{number}".encode()).hexdigest()[:24]


def _outbox_row(row: RowMapping) -> OutboxRow:
    return OutboxRow(**{name: row[name] for name in OutboxRow.__dataclass_fields__})
