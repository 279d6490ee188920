"""Devices as they are recorded, and beside it as they are measured now.

    GET    /devices?school=&kind=&state=&limit=&after=     of every school
    GET    /schools/{id}/devices                           of one
    POST   /schools/{id}/devices                           record one                       (operator)
    PATCH  /schools/{id}/devices/{device_id}               change its record; If-Match      (operator)
    DELETE /schools/{id}/devices/{device_id}               take it off the record           (operator)

`state` says which of the two sides there is: ``both``, ``recorded_only`` (never seen), ``seen_only`` (not
recorded). Seen is what the school's agent reports now; what was seen of late is in ``/registry/findings``.
Machines of classrooms, which an agent of their own speaks for, stand among them under that agent's id.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.api.guards import Operator, Viewer
from schoolpulse.api.problems import ProblemDocument, Refused, invalid, not_found
from schoolpulse.api.record_common import IfMatch, RegistryDesk, SchoolId, match, seen
from schoolpulse.api.record_schemas import DeviceChange, DeviceIn, DeviceRecord
from schoolpulse.api.schemas import RoomOut
from schoolpulse.api.services import Services
from schoolpulse.live import SchoolNow
from schoolpulse.registry.models import Device
from schoolpulse.registry.plan_things import is_circle
from schoolpulse.registry.writing import Writer

DeviceState = Literal["both", "recorded_only", "seen_only"]
CLASSROOM = "classroom"
"""The kind of a machine that an agent of its own speaks for."""
DevicePath = Annotated[str, Path(max_length=128, examples=["ap-tang-2"])]


class MeasuredDevice(BaseModel):
    """A device as its school's agent reports it now."""

    model_config = ConfigDict(frozen=True)

    kind: str = Field(examples=["access_point"])
    up: bool
    in_use: bool | None = Field(description="null where it does not tell")


class DeviceOut(BaseModel):
    """A device: its record beside what is measured."""

    model_config = ConfigDict(frozen=True)

    school: str
    device_id: str = Field(examples=["ap-tang-2"])
    state: DeviceState
    recorded: DeviceRecord | None
    measured: MeasuredDevice | None
    classroom: RoomOut | None = Field(
        default=None,
        description="Of a classroom's own agent; the registry has it as one, and perhaps as a device too",
    )


class DevicesOut(BaseModel):
    """Devices by school and id. `next` is the cursor of the page after, null on the last."""

    model_config = ConfigDict(frozen=True)

    items: list[DeviceOut]
    next: str | None


def merged(school_id: str, recorded: Sequence[Device], now: SchoolNow | None) -> list[DeviceOut]:
    """Both sides of a school's devices and classrooms' machines, by id."""
    figures = now.figures if now else None
    live = {device.name: device for device in (figures.devices if figures else ())}
    rooms = {room.agent_id: room for room in (now.rooms if now else ())}
    kept = {device.device_id: device for device in recorded}
    found = []
    for device_id in sorted({*kept, *live, *rooms}):
        record, device, room = kept.get(device_id), live.get(device_id), rooms.get(device_id)
        measured: MeasuredDevice | None = None
        if device is not None:
            measured = MeasuredDevice(kind=device.kind, up=device.up, in_use=device.in_use)
        elif room is not None and room.online is not None:
            measured = MeasuredDevice(kind=CLASSROOM, up=room.online, in_use=room.in_use)
        known = record is not None or room is not None
        state: DeviceState = "both" if known and measured else "recorded_only" if known else "seen_only"
        found.append(
            DeviceOut(
                school=school_id,
                device_id=device_id,
                state=state,
                recorded=DeviceRecord.of(record) if record else None,
                measured=measured,
                classroom=RoomOut.model_validate(room) if room else None,
            )
        )
    return found


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(tags=["registry"])
    registry = desk.registry

    @routes.get("/devices", responses=ProblemDocument.responses(404, 422))
    def everywhere(  # a parameter each of the query
        *,
        caller: Viewer,
        school: Annotated[str | None, Query(max_length=128)] = None,
        kind: Annotated[str | None, Query(max_length=32, examples=["ups"])] = None,
        state: Annotated[DeviceState | None, Query()] = None,
        limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
        after: Annotated[str | None, Query(max_length=200, description="`next` of the page before")] = None,
    ) -> DevicesOut:
        """Devices of every school that the caller sees, recorded and measured side by side."""
        if school is not None:
            seen(desk, school, caller)
        recorded: dict[str, list[Device]] = {}
        for device in registry.devices(school):
            recorded.setdefault(device.school_id, []).append(device)
        begin = _cursor(after)
        found: list[DeviceOut] = []
        for now in sorted(services.live.snapshot().schools, key=lambda one: one.school.id):
            school_id = now.school.id
            if school not in (None, school_id) or not caller.sees(school_id) or school_id < begin[0]:
                continue
            found += [
                one
                for one in merged(school_id, recorded.get(school_id, ()), now)
                if (one.school, one.device_id) > begin
                and (state is None or one.state == state)
                and (kind is None or kind in _kinds(one))
            ]
            if len(found) > limit:
                break
        last = found[limit - 1] if len(found) > limit else None
        return DevicesOut(items=found[:limit], next=f"{last.school}/{last.device_id}" if last else None)

    @routes.get("/schools/{school_id}/devices", responses=ProblemDocument.responses(404))
    def of_school(school_id: SchoolId, caller: Viewer) -> DevicesOut:
        """Every device of a school."""
        seen(desk, school_id, caller)
        items = merged(school_id, registry.devices(school_id), services.live.school(school_id))
        return DevicesOut(items=items, next=None)

    _add_changes(routes, services, desk)
    return routes


