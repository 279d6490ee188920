"""``/api/v1/schools/{id}/contacts``: the offices of a school and how they are reached. No persons.

GET    /schools/{id}/contacts
PUT    /schools/{id}/contacts/{function}    add or replace   (operator)
DELETE /schools/{id}/contacts/{function}                     (operator)
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from schoolpulse.api.guards import Operator, Viewer
from schoolpulse.api.problems import ProblemDocument, invalid, not_found
from schoolpulse.api.record_common import RegistryDesk, SchoolId, seen
from schoolpulse.api.record_schemas import ContactIn, ContactRecord, ContactsOut
from schoolpulse.api.services import Services
from schoolpulse.registry import values
from schoolpulse.registry.mistakes import Wrong
from schoolpulse.registry.models import Contact

Function = Annotated[str, Path(min_length=1, max_length=100, examples=["Văn phòng"])]


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(prefix="/schools/{school_id}/contacts", tags=["registry"])
    registry, audit = desk.registry, services.audit

    @routes.get("", responses=ProblemDocument.responses(404))
    def read(school_id: SchoolId, caller: Viewer) -> ContactsOut:
        """The contacts of a school."""
        seen(desk, school_id, caller)
        items = [ContactRecord.of(contact) for contact in registry.contacts(school_id)]
        return ContactsOut(school=school_id, items=items)

    @routes.put("/{function}", responses=ProblemDocument.responses(404, 422))
    def put(school_id: SchoolId, function: Function, body: ContactIn, caller: Operator) -> ContactRecord:
        """Add an office, or say anew how it is reached."""
        seen(desk, school_id, caller)
        try:
            name = values.text(100)(function.strip())
        except Wrong as wrong:
            raise invalid("function", wrong.code, wrong.values) from wrong
        if not name:
            raise invalid("function", "empty")
        contact = Contact(school_id=school_id, function=name, phone=body.phone, email=body.email)
        with registry.change(caller.name) as (writer, _):
            writer.save_contact(contact, writer.contact(school_id, name))
        audit.record(caller, "contact.put", school_id, {"function": name, **body.model_dump()})
        return ContactRecord.of(contact)

    @routes.delete("/{function}", status_code=204, responses=ProblemDocument.responses(404))
    def remove(school_id: SchoolId, function: Function, caller: Operator) -> None:
        """Take an office off the record."""
        seen(desk, school_id, caller)
        with registry.change(caller.name) as (writer, _):
            contact = writer.contact(school_id, function)
            if contact is None:
                raise not_found("contact")
            writer.remove_contact(contact)
        audit.record(caller, "contact.remove", school_id, {"function": function})

    return routes
