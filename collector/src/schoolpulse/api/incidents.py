"""``/api/v1/incidents``: the list, and one with its record."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query

from schoolpulse.api.params import TimeText, parse_time
from schoolpulse.api.problems import ProblemDocument, invalid, not_found
from schoolpulse.api.schemas import IncidentDetail, IncidentOut, IncidentsOut, TransitionOut
from schoolpulse.api.services import Services

IncidentId = Annotated[str, Path(max_length=128)]


def router(services: Services) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(tags=["incidents"])

    @routes.get("/incidents", responses=ProblemDocument.responses(422))
    def incidents(  # a parameter each of the query
        from_: Annotated[TimeText, Query(alias="from")] = None,
        to: TimeText = None,
        school: Annotated[str | None, Query(max_length=128)] = None,
        open_only: Annotated[bool, Query(alias="open", description="Only those open now")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=128, description="`next` of the page before")] = None,
    ) -> IncidentsOut:
        """Incidents that touch the range, newest start first, a page at a time."""
        from_ms = parse_time("from", from_) if from_ else None
        to_ms = parse_time("to", to) if to else None
        if from_ms is not None and to_ms is not None and from_ms >= to_ms:
            raise invalid("from", "the range ends before it begins")
        if before is not None and services.incidents.get(before) is None:
            raise invalid("before", "no such page")
        found = services.incidents.list(
            from_ms=from_ms,
            to_ms=to_ms,
            school=school,
            open_only=open_only,
            limit=limit + 1,
            before=before,
        )
        items = [IncidentOut.of(incident) for incident in found[:limit]]
        return IncidentsOut(items=items, next=items[-1].id if len(found) > limit else None)

    @routes.get("/incidents/{incident_id}", responses=ProblemDocument.responses(404))
    def incident(incident_id: IncidentId) -> IncidentDetail:
        """One incident with everything that happened to it and what was known then."""
        found = services.incidents.get(incident_id)
        if found is None:
            raise not_found("incident")
        record = [TransitionOut.of(transition) for transition in services.incidents.transitions(incident_id)]
        return IncidentDetail(**IncidentOut.of(found).model_dump(), transitions=record)

    return routes
