"""``/api/v1/schools/{id}/lines``: the lines of a school with their history.

    GET    /schools/{id}/lines?from=&to=   every period, or those that touch the range
    POST   /schools/{id}/lines             a line from a day on; what ran in that role ends   (admin)
    PATCH  /schools/{id}/lines/{line_id}   what was recorded wrongly; If-Match                (admin)
    DELETE /schools/{id}/lines/{line_id}   a period that never was; If-Match                  (admin)

To let a line end, PATCH its `valid_to`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query

from schoolpulse.api.guards import Admin, Viewer
from schoolpulse.api.params import TimeText, parse_times
from schoolpulse.api.problems import ProblemDocument, Refused, invalid, not_found
from schoolpulse.api.record_common import IfMatch, RegistryDesk, SchoolId, match, seen
from schoolpulse.api.record_schemas import LineChange, LineIn, LineRecord, LinesOut
from schoolpulse.api.services import Services
from schoolpulse.local_time import midnight_ms
from schoolpulse.registry.models import Line, LinePeriod, School
from schoolpulse.registry.periods import DoesNotFit, correct, day_start
from schoolpulse.registry.schools import tidy

LineId = Annotated[int, Path(ge=1, le=2**31 - 1, examples=[17])]
_DATES = ("valid_from", "valid_to")


def line_of(body: LineIn) -> Line:
    """The line that a request describes."""
    return tidy(Line(**body.model_dump(exclude={"valid_from"})))


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(prefix="/schools/{school_id}/lines", tags=["registry"])
    registry, audit, clock = desk.registry, services.audit, services.clock

    def answer(school_id: str) -> LinesOut:
        school = registry.school(school_id)
        periods = school.history if school else ()
        now_ms = clock.now_ms()
        return LinesOut(school=school_id, items=[LineRecord.of(period, now_ms) for period in periods])

    @routes.get("", responses=ProblemDocument.responses(404, 422))
    def read(
        school_id: SchoolId,
        caller: Viewer,
        from_: Annotated[TimeText, Query(alias="from")] = None,
        to: TimeText = None,
    ) -> LinesOut:
        """Every period of the school's lines; with a range, those that touch it."""
        school = seen(desk, school_id, caller)
        from_ms, to_ms = parse_times(from_, to)
        now_ms = clock.now_ms()
        found = school.lines_between(from_ms or 0, to_ms or 2**62) if from_ms or to_ms else school.history
        return LinesOut(school=school_id, items=[LineRecord.of(period, now_ms) for period in found])

    @routes.post("", status_code=201, responses=ProblemDocument.responses(404, 409, 422))
    def add(school_id: SchoolId, body: LineIn, caller: Admin) -> LinesOut:
        """A line from a day on. What ran in that role until then keeps its figures."""
        seen(desk, school_id, caller)
        with registry.change(caller.name) as (writer, known):
            if known.by_id[school_id].closed_ms is not None:
                raise Refused(409, "school_closed")
            from_ms = midnight_ms(body.valid_from) if body.valid_from else None
            if from_ms is None and writer.line_periods(school_id, body.role):
                from_ms = day_start(clock.now_ms())
            writer.begin_line(school_id, line_of(body), from_ms)
        audit.record(caller, "line.add", school_id, body.model_dump(exclude_none=True))
        return answer(school_id)

    @routes.patch("/{line_id}", responses=ProblemDocument.responses(404, 409, 412, 422, 428))
    def change(
        school_id: SchoolId, line_id: LineId, body: LineChange, caller: Admin, if_match: IfMatch = None
    ) -> LinesOut:
        """Put right what was recorded wrongly of a period, its days included."""
        seen(desk, school_id, caller)
        said = body.model_dump(exclude_unset=True)
        with registry.change(caller.name) as (writer, known):
            before = _period(known.by_id[school_id], line_id)
            match(if_match, LineRecord.of(before, 0).etag)
            old = writer.line_periods(school_id, before.line.role)
            try:
                new = correct(old, _corrected(before, said))
            except DoesNotFit as error:
                raise Refused(409, str(error)) from error
            writer.set_line(school_id, before.line.role, old, new)
        audit.record(caller, "line.change", school_id, {"line": line_id, **said})
        return answer(school_id)

    @routes.delete("/{line_id}", responses=ProblemDocument.responses(404, 412, 428))
    def remove(school_id: SchoolId, line_id: LineId, caller: Admin, if_match: IfMatch = None) -> LinesOut:
        """Take out a period that never was; what changed stays on the record."""
        seen(desk, school_id, caller)
        with registry.change(caller.name) as (writer, known):
            before = _period(known.by_id[school_id], line_id)
            match(if_match, LineRecord.of(before, 0).etag)
            old = writer.line_periods(school_id, before.line.role)
            new = [period for period in old if period.id != line_id]
            writer.set_line(school_id, before.line.role, old, new)
        audit.record(caller, "line.remove", school_id, {"line": line_id})
        return answer(school_id)

    return routes


def _period(school: School, line_id: int) -> LinePeriod:
    found = next((period for period in school.history if period.id == line_id), None)
    if found is None:
        raise not_found("line")
    return found


def _corrected(before: LinePeriod, said: dict[str, Any]) -> LinePeriod:
    """The period with what a request says of it; an explicit null empties."""
    for name in ("provider", "technology", "currency"):
        if name in said and said[name] is None:
            raise invalid(name, "not_removable")
    line = tidy(replace(before.line, **{name: value for name, value in said.items() if name not in _DATES}))
    dates = {name: midnight_ms(said[name]) if said[name] else None for name in _DATES if name in said}
    return replace(
        before,
        line=line,
        from_ms=dates.get("valid_from", before.from_ms),
        to_ms=dates.get("valid_to", before.to_ms),
    )