def _add_changes(routes: APIRouter, services: Services, desk: RegistryDesk) -> None:
    registry, audit = desk.registry, services.audit

    def answer(device: Device) -> DeviceOut:
        [found] = merged(device.school_id, [device], None)
        now = services.live.school(device.school_id)
        return next((one for one in merged(device.school_id, [device], now) if one.recorded), found)

    @routes.post(
        "/schools/{school_id}/devices",
        status_code=201,
        responses=ProblemDocument.responses(404, 409, 422),
    )
    def add(school_id: SchoolId, body: DeviceIn, caller: Operator, response: Response) -> DeviceOut:
        """Record a device."""
        seen(desk, school_id, caller)
        device = Device(school_id=school_id, **body.model_dump())
        with registry.change(caller.name) as (writer, _):
            known = writer.devices(school_id)
            if device.device_id in known:
                raise Refused(409, "device_exists")
            _check_parent(device, known)
            writer.save_device(device, None)
        audit.record(caller, "device.add", school_id, body.model_dump(exclude_none=True))
        response.headers["ETag"] = DeviceRecord.of(device).etag
        return answer(device)

    @routes.patch(
        "/schools/{school_id}/devices/{device_id:path}",
        responses=ProblemDocument.responses(404, 412, 422, 428),
    )
    def change(
        school_id: SchoolId,
        device_id: DevicePath,
        body: DeviceChange,
        caller: Operator,
        if_match: IfMatch = None,
    ) -> DeviceOut:
        """Change the record of a device."""
        seen(desk, school_id, caller)
        said = body.model_dump(exclude_unset=True)
        with registry.change(caller.name) as (writer, _):
            before = _device(writer, school_id, device_id)
            match(if_match, DeviceRecord.of(before).etag)
            device = replace(before, **_not_null(said))
            _check_parent(device, writer.devices(school_id))
            writer.save_device(device, before)
        audit.record(caller, "device.change", school_id, {"device_id": device_id, **said})
        return answer(device)

    @routes.delete(
        "/schools/{school_id}/devices/{device_id:path}",
        status_code=204,
        responses=ProblemDocument.responses(404, 409),
    )
    def remove(school_id: SchoolId, device_id: DevicePath, caller: Operator) -> None:
        """Take a device off the record; what was measured of it stays."""
        seen(desk, school_id, caller)
        with registry.change(caller.name) as (writer, _):
            device = _device(writer, school_id, device_id)
            if any(one.parent == device_id for one in writer.devices(school_id).values()):
                raise Refused(409, "device_carries_others")
            writer.remove_device(device)
        audit.record(caller, "device.remove", school_id, {"device_id": device_id})


def _kinds(device: DeviceOut) -> set[str]:
    kinds = {side.kind for side in (device.recorded, device.measured) if side is not None}
    return kinds | {CLASSROOM} if device.classroom is not None else kinds


def _cursor(after: str | None) -> tuple[str, str]:
    if after is None:
        return "", ""
    school_id, slash, device_id = after.partition("/")
    if not slash:
        raise invalid("after", "no_page")
    return school_id, device_id


def _device(writer: Writer, school_id: str, device_id: str) -> Device:
    found = writer.devices(school_id).get(device_id)
    if found is None:
        raise not_found("device")
    return found


def _not_null(said: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in said.items():
        if value is None and name not in {"bought_on", "warranty_until"}:
            raise invalid(name, "not_removable")
    return dict(said)


def _check_parent(device: Device, known: Mapping[str, Device]) -> None:
    if device.parent and device.parent not in {*known, device.device_id}:
        raise invalid("parent", "unknown_parent")
    parents = {(one.school_id, one.device_id): one.parent for one in known.values()}
    key = (device.school_id, device.device_id)
    if is_circle(key, {**parents, key: device.parent}):
        raise invalid("parent", "device_circle")
