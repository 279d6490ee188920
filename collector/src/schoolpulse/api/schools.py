"""``/api/v1/schools``: who they are, how they are now, and their measurements over time."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from schoolpulse.access.models import Caller
from schoolpulse.api.encoding import SchoolEncoder
from schoolpulse.api.guards import Viewer
from schoolpulse.api.params import Range, StepText, TimeText, parse_range, parse_step
from schoolpulse.api.problems import ProblemDocument, not_found
from schoolpulse.api.schemas import SchoolOut, SchoolsOut, SeriesAnswer, SeriesOut
from schoolpulse.api.services import Services
from schoolpulse.registry.models import School
from schoolpulse.stores.base import Series, SeriesQuery

NAME = r"^[a-z][a-z0-9_]{0,63}$"
SchoolId = Annotated[str, Path(max_length=128, examples=["thcs-go-vap"])]


def router(services: Services, encoder: SchoolEncoder) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(tags=["schools"])

    def known(school_id: str, caller: Caller) -> School:
        school = services.registry.school(school_id)
        if school is None or not caller.sees(school_id):
            raise not_found("school")
        return school

    @routes.get("/schools", response_model=SchoolsOut)
    async def schools(caller: Viewer) -> Response:
        """Every school with its state and newest figures, by name."""
        now = services.live.snapshot()
        seen = [one for one in now.schools if caller.sees(one.school.id)]
        body = f'{{"at_ms":{now.at_ms},"items":{encoder.texts(seen)}}}'
        return Response(body, media_type="application/json")

    @routes.get("/schools/{school_id}", responses=ProblemDocument.responses(404))
    async def school(school_id: SchoolId, caller: Viewer) -> SchoolOut:
        """One school with its state and newest figures."""
        return SchoolOut.of(known(school_id, caller), services.live.school(school_id))

    @routes.get("/schools/{school_id}/series", responses=ProblemDocument.responses(404, 422, 503))
    def series(  # noqa: PLR0913  # a parameter each of the query
        *,
        school_id: SchoolId,
        caller: Viewer,
        measurement: Annotated[str, Query(pattern=NAME, examples=["reachability"])],
        field: Annotated[str, Query(pattern=NAME, examples=["rtt_ms"])],
        from_: Annotated[TimeText, Query(alias="from")] = None,
        to: TimeText = None,
        step: StepText = None,
        by: Annotated[
            list[Annotated[str, Query(pattern=NAME)]],
            Query(
                max_length=4, description="Tags of which each value becomes a series", examples=[["scope"]]
            ),
        ] = [],  # noqa: B006  # FastAPI copies defaults
    ) -> SeriesAnswer:
        """One field in windows, the last 24 hours where no range is given."""
        known(school_id, caller)
        within = parse_range(from_, to, services.clock.now_ms())
        step_ms = parse_step(step, within)
        query = SeriesQuery(
            measurement=measurement,
            field=field,
            from_ms=within.from_ms,
            to_ms=within.to_ms,
            step_ms=step_ms,
            tags={"school": school_id},
            group_by=tuple(by),
        )
        return _answer(school_id, query, within, [_columns(found) for found in services.store.query(query)])

    return routes


def _answer(school_id: str, query: SeriesQuery, within: Range, series: list[SeriesOut]) -> SeriesAnswer:
    return SeriesAnswer(
        school=school_id,
        measurement=query.measurement,
        field=query.field,
        from_ms=within.from_ms,
        to_ms=within.to_ms,
        step_ms=query.step_ms,
        series=series,
    )


def _columns(series: Series) -> SeriesOut:
    windows = series.windows
    return SeriesOut(
        tags=dict(series.tags),
        at_ms=[window.at_ms for window in windows],
        mean=[window.mean for window in windows],
        min=[window.min for window in windows],
        max=[window.max for window in windows],
        count=[window.count for window in windows],
    )
