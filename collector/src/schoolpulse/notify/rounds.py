"""What is told later: routes that wait, escalation where nobody acknowledged, what is still open at 07:00.

A round looks at what is so in the database and adds rows to the outbox. Each row exists once by its key, so
a round may be done twice, or late after a restart, and nobody is told twice.
"""

from __future__ import annotations

import logging
import threading

from sqlalchemy import Engine, select
from sqlalchemy.exc import SQLAlchemyError

from schoolpulse import local_time
from schoolpulse.clock import Clock
from schoolpulse.incidents import tables
from schoolpulse.incidents.model import Change, Incident, Transition
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.policy import Summary

log = logging.getLogger(__name__)

EVERY_S = 5.0
KEEP_MS = 90 * local_time.DAY_MS
TRIM_EVERY_MS = 600_000
SUMMARY_LATE_MS = local_time.HOUR_MS
"""A summary that could not be made within that time is left out: nobody wants the morning's at noon."""


class Rounds:
    """Looks every few seconds.

    Args:
        engine: the database of incidents and outbox.
        outbox: where rows go, and whose routes say to whom.
        summary: when the morning's summary is made; None for never.
        clock: what time it is.
        keep_ms: how long what is done stays in the outbox.
    """

    def __init__(
        self, engine: Engine, outbox: Outbox, summary: Summary | None, clock: Clock, *, keep_ms: int = KEEP_MS
    ) -> None:
        self._engine = engine
        self._incidents = IncidentRepository(engine)
        self._outbox = outbox
        self._summary = summary
        self._clock = clock
        self._keep_ms = keep_ms
        self._trimmed_ms = 0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def start(self) -> None:
        """Begin, in a thread of its own."""
        self._thread.start()

    def stop(self) -> None:
        """End; harmless where it never began."""
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join()

    def step(self, now_ms: int) -> None:
        """One round."""
        waiting = [route for route in self._outbox.routes if not route.at_once]
        if waiting:
            for incident in self._incidents.open():
                if incident.paged_at:
                    self._tell(incident, now_ms)
        if self._summary is not None:
            self._summarise(self._summary, now_ms)
        if now_ms - self._trimmed_ms >= TRIM_EVERY_MS and not self._outbox.trim(now_ms - self._keep_ms):
            self._trimmed_ms = now_ms  # else there is more: the next round goes on

    def _tell(self, incident: Incident, now_ms: int) -> None:
        transitions = self._incidents.transitions(incident.id)
        paging = [one for one in transitions if one.pages and one.change is not Change.RESOLVED]
        if not paging:
            return
        due = self._due(incident, paging[-1], now_ms)
        if due:
            with self._engine.begin() as connection:
                self._outbox.tell(connection, paging[-1], due)
            self._outbox.wake()

    def _due(self, incident: Incident, paging: Transition, now_ms: int) -> list[str]:
        school = self._outbox.school(incident.school) if incident.school is not None else None
        acknowledged = self._is_acknowledged(incident.id)
        return [
            endpoint
            for route in self._outbox.routes
            if not route.at_once and route.matches(incident, school)
            if not (acknowledged and route.after_s > 0)
            if route.due_ms(paging.at_ms) <= now_ms
            for endpoint in route.endpoints
        ]

    def _is_acknowledged(self, incident_id: str) -> bool:
        query = select(tables.note.c.id).where(
            tables.note.c.incident == incident_id, tables.note.c.kind == "ack"
        )
        with self._engine.connect() as connection:
            return connection.execute(query.limit(1)).first() is not None

    def _summarise(self, summary: Summary, now_ms: int) -> None:
        local = local_time.local(now_ms)
        hour, minute = (int(part) for part in summary.at.split(":"))
        due = local.replace(hour=hour % 24, minute=minute, second=0, microsecond=0)
        if not 0 <= now_ms - due.timestamp() * 1000 < SUMMARY_LATE_MS:
            return
        name = f"summary-{local:%Y%m%d}"
        if self._outbox.has(name):
            return
        # The children of an incident of many are named by it.
        still_open = [one for one in self._incidents.open() if one.parent is None]
        if still_open:
            endpoints = summary.endpoints or self._outbox.readers()
            with self._engine.begin() as connection:
                self._outbox.summarise(connection, name, now_ms, still_open, endpoints)
            self._outbox.wake()

    def _run(self) -> None:
        while not self._clock.wait(self._stopped, EVERY_S):
            try:
                self.step(self._clock.now_ms())
            except SQLAlchemyError as error:
                log.warning("a round could not be made: %s", type(error).__name__)
