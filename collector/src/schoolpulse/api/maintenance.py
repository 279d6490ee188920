"""``/api/v1/maintenance``: announced work, during which the record is kept and nobody is woken."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Caller
from schoolpulse.api.guards import Operator, Viewer
from schoolpulse.api.params import MAX_TIME_MS, TimeText, parse_times
from schoolpulse.api.problems import ProblemDocument, Refused, invalid, not_found
from schoolpulse.api.services import People, Services
from schoolpulse.incidents.mutes import Window
from schoolpulse.incidents.people import MAX_REASON

WindowId = Annotated[str, Path(max_length=32, examples=["w3f9a0c1d2e4b5a67"])]
Line = r"^[^\x00-\x1f]*$"
TimeMs = Annotated[int, Field(ge=0, le=MAX_TIME_MS, examples=[1_772_409_600_000])]
_EXAMPLE: dict[str, Any] = {
    "from_ms": 1_772_409_600_000,
    "to_ms": 1_772_424_000_000,
    "reason": "VNPT thay cáp",
    "school": None,
    "provider": "VNPT",
    "area": "TP.HCM/Gò Vấp",
}


class WindowIn(BaseModel):
    """Work to announce. Without school, provider and area it is everybody's; several of them must all fit."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    from_ms: TimeMs
    to_ms: TimeMs
    reason: Annotated[str, Field(max_length=MAX_REASON, pattern=Line)] = ""
    school: Annotated[str | None, Field(max_length=64, description="Only this school")] = None
    provider: Annotated[str | None, Field(min_length=1, max_length=64, pattern=Line)] = None
    area: Annotated[
        str | None,
        Field(min_length=1, max_length=400, pattern=Line, description="A path from the top down, by slashes"),
    ] = None


class WindowOut(BaseModel):
    """Announced work."""

    model_config = ConfigDict(
        from_attributes=True, json_schema_extra={"examples": [{"id": "w3f9a0c1d2e4b5a67", **_EXAMPLE}]}
    )

    id: str
    from_ms: int
    to_ms: int
    reason: str
    school: str | None
    provider: str | None
    area: str | None

    @classmethod
    def of(cls, window: Window) -> WindowOut:
        """From the engine's window."""
        return cls.model_validate(window)


class WindowsOut(BaseModel):
    """A page of windows by their begin. `next` is the cursor of the page after, null on the last."""

    items: list[WindowOut]
    next: str | None = Field(examples=[None])


def router(services: Services, people: People) -> APIRouter:
    """The routes over `people`."""
    routes = APIRouter(prefix="/maintenance", tags=["maintenance"])
    maintenance, audit = people.maintenance, services.audit

    @routes.get("", responses=ProblemDocument.responses(422))
    def windows(
        caller: Viewer,
        from_: Annotated[TimeText, Query(alias="from", description="Now, if absent")] = None,
        to: TimeText = None,
        after: Annotated[str | None, Query(max_length=32, description="`next` of the page before")] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> WindowsOut:
        """Windows that touch the range, those to come and those under way if none is given."""
        from_ms, to_ms = parse_times(from_, to)
        found = maintenance.touching(services.clock.now_ms() if from_ms is None else from_ms, to_ms)
        ids = [window.id for window in found]
        if after is not None and after not in ids:
            raise invalid("after", "no_page")
        rest = found[ids.index(after) + 1 :] if after is not None else found
        seen = [WindowOut.of(window) for window in rest if _is_seen(window, caller)]
        return WindowsOut(items=seen[:limit], next=seen[limit - 1].id if len(seen) > limit else None)

    @routes.post("", status_code=201, responses=ProblemDocument.responses(403, 404, 422))
    def add(body: WindowIn, caller: Operator) -> WindowOut:
        """Announce work. The engine takes it up at once."""
        if body.school is None and caller.schools is not None:
            raise Refused(403, "name_own_school")
        if body.school is not None and not (
            caller.sees(body.school) and services.registry.school(body.school) is not None
        ):
            raise not_found("school")
        if body.to_ms <= body.from_ms:
            raise invalid("to_ms", "window_backwards")
        window = maintenance.add(**body.model_dump())
        audit.record(caller, "maintenance.add", window.id, body.model_dump(exclude_none=True))
        return WindowOut.of(window)

    _add_changes(routes, services, people)
    return routes


def _add_changes(routes: APIRouter, services: Services, people: People) -> None:
    maintenance, audit = people.maintenance, services.audit

    def changeable(window_id: str, caller: Caller) -> Window:
        """The window, if it is the caller's to change."""
        window = maintenance.get(window_id)
        if window is None or not _is_seen(window, caller):
            raise not_found("window")
        if not caller.sees(window.school):
            raise Refused(403, "window_of_others")
        return window

    @routes.post(
        "/{window_id}/end",
        response_model=WindowOut,
        responses={
            204: {"description": "It had not begun, and is taken back"},
            **ProblemDocument.responses(404),
        },
    )
    def end(window_id: WindowId, caller: Operator) -> WindowOut | Response:
        """The work is done sooner: what is still down from now on is paged."""
        changeable(window_id, caller)
        window = maintenance.end(window_id, services.clock.now_ms())
        audit.record(caller, "maintenance.end", window_id)
        return WindowOut.of(window) if window is not None else Response(status_code=204)

    @routes.delete("/{window_id}", status_code=204, responses=ProblemDocument.responses(404))
    def remove(window_id: WindowId, caller: Operator) -> None:
        """Take work back as if it had never been announced."""
        window = changeable(window_id, caller)
        maintenance.remove(window_id)
        audit.record(caller, "maintenance.remove", window_id, WindowOut.of(window).model_dump())


def _is_seen(window: Window, caller: Caller) -> bool:
    """Whether the window is of the caller's schools, or of no single school."""
    return window.school is None or caller.sees(window.school)
