"""``/api/v1/schools``, the writing half: the record of a school, adding, changing and closing one.

The live state of a school is `schoolpulse.api.schools`. What is recorded:

    GET   /schools/{id}/record    who, where, every line and agent there was; with an ETag
    POST  /schools                add one                                    (administrator)
    PATCH /schools/{id}           rename, move, another agent; If-Match       (administrator)
    POST  /schools/{id}/close     its lines and its agent end; history stays  (administrator)
    POST  /schools/{id}/reopen                                                (administrator)
    PUT, DELETE /schools/{id}/classrooms/{agent_id}   an agent in a classroom (administrator)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from schoolpulse.api.guards import Admin, Viewer
from schoolpulse.api.lines import line_of
from schoolpulse.api.problems import ProblemDocument, Refused, invalid, not_found
from schoolpulse.api.record_common import IfMatch, RegistryDesk, SchoolId, match, seen
from schoolpulse.api.record_schemas import (
    AgentRecord,
    ClassroomIn,
    ClassroomRecord,
    ClosingIn,
    SchoolChange,
    SchoolIn,
    SchoolRecord,
)
from schoolpulse.api.record_types import etag_of
from schoolpulse.api.services import Services
from schoolpulse.local_time import midnight_ms
from schoolpulse.registry.models import School
from schoolpulse.registry.moves import Since
from schoolpulse.registry.snapshot import Snapshot
from schoolpulse.registry.writing import Writer

AgentPath = Annotated[str, Path(pattern=r"^[a-z0-9-]{1,64}$", examples=["pc-phong-tin-hoc"])]
_ETAG: dict[str, Any] = {"ETag": {"description": "Of the record", "schema": {"type": "string"}}}


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(tags=["registry"])
    registry, audit = desk.registry, services.audit

    def record(school_id: str, response: Response) -> SchoolRecord:
        school = registry.school(school_id)
        assert school is not None  # noqa: S101  # nothing takes a school out of the registry
        agents = [AgentRecord.of(period) for period in registry.agents_of(school_id)]
        response.headers["ETag"] = _etag(school)
        return SchoolRecord.of(school, agents, services.clock.now_ms())

    @routes.get(
        "/schools/{school_id}/record",
        responses={200: {"headers": _ETAG}, **ProblemDocument.responses(404)},
    )
    def read(school_id: SchoolId, caller: Viewer, response: Response) -> SchoolRecord:
        """A school as it is recorded, with every line and agent that it had. Closed ones too."""
        return record(seen(desk, school_id, caller).id, response)

    @routes.post(
        "/schools",
        status_code=201,
        responses={201: {"headers": _ETAG}, **ProblemDocument.responses(409, 422)},
    )
    def add(body: SchoolIn, caller: Admin, response: Response) -> SchoolRecord:
        """Add a school."""
        roles = [line.role for line in body.lines]
        if len(set(roles)) != len(roles):
            raise invalid("lines", "line_roles_twice")
        with registry.change(caller.name) as (writer, known):
            if body.id in known.by_id:
                raise Refused(409, "school_id_taken")
            _check_agent(known, body.agent_id, body.id)
            values = body.model_dump(exclude={"lines", "area"})
            writer.save_school(School(**values, area=tuple(body.area)), None)
            writer.set_agent(body.id, body.agent_id)
            for line in body.lines:
                from_ms = midnight_ms(line.valid_from) if line.valid_from else None
                writer.begin_line(body.id, line_of(line), from_ms)
        audit.record(caller, "school.add", body.id, body.model_dump(exclude_none=True))
        response.headers["Location"] = f"/api/v1/schools/{body.id}"
        return record(body.id, response)

    @routes.patch(
        "/schools/{school_id}",
        responses={200: {"headers": _ETAG}, **ProblemDocument.responses(404, 409, 412, 422, 428)},
    )
    def change(
        school_id: SchoolId, body: SchoolChange, caller: Admin, response: Response, if_match: IfMatch = None
    ) -> SchoolRecord:
        """Change a school. Lines and devices have routes of their own."""
        seen(desk, school_id, caller)
        said = body.model_dump(exclude_unset=True)
        with registry.change(caller.name) as (writer, known):
            before = known.by_id[school_id]
            match(if_match, _etag(before))
            _check_agent(known, said.get("agent_id"), school_id)
            _save(writer, before, said)
        audit.record(caller, "school.change", school_id, said)
        return record(school_id, response)

    _add_closing(routes, services, desk)
    _add_classrooms(routes, services, desk)
    return routes


def _add_closing(routes: APIRouter, services: Services, desk: RegistryDesk) -> None:
    registry, audit = desk.registry, services.audit

    @routes.post("/schools/{school_id}/close", status_code=204, responses=ProblemDocument.responses(404, 409))
    def close(school_id: SchoolId, caller: Admin, body: ClosingIn | None = None) -> None:
        """Close a school: its lines end, its agent leaves, nobody watches it; its history stays."""
        seen(desk, school_id, caller)
        at_ms = midnight_ms(body.on) if body and body.on else services.clock.now_ms()
        if at_ms > services.clock.now_ms():
            raise invalid("on", "day_to_come")
        with registry.change(caller.name) as (writer, known):
            if known.by_id[school_id].closed_ms is not None:
                raise Refused(409, "school_closed_already")
            writer.close_school(school_id, at_ms)
        audit.record(caller, "school.close", school_id, {"at_ms": at_ms})

    @routes.post(
        "/schools/{school_id}/reopen", status_code=204, responses=ProblemDocument.responses(404, 409)
    )
    def reopen(school_id: SchoolId, caller: Admin) -> None:
        """Open a closed school again; its lines and its agent are to be said anew."""
        seen(desk, school_id, caller)
        with registry.change(caller.name) as (writer, known):
            if known.by_id[school_id].closed_ms is None:
                raise Refused(409, "school_open")
            writer.reopen_school(school_id)
        audit.record(caller, "school.reopen", school_id)


def _add_classrooms(routes: APIRouter, services: Services, desk: RegistryDesk) -> None:
    registry, audit = desk.registry, services.audit

    @routes.put(
        "/schools/{school_id}/classrooms/{agent_id}", responses=ProblemDocument.responses(404, 409, 422)
    )
    def put(school_id: SchoolId, agent_id: AgentPath, body: ClassroomIn, caller: Admin) -> ClassroomRecord:
        """Let an agent be one of the school's classrooms. Its silence is nobody's outage."""
        seen(desk, school_id, caller)
        with registry.change(caller.name) as (writer, known):
            if known.by_id[school_id].closed_ms is not None:
                raise Refused(409, "school_closed")
            other = known.by_agent.get(agent_id)
            if other is not None and (other.id != school_id or other.agent_id == agent_id):
                raise Refused(409, "agent_elsewhere", values={"school": other.id})
            writer.set_classroom(school_id, agent_id, body.name)
        audit.record(caller, "classroom.put", school_id, {"agent_id": agent_id, "name": body.name})
        return ClassroomRecord(agent_id=agent_id, name=body.name)

    @routes.delete(
        "/schools/{school_id}/classrooms/{agent_id}",
        status_code=204,
        responses=ProblemDocument.responses(404, 422),
    )
    def remove(school_id: SchoolId, agent_id: AgentPath, caller: Admin) -> None:
        """Let the agent be nobody's; what it measured stays the school's."""
        seen(desk, school_id, caller)
        with registry.change(caller.name) as (writer, _):
            if not writer.remove_classroom(school_id, agent_id):
                raise not_found("classroom")
        audit.record(caller, "classroom.remove", school_id, {"agent_id": agent_id})


def _save(writer: Writer, before: School, said: Mapping[str, Any]) -> None:
    for name in ("name", "level", "area"):
        if name in said and said[name] is None:
            raise invalid(name, "not_removable")
    agent_id = said.get("agent_id", before.agent_id)
    if agent_id is not None and before.closed_ms is not None:
        raise Refused(409, "school_closed")
    values = {name: value for name, value in said.items() if name not in {"agent_id", "area_from"}}
    if "area" in values:
        values["area"] = tuple(values["area"])
    writer.save_school(replace(before, **values), before, area_since=_since(said))
    if agent_id != before.agent_id:
        writer.set_agent(before.id, agent_id)


def _since(said: Mapping[str, Any]) -> Since:
    """From when on a school hangs where a request says; an explicit null is no move."""
    if "area_from" not in said:
        return "today"
    return "always" if said["area_from"] is None else midnight_ms(said["area_from"])


def _check_agent(known: Snapshot, agent_id: str | None, school_id: str) -> None:
    """An agent that stands elsewhere is taken away there first, by somebody who means it."""
    other = known.by_agent.get(agent_id) if agent_id else None
    if other is not None and other.id != school_id:
        raise Refused(409, "agent_elsewhere", values={"school": other.id})


def _etag(school: School) -> str:
    return etag_of(school, school.areas)
