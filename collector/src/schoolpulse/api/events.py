"""``/api/v1/events``: what changes, as server-sent events.

``snapshot`` carries everything, ``change`` what changed since the event before, ``tick`` only the time,
so that a page can tell silence from a dead connection. Event ids are ``epoch-revision``: a browser that
comes back with its last one is told what it missed, or everything where that is too long ago.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Request
from fastapi.responses import StreamingResponse

from schoolpulse.api.encoding import SchoolEncoder
from schoolpulse.api.gate import still_the_same
from schoolpulse.api.guards import Viewer
from schoolpulse.api.kpi import KpiNow
from schoolpulse.api.problems import ProblemDocument, Refused, not_found
from schoolpulse.api.schemas import IncidentItem
from schoolpulse.api.services import Services
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.live import Snapshot

QUIET_TICKS = 5
"""A ``tick`` is sent after so many rounds without a change."""
_CACHED = 64
Seen = frozenset[str] | None
"""The ids of the schools that a viewer is shown; None for all."""
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}  # the latter: nginx passes each event on


class Feed:
    """Turns revisions into events. Viewers who saw the same get the same bytes, encoded once."""

    def __init__(self, services: Services, encoder: SchoolEncoder) -> None:
        self._services = services
        self._encoder = encoder
        self._encoded: dict[tuple[int, int, Seen], tuple[int, bytes]] = {}

    def since(self, epoch: str, revision: int, seen: Seen) -> tuple[int, bytes | None]:
        """What came after `revision`, and where that leads; no bytes where nothing concerns `seen`."""
        live = self._services.live
        current = live.revision()
        if epoch == live.epoch and current == revision:
            return revision, None
        key = (revision if epoch == live.epoch else -1, current, seen)
        cached = self._encoded.get(key)
        if cached is None:
            snapshot = live.changes_since(epoch, revision)
            if snapshot is None:
                return revision, None
            if len(self._encoded) >= _CACHED:
                self._encoded.clear()
            cached = self._encoded[key] = (snapshot.revision, self._encode(snapshot, seen))
        return cached[0], cached[1] or None

    def tick(self) -> bytes:
        """An event that only says that we are here."""
        live = self._services.live
        return _event("tick", {"at_ms": self._services.clock.now_ms(), "heard_ms": live.heard_ms})

    def _counts(self, snapshot: Snapshot, seen: Seen) -> Mapping[SchoolStatus, int]:
        if seen is None:
            return snapshot.counts
        schools = snapshot.schools if snapshot.complete else self._services.live.snapshot().schools
        return Counter(item.status for item in schools if item.school.id in seen)

    def _encode(self, snapshot: Snapshot, seen: Seen) -> bytes:
        schools = [item for item in snapshot.schools if seen is None or item.school.id in seen]
        incidents = [item for item in snapshot.incidents if seen is None or item.school in seen]
        if not snapshot.complete and not schools and not incidents:
            return b""
        data = {
            "at_ms": snapshot.at_ms,
            "heard_ms": snapshot.heard_ms,
            "kpi": KpiNow.of(self._counts(snapshot, seen)).model_dump(mode="json"),
            "incidents": [
                IncidentItem.with_note(item, snapshot.taken.get(item.id)).model_dump(mode="json")
                for item in incidents
            ],
        }
        name = "snapshot" if snapshot.complete else "change"
        rest = f',"schools":{self._encoder.texts(schools)}'
        return _event(name, data, f"{snapshot.epoch}-{snapshot.revision}", rest)


def router(services: Services, encoder: SchoolEncoder) -> APIRouter:
    """The route over `services`."""
    routes = APIRouter(tags=["events"])
    feed = Feed(services, encoder)
    viewers = 0

    async def stream(request: Request, epoch: str, revision: int, seen: Seen) -> AsyncIterator[bytes]:
        nonlocal viewers
        viewers += 1
        try:
            yield b"retry: 2000\n\n"
            quiet = QUIET_TICKS  # whoever comes back is told at once that we are here
            loop = asyncio.get_running_loop()
            looked_s = loop.time()
            while not services.live.closed:
                if loop.time() - looked_s >= services.look_again_s:
                    looked_s = loop.time()
                    if not await still_the_same(request, services.access):
                        return
                revision, event = feed.since(epoch, revision, seen)
                epoch = services.live.epoch
                quiet = 0 if event else quiet + 1
                if event or quiet >= QUIET_TICKS:
                    yield event or feed.tick()
                    quiet = 0
                # Everybody wakes at the same moments, so that one encoding serves all.
                await asyncio.sleep(services.tick_s - loop.time() % services.tick_s)
        finally:
            viewers -= 1

    @routes.get(
        "/events",
        response_class=StreamingResponse,
        responses={
            200: {
                "description": "`snapshot`, `change` and `tick` events, until the viewer goes",
                "content": {"text/event-stream": {"schema": {"type": "string"}, "example": _EXAMPLE}},
            },
            **ProblemDocument.responses(404, 503),
        },
    )
    async def events(
        request: Request,
        caller: Viewer,
        school: Annotated[str | None, Query(max_length=128, description="Only this school")] = None,
        last_event_id: Annotated[str | None, Header(max_length=64)] = None,
    ) -> StreamingResponse:
        """Everything first, then what changes, at most once a second."""
        if school is not None and (services.registry.school(school) is None or not caller.sees(school)):
            raise not_found("school")
        if viewers >= services.max_viewers:
            raise Refused(503, "too_many_viewers", headers={"Retry-After": "30"})
        epoch, _, revision = (last_event_id or "").partition("-")
        known = int(revision) if revision.isascii() and revision.isdigit() else 0
        return StreamingResponse(
            stream(request, epoch, known, caller.schools if school is None else frozenset({school})),
            media_type="text/event-stream",
            headers=_HEADERS,
        )

    return routes


def _event(name: str, data: dict[str, Any], event_id: str | None = None, rest: str = "") -> bytes:
    """An event of `data` and of `rest`, which is JSON text already."""
    head = f"id: {event_id}\n" if event_id else ""
    body = json.dumps(data, ensure_ascii=False, separators=(",", ":"))[:-1] + rest + "}"
    return f"{head}event: {name}\ndata: {body}\n\n".encode()


_EXAMPLE = 'id: 5f0c9a12-381\nevent: change\ndata: {"at_ms":1772409600000,"schools":[],"incidents":[]}\n\n'
