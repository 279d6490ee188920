"""``/api/v1/export``: measurements in the forms that others read, a page of time after the other.

A body is the bare array (or JSON lines) that the other side expects; where there is more, the header
``Link`` names the next page (RFC 8288).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel, TypeAdapter

from schoolpulse.api.guards import Viewer
from schoolpulse.api.params import Range, TimeText, parse_range
from schoolpulse.api.problems import ProblemDocument, not_found
from schoolpulse.api.services import Services
from schoolpulse.local_time import DAY_MS
from schoolpulse.reports.giga import GigaMeasurement
from schoolpulse.reports.giga import measurements as giga_measurements
from schoolpulse.reports.netjson import DeviceMonitoring, monitoring

PAGE_MS = DAY_MS
LINES = "application/x-ndjson"

FormText = Annotated[
    Literal["array", "lines"], Query(description="A JSON array, or a JSON object a line (`lines`)")
]
SchoolIdPath = Annotated[str, Path(max_length=128)]
SchoolIdText = Annotated[str | None, Query(max_length=128, description="Of this school alone")]
FromText = Annotated[TimeText, Query(alias="from")]


def router(services: Services) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(tags=["export"], prefix="/export")

    def page_of(from_text: str | None, to_text: str | None) -> tuple[Range, int]:
        """The first page of the range asked for, and where the range ends."""
        now_ms = services.clock.now_ms()
        asked = parse_range(from_text, to_text, now_ms, DAY_MS)
        end_ms = min(asked.to_ms, now_ms)
        return Range(asked.from_ms, max(asked.from_ms, min(end_ms, asked.from_ms + PAGE_MS))), end_ms

    @routes.get(
        "/giga",
        response_model=list[GigaMeasurement],
        responses=ProblemDocument.responses(404, 422, 503) | {200: _pages(GigaMeasurement)},
    )
    def giga(
        request: Request,
        caller: Viewer,
        from_: FromText = None,
        to: TimeText = None,
        school: SchoolIdText = None,
        form: FormText = "array",
    ) -> Response:
        """Speed tests in Giga's measurement schema, a day a page; the last day where no range is given."""
        if school is not None and (services.registry.school(school) is None or not caller.sees(school)):
            raise not_found("school")
        page, end_ms = page_of(from_, to)
        wanted = {
            one.id: one
            for one in services.registry.schools()
            if caller.sees(one.id) and school in {None, one.id}
        }
        records: Sequence[GigaMeasurement] = []
        if wanted and page.from_ms < page.to_ms:
            records = giga_measurements(
                services.store, wanted, page.from_ms, page.to_ms, f"schoolpulse {services.version}"
            )
        return _answer(request, records, GigaMeasurement, form, page, end_ms)

    @routes.get(
        "/netjson/{school_id}",
        response_model=list[DeviceMonitoring],
        responses=ProblemDocument.responses(404, 422, 503) | {200: _pages(DeviceMonitoring)},
    )
    def netjson(  # a parameter each of the query
        request: Request,
        caller: Viewer,
        school_id: SchoolIdPath,
        from_: FromText = None,
        to: TimeText = None,
        form: FormText = "array",
    ) -> Response:
        """A school's gateway as NetJSON DeviceMonitoring, each five minutes, a day a page."""
        found = services.registry.school(school_id)
        if found is None or not caller.sees(school_id):
            raise not_found("school")
        page, end_ms = page_of(from_, to)
        records: Sequence[DeviceMonitoring] = []
        if page.from_ms < page.to_ms:
            records = monitoring(services.store, found, page.from_ms, page.to_ms)
        return _answer(request, records, DeviceMonitoring, form, page, end_ms)

    return routes


def _pages(model: type[BaseModel]) -> dict[str, Any]:
    name = model.__name__
    return {
        "description": "A page; the header `Link` names the next one, where there is more",
        "headers": {"Link": {"description": '`<...>; rel="next"`', "schema": {"type": "string"}}},
        "content": {LINES: {"schema": {"type": "string", "description": f"A {name} a line"}}},
    }


def _answer(
    request: Request,
    records: Sequence[BaseModel],
    model: type[BaseModel],
    form: str,
    page: Range,
    end_ms: int,
) -> Response:
    headers = {}
    if page.from_ms < page.to_ms < end_ms:
        following = request.url.include_query_params(**{"from": page.to_ms, "to": end_ms})
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    if form == "lines":
        body = b"".join(record.model_dump_json().encode() + b"\n" for record in records)
        return Response(body, media_type=LINES, headers=headers)
    adapter: TypeAdapter[Sequence[BaseModel]] = TypeAdapter(list[model])  # type: ignore[valid-type]  # built at run time
    return Response(adapter.dump_json(list(records)), media_type="application/json", headers=headers)
