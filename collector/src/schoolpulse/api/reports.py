"""``/api/v1/reports``: the report as data, and as the document that is handed in."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Caller
from schoolpulse.api.guards import Viewer, viewer
from schoolpulse.api.problems import ProblemDocument, invalid, not_found, refused_at
from schoolpulse.api.services import Services
from schoolpulse.errors import UsageError
from schoolpulse.i18n import Language
from schoolpulse.local_time import day_of, midnight_ms
from schoolpulse.reports.facts import Sources
from schoolpulse.reports.forms import FORMS, file_name
from schoolpulse.reports.maker import Reports
from schoolpulse.reports.model import Report
from schoolpulse.reports.period import Period, PeriodKind, between, month, named
from schoolpulse.reports.period import school_year as school_year_of
from schoolpulse.reports.period import semester as semester_of

MONTHS = 13
YEARS = 3
FormName = Literal["pdf", "xlsx", "csv", "json"]

PeriodText = Annotated[
    str | None,
    Query(
        max_length=20,
        description=(
            "A month `2026-03`, a school year `2025-2026`, a semester `2025-2026-1`; or `from` and `to`"
        ),
        examples=["2026-03", "2025-2026", "2025-2026-1"],
    ),
]
FirstDay = Annotated[
    date | None, Query(alias="from", description="The first day, Vietnam's", examples=["2026-03-02"])
]
LastDay = Annotated[
    date | None, Query(alias="to", description="The last day, included", examples=["2026-03-15"])
]
SchoolIdText = Annotated[str | None, Query(max_length=128, description="About this school alone")]
LanguageText = Annotated[Language, Query(description="Of the document")]


class NamedPeriod(BaseModel):
    """A period that can be asked for by name."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(examples=["2026-03"])
    kind: PeriodKind
    first: date
    last: date
    complete: bool = Field(description="Whether it is over")


class NamedPeriods(BaseModel):
    """Periods that have begun, the newest first of each kind."""

    model_config = ConfigDict(frozen=True)

    items: list[NamedPeriod]


def maker_for(services: Services) -> Reports:
    """The collector's own, or one over the same services."""
    if services.reports is not None:
        return services.reports
    sources = Sources(registry=services.registry, incidents=services.incidents, store=services.store)
    return Reports(sources, services.clock)


def router(services: Services, reports: Reports) -> APIRouter:
    """The routes over `services`; the work is done by `reports`."""
    routes = APIRouter(tags=["reports"])

    def made(period: Period, school: str | None, caller: Caller) -> Report:
        if school is not None and (services.registry.school(school) is None or not caller.sees(school)):
            raise not_found("school")
        if midnight_ms(period.first) > services.clock.now_ms():
            raise invalid("from", "period_not_begun")
        return reports.make(period, school=school, schools=caller.schools)

    @routes.get("/reports/periods", dependencies=[Depends(viewer)])
    async def periods() -> NamedPeriods:
        """The months, semesters and school years that have begun."""
        today = day_of(services.clock.now_ms())
        return NamedPeriods(items=[_named(name, period, today) for name, period in _known(today)])

    @routes.get("/reports", responses=ProblemDocument.responses(404, 422, 503))
    def report(
        caller: Viewer,
        period: PeriodText = None,
        first: FirstDay = None,
        last: LastDay = None,
        school: SchoolIdText = None,
    ) -> Report:
        """Every figure of the report on a period; this month without any."""
        return made(_asked(period, first, last, services), school, caller)

    @routes.get(
        "/reports/download",
        response_class=Response,
        responses=ProblemDocument.responses(404, 422, 503) | {200: _document()},
    )
    def download(  # a parameter each of the query
        caller: Viewer,
        form: Annotated[FormName, Query(description="Of the file")] = "pdf",
        lang: LanguageText = "vi",
        period: PeriodText = None,
        first: FirstDay = None,
        last: LastDay = None,
        school: SchoolIdText = None,
    ) -> Response:
        """The same figures as a document: PDF to sign and hand in, XLSX, CSV or JSON."""
        found = made(_asked(period, first, last, services), school, caller)
        with reports.turn():
            body = FORMS[form].write(found, lang, reports.settings)
        name = file_name(found, form)
        headers = {"Content-Disposition": f'attachment; filename="{name}"'}
        return Response(body, media_type=FORMS[form].media_type, headers=headers)

    return routes


def _document() -> dict[str, object]:
    binary = {"schema": {"type": "string", "format": "binary"}}
    kinds = {form.media_type.partition(";")[0]: binary for form in FORMS.values()}
    kinds["application/json"] = {"schema": {"type": "object"}}
    return {"description": "The document", "content": kinds}


def _asked(name: str | None, first: date | None, last: date | None, services: Services) -> Period:
    """The period of a request.

    Raises:
        Refused: both a name and days, or only one of the days, or no period.
    """
    if name is not None and (first is not None or last is not None):
        raise invalid("period", "period_or_days")
    if (first is None) != (last is None):
        raise invalid("from" if first is None else "to", "both_days")
    try:
        if name is not None:
            return named(name)
        if first is not None and last is not None:
            return between(first, last)
    except UsageError as error:
        raise refused_at("period" if name is not None else "from", error) from error
    today = day_of(services.clock.now_ms())
    return month(today.year, today.month)


def _known(today: date) -> list[tuple[str, Period]]:
    found: list[tuple[str, Period]] = []
    first = today.replace(day=1)
    for _ in range(MONTHS):
        found.append((first.strftime("%Y-%m"), month(first.year, first.month)))
        first = (first - timedelta(days=1)).replace(day=1)
    for begins in range(today.year, today.year - YEARS, -1):
        name = f"{begins}-{begins + 1}"
        found += [(f"{name}-{number}", semester_of(begins, number)) for number in (2, 1)]
        found.append((name, school_year_of(begins)))
    return [(name, period) for name, period in found if period.first <= today]


def _named(name: str, period: Period, today: date) -> NamedPeriod:
    return NamedPeriod(
        name=name, kind=period.kind, first=period.first, last=period.last, complete=period.last < today
    )
