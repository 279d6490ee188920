"""``/api/v1/registry``: the registry as a whole.

GET /registry/export?format=xlsx|csv&kind=schools|lines|devices|contacts   imports again to the same
GET /registry/changes?school=&from=&to=&limit=&before=                     who changed what, and when
"""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.api.guards import Viewer
from schoolpulse.api.params import TimeText, parse_times
from schoolpulse.api.problems import ProblemDocument
from schoolpulse.api.record_common import RegistryDesk, seen
from schoolpulse.api.services import Services
from schoolpulse.local_time import day_of
from schoolpulse.registry.columns import Kind
from schoolpulse.registry.export_file import to_csv, to_xlsx
from schoolpulse.registry.models import Change

XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
CSV = "text/csv; charset=utf-8"


class ChangedField(BaseModel):
    """One value before and after; null for none."""

    model_config = ConfigDict(frozen=True)

    field: str = Field(examples=["provider"])
    old: str | None
    new: str | None


class ChangeOut(BaseModel):
    """One change of the registry."""

    model_config = ConfigDict(frozen=True)

    id: int
    at_ms: int
    by: str = Field(examples=["lan.nguyen"])
    school: str | None
    kind: str = Field(description="`school`, `line`, `agent`, `device`, `contact` or `area`")
    subject: str
    action: str = Field(description="`added`, `changed`, `removed`, `closed` or `reopened`")
    fields: list[ChangedField]

    @classmethod
    def of(cls, change: Change) -> ChangeOut:
        """From the registry's record."""
        return cls(
            id=change.id,
            at_ms=change.at_ms,
            by=change.by,
            school=change.school_id,
            kind=change.kind,
            subject=change.subject,
            action=change.action,
            fields=[ChangedField(field=name, old=old, new=new) for name, (old, new) in change.fields.items()],
        )


class ChangesOut(BaseModel):
    """A page of changes, the newest first. `next` is the cursor of the page after, null on the last."""

    model_config = ConfigDict(frozen=True)

    items: list[ChangeOut]
    next: int | None


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(prefix="/registry", tags=["registry"])
    registry, clock = desk.registry, services.clock

    @routes.get(
        "/export",
        response_class=Response,
        responses={
            200: {
                "description": "The file",
                "content": {
                    XLSX: {"schema": {"type": "string", "format": "binary"}},
                    CSV: {"schema": {"type": "string"}},
                },
            },
            **ProblemDocument.responses(422),
        },
    )
    def export(
        caller: Viewer,
        format_: Annotated[Literal["xlsx", "csv"], Query(alias="format")] = "xlsx",
        kind: Annotated[Kind, Query(description="Of a CSV; a workbook holds all")] = "schools",
    ) -> Response:
        """The registry as a file, the schools that the caller sees."""
        recorded = registry.recorded()
        day = day_of(clock.now_ms()).isoformat()
        if format_ == "xlsx":
            body, media_type, name = to_xlsx(recorded, caller.schools), XLSX, f"registry-{day}.xlsx"
        else:
            body, media_type, name = to_csv(recorded, kind, caller.schools), CSV, f"{kind}-{day}.csv"
        return Response(
            body, media_type=media_type, headers={"Content-Disposition": f'attachment; filename="{name}"'}
        )

    @routes.get("/changes", responses=ProblemDocument.responses(404, 422))
    def changes(  # a parameter each of the query
        *,
        caller: Viewer,
        school: Annotated[str | None, Query(max_length=128)] = None,
        from_: Annotated[TimeText, Query(alias="from")] = None,
        to: TimeText = None,
        before: Annotated[
            int | None, Query(ge=1, le=2**31 - 1, description="`next` of the page before")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> ChangesOut:
        """What was changed in the registry, the newest first."""
        if school is not None:
            seen(desk, school, caller)
        from_ms, to_ms = parse_times(from_, to)
        found = registry.changes(
            from_ms=from_ms,
            to_ms=to_ms,
            school_ids=[school] if school is not None else caller.schools,
            before=before,
            limit=limit + 1,
        )
        items = [ChangeOut.of(change) for change in found[:limit]]
        return ChangesOut(items=items, next=items[-1].id if len(found) > limit else None)

    return routes
