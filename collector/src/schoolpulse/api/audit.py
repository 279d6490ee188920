"""``/api/v1/audit``: who changed what, and when."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.audit import Entry
from schoolpulse.access.models import CallerKind, Role
from schoolpulse.api.guards import Admin
from schoolpulse.api.params import TimeText, parse_times
from schoolpulse.api.problems import ProblemDocument
from schoolpulse.api.services import Services

MAX_ID = 2**53


class AuditOut(BaseModel):
    """One thing that was done."""

    model_config = ConfigDict(
        frozen=True,
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": 4711,
                    "at_ms": 1_772_409_600_000,
                    "caller": "lan.nguyen",
                    "kind": "user",
                    "role": "operator",
                    "action": "maintenance.add",
                    "subject": "w3f9a0c1d2e4b5a67",
                    "detail": {"school": "thcs-go-vap"},
                }
            ]
        },
    )

    id: int
    at_ms: int
    caller: str
    kind: CallerKind
    role: Role = Field(description="Which role the caller had then")
    action: str
    subject: str
    detail: dict[str, Any]

    @classmethod
    def of(cls, entry: Entry) -> AuditOut:
        """From the log's entry."""
        return cls.model_validate(entry)


class AuditPage(BaseModel):
    """A page of the log, the newest first. `next` is the cursor of the page after, null on the last."""

    items: list[AuditOut]
    next: int | None = Field(examples=[4611])


def router(services: Services) -> APIRouter:
    """The route over `services`."""
    routes = APIRouter(tags=["audit"])

    @routes.get("/audit", responses=ProblemDocument.responses(422))
    def audit(  # a parameter each of the query
        _caller: Admin,
        from_: Annotated[TimeText, Query(alias="from")] = None,
        to: TimeText = None,
        caller: Annotated[str | None, Query(max_length=64, description="Only what this one did")] = None,
        action: Annotated[
            str | None, Query(max_length=64, description="`user.add`, or all of a room: `user`")
        ] = None,
        before: Annotated[int | None, Query(ge=0, le=MAX_ID, description="`next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> AuditPage:
        """What was done, the newest first, a page at a time."""
        from_ms, to_ms = parse_times(from_, to)
        found = services.audit.list(
            from_ms=from_ms, to_ms=to_ms, caller=caller, action=action, before=before, limit=limit + 1
        )
        items = [AuditOut.of(entry) for entry in found[:limit]]
        return AuditPage(items=items, next=items[-1].id if len(found) > limit else None)

    return routes
