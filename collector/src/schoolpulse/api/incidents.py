"""``/api/v1/incidents``: the list, one with its record, and what people add to it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from schoolpulse.access.models import Caller
from schoolpulse.api.guards import Operator, Viewer
from schoolpulse.api.params import TimeText, parse_times
from schoolpulse.api.problems import ProblemDocument, invalid, not_found
from schoolpulse.api.schemas import IncidentDetail, IncidentItem, IncidentOut, IncidentsOut, NoteOut
from schoolpulse.api.schemas import TransitionOut as Step
from schoolpulse.api.services import People, Services
from schoolpulse.incidents.model import Incident
from schoolpulse.incidents.people import MAX_TEXT

IncidentId = Annotated[str, Path(max_length=128, examples=["i7f21c90a4b3d"])]
Text = Annotated[str, Field(max_length=MAX_TEXT, pattern=r"^[^\x00]*$", examples=["Đã gọi VNPT, 14:00 đến"])]


class AcknowledgeIn(BaseModel):
    """Taking an incident on, with a word if one likes."""

    text: Text = ""


class NoteIn(BaseModel):
    """A word for the record."""

    text: Annotated[Text, Field(min_length=1)]


def router(services: Services) -> APIRouter:
    """The routes over `services`; people's only where `services.people` are."""
    routes = APIRouter(tags=["incidents"])
    people = services.people

    @routes.get("/incidents", responses=ProblemDocument.responses(422))
    def incidents(  # a parameter each of the query
        caller: Viewer,
        from_: Annotated[TimeText, Query(alias="from")] = None,
        to: TimeText = None,
        school: Annotated[str | None, Query(max_length=128)] = None,
        open_only: Annotated[bool, Query(alias="open", description="Only those open now")] = False,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
        before: Annotated[str | None, Query(max_length=128, description="`next` of the page before")] = None,
    ) -> IncidentsOut:
        """Incidents that touch the range, newest start first, a page at a time."""
        from_ms, to_ms = parse_times(from_, to)
        if before is not None and services.incidents.get(before) is None:
            raise invalid("before", "no_page")
        found = services.incidents.list(
            from_ms=from_ms,
            to_ms=to_ms,
            school=school,
            schools=caller.schools,
            open_only=open_only,
            limit=limit + 1,
            before=before,
        )
        listed = found[:limit]
        taken = people.notes.acknowledged([one.id for one in listed]) if people else {}
        items = [IncidentItem.with_note(one, taken.get(one.id)) for one in listed]
        return IncidentsOut(items=items, next=items[-1].id if len(found) > limit else None)

    @routes.get("/incidents/{incident_id}", responses=ProblemDocument.responses(404))
    def incident(incident_id: IncidentId, caller: Viewer) -> IncidentDetail:
        """One incident with everything that happened to it, what was known then, and what people said."""
        found = seen(services, incident_id, caller)
        record = [Step.of(transition) for transition in services.incidents.transitions(incident_id)]
        notes = [NoteOut.of(note) for note in people.notes.of(incident_id)] if people else []
        return IncidentDetail(**IncidentOut.of(found).model_dump(), transitions=record, notes=notes)

    if people is not None:
        _add_people(routes, services, people)
    return routes


def _add_people(routes: APIRouter, services: Services, people: People) -> None:
    @routes.post("/incidents/{incident_id}/acknowledge", responses=ProblemDocument.responses(404))
    def acknowledge(incident_id: IncidentId, body: AcknowledgeIn, caller: Operator) -> NoteOut:
        """Take an incident on: its escalation ends. A second time is as good as the first."""
        seen(services, incident_id, caller)
        note = people.notes.acknowledge(
            incident_id, person=caller.name, at_ms=services.clock.now_ms(), text=body.text
        )
        if note is None:
            raise not_found("incident")
        services.audit.record(caller, "incident.acknowledge", incident_id)
        return NoteOut.of(note)

    @routes.post("/incidents/{incident_id}/notes", status_code=201, responses=ProblemDocument.responses(404))
    def remark(incident_id: IncidentId, body: NoteIn, caller: Operator) -> NoteOut:
        """Put a note on the record, for good."""
        seen(services, incident_id, caller)
        note = people.notes.remark(
            incident_id, person=caller.name, at_ms=services.clock.now_ms(), text=body.text
        )
        if note is None:
            raise not_found("incident")
        services.audit.record(caller, "incident.note", incident_id)
        return NoteOut.of(note)


def seen(services: Services, incident_id: str, caller: Caller) -> Incident:
    """The incident, if it is one of the caller's schools.

    Raises:
        Refused: there is none that the caller may know of.
    """
    found = services.incidents.get(incident_id)
    if found is None or not caller.sees(found.school):
        raise not_found("incident")
    return found
