"""The outbox: what has to be told, written in the transaction of what happened, kept until it is taken."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, delete, false, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from schoolpulse.incidents.model import Change, Incident, Transition
from schoolpulse.incidents.tables import incident
from schoolpulse.notify.channels.base import Channel, Note, Outcome
from schoolpulse.notify.history import EndpointHealth, History, OutboxRow, outbox_row
from schoolpulse.notify.message import summary_of, text_of
from schoolpulse.notify.policy import Route
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.notify.tables import DELIVERED, GIVEN_UP, PENDING, endpoint_state, outbox
from schoolpulse.registry.models import School

TRIM_ROWS = 1_000


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
        self.history = History(engine, endpoints)
        """For reading: how endpoints do, what became of messages."""
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
        for transition in transitions:  # one by one: an all-clear asks who was told of the opening
            told = self._told(connection, transition)
            rows = [self._row(transition, self._endpoints[endpoint]) for endpoint in told]
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
            rows = [outbox_row(row) for row in connection.execute(query).mappings()]
        return [row for row in rows if row.id not in busy]

    def record(self, row: OutboxRow, outcome: Outcome, now_ms: int, next_ms: int | None) -> None:
        """Write down how an attempt went; `next_ms` None where there is none after it."""
        state = (
            DELIVERED if outcome.delivered else PENDING if next_ms is not None or outcome.gone else GIVEN_UP
        )
        known = endpoint_state.c
        health: dict[str, Any] = {"error": outcome.error[:200]}
        if outcome.delivered:
            health |= {"ok_ms": now_ms, "failing_ms": None, "delivered": known.delivered + 1}
        else:
            failing_ms = func.coalesce(known.failing_ms, now_ms)
            health |= {"failed_ms": now_ms, "failing_ms": failing_ms}
            health |= {"given_up": known.given_up + 1} if state == GIVEN_UP else {}
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
            self._save_health(connection, endpoint_id, {"disabled_ms": None, "failing_ms": None, "error": ""})
        self.wake()

    def pending(self) -> int:
        """How many messages wait, those for disabled endpoints included."""
        with self._engine.connect() as connection:
            query = select(func.count()).select_from(outbox).where(outbox.c.state == PENDING)
            return connection.execute(query).scalar_one()

    def trim(self, before_ms: int, limit: int = TRIM_ROWS) -> int:
        """Forget up to `limit` messages that are done and made before `before_ms`; how many it were.

        Those of an incident that is not over since before then stay: they say who was told already, so
        that nobody is told twice and who was told of its beginning is told of its end.
        """
        rows, done = outbox.c, (DELIVERED, GIVEN_UP)
        over = incident.c.resolved_ms < before_ms
        told = select(incident.c.id).where(incident.c.id == rows.incident, ~func.coalesce(over, false()))
        waits = outbox.alias("waits")
        waiting = select(waits.c.seq).where(waits.c.incident == rows.incident, waits.c.state == PENDING)
        query = (
            select(rows.seq)
            .where(rows.state.in_(done), rows.created_ms < before_ms, ~told.exists(), ~waiting.exists())
            .order_by(rows.seq)
            .limit(limit)
        )
        with self._engine.begin() as connection:
            found = connection.execute(query).scalars().all()
            if found:
                connection.execute(delete(outbox).where(rows.seq.in_(found)))
        return len(found)

    def endpoints(self) -> Sequence[EndpointHealth]:
        """Every configured endpoint and how it does."""
        return self.history.endpoints()

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
        """Change what is known of an endpoint; `values` may be expressions over what stands there."""
        dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
        fresh = {"endpoint": endpoint_id, "error": "", "delivered": 0, "given_up": 0}
        connection.execute(dialect.insert(endpoint_state).values(fresh).on_conflict_do_nothing())
        here = endpoint_state.c.endpoint == endpoint_id
        connection.execute(update(endpoint_state).where(here).values(values))


def message_id_of(incident: str, number: int, endpoint: str) -> str:
    """The `webhook-id`: the same for the same content to the same endpoint, whenever it is asked for."""
    return "msg_" + hashlib.sha256(f"{endpoint}|{incident}|{number}".encode()).hexdigest()[:24]
