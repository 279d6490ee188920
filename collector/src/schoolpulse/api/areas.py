"""``/api/v1/areas``: the tree of areas, as deep as the operator's administration is.

    GET    /areas
    POST   /areas           a path; what is missing above it is made too   (administrator)
    PATCH  /areas/{id}      rename, or hang elsewhere with all below it    (administrator)
    DELETE /areas/{id}      an empty one                                   (administrator)

A school moves with its own ``PATCH /schools/{id}``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Annotated

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Caller
from schoolpulse.api.guards import Admin, Viewer
from schoolpulse.api.problems import ProblemDocument, Refused, invalid, not_found
from schoolpulse.api.record_common import IfMatch, RegistryDesk, match
from schoolpulse.api.record_types import AreaName, AreaPath, etag_of
from schoolpulse.api.services import Services
from schoolpulse.registry.areas import Area, AreaTaken, move_area, read_areas, remove_area

AreaId = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[3])]


class AreaOut(BaseModel):
    """An area. `schools` are the open ones below it that the caller sees, at any depth."""

    model_config = ConfigDict(frozen=True)

    id: int
    parent_id: int | None
    name: str = Field(examples=["Gò Vấp"])
    path: list[str] = Field(examples=[["TP.HCM", "Gò Vấp"]])
    schools: int
    etag: str

    @classmethod
    def of(cls, area: Area, schools: int) -> AreaOut:
        """From the registry's area."""
        return cls(
            id=area.id,
            parent_id=area.parent_id,
            name=area.name,
            path=list(area.path),
            schools=schools,
            etag=etag_of(area),
        )


class AreasOut(BaseModel):
    """Areas, each after the one above it."""

    items: list[AreaOut]


class AreaIn(BaseModel):
    """An area to make."""

    model_config = ConfigDict(extra="forbid")

    path: Annotated[AreaPath, Field(min_length=1)]


class AreaChange(BaseModel):
    """What changes of an area; what is absent stays. `parent_id` null hangs it at the top."""

    model_config = ConfigDict(extra="forbid")

    name: AreaName | None = None
    parent_id: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(prefix="/areas", tags=["registry"])
    registry, audit = desk.registry, services.audit

    def answer(caller: Caller) -> AreasOut:
        counts: Counter[tuple[str, ...]] = Counter()
        for school in registry.schools():
            if caller.sees(school.id):
                counts.update(school.area[:depth] for depth in range(1, len(school.area) + 1))
        areas = registry.areas()
        if caller.schools is not None:
            areas = [area for area in areas if counts[area.path]]
        return AreasOut(items=[AreaOut.of(area, counts[area.path]) for area in areas])

    @routes.get("")
    def read(caller: Viewer) -> AreasOut:
        """Every area; for somebody who is limited to schools, those that these are in."""
        return answer(caller)

    @routes.post("", status_code=201, responses=ProblemDocument.responses(409, 422))
    def add(body: AreaIn, caller: Admin) -> AreasOut:
        """Make an area and what is missing above it."""
        with registry.change(caller.name) as (writer, _):
            if any(area.path == tuple(body.path) for area in read_areas(writer.connection)):
                raise Refused(409, "area_exists")
            writer.area_id(body.path)
        audit.record(caller, "area.add", "/".join(body.path))
        return answer(caller)

    _add_changes(routes, services, desk, answer)
    return routes


def _add_changes(
    routes: APIRouter, services: Services, desk: RegistryDesk, answer: Callable[[Caller], AreasOut]
) -> None:
    registry, audit = desk.registry, services.audit

    @routes.patch("/{area_id}", responses=ProblemDocument.responses(404, 409, 412, 422, 428))
    def change(area_id: AreaId, body: AreaChange, caller: Admin, if_match: IfMatch = None) -> AreasOut:
        """Rename an area, or hang it elsewhere; its schools go with it."""
        said = body.model_dump(exclude_unset=True)
        if "name" in said and said["name"] is None:
            raise invalid("name", "not_removable")
        with registry.change(caller.name) as (writer, _):
            before = _area(read_areas(writer.connection), area_id)
            match(if_match, etag_of(before))
            try:
                move_area(
                    writer, before, said.get("name", before.name), said.get("parent_id", before.parent_id)
                )
            except KeyError as error:
                raise invalid("parent_id", "no_such_area") from error
            except AreaTaken as error:
                raise Refused(409, str(error)) from error
        audit.record(caller, "area.change", str(area_id), said)
        return answer(caller)

    @routes.delete("/{area_id}", status_code=204, responses=ProblemDocument.responses(404, 409))
    def remove(area_id: AreaId, caller: Admin) -> None:
        """Take out an area in which nothing is."""
        with registry.change(caller.name) as (writer, _):
            area = _area(read_areas(writer.connection), area_id)
            try:
                remove_area(writer, area)
            except AreaTaken as error:
                raise Refused(409, str(error)) from error
        audit.record(caller, "area.remove", "/".join(area.path))


def _area(areas: Sequence[Area], area_id: int) -> Area:
    found = next((area for area in areas if area.id == area_id), None)
    if found is None:
        raise not_found("area")
    return found
