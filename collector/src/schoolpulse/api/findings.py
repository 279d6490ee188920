"""What is measured beside what is recorded.

GET /schools/{id}/lines/measured                    each line of now: recorded, measured, what deviates
GET /registry/findings?school=&kind=&limit=&after=  every deviation, school by school
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Caller
from schoolpulse.api.guards import Viewer
from schoolpulse.api.problems import ProblemDocument
from schoolpulse.api.record_common import RegistryDesk, SchoolId, seen
from schoolpulse.api.record_schemas import LineRecord
from schoolpulse.api.services import Services
from schoolpulse.local_time import DAY_MS
from schoolpulse.registry.findings import Finding, FindingKind, Measured, Speed, findings, line_findings
from schoolpulse.registry.models import ROLES, Role, School
from schoolpulse.stores.base import SeriesQuery

DAYS = 30
# Tests are at least 36 minutes apart: a window of half an hour holds one, and its mean is that test's result.
_TEST_STEP_MS = 30 * 60_000


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class FindingOut(_Out):
    """One deviation."""

    kind: FindingKind
    school_id: str
    subject: str = Field(description="A line's role and direction, or a device", examples=["primary down"])
    recorded: str = Field(examples=["fibre 200 Mbps"])
    measured: str = Field(examples=["38 Mbps"])
    tests: int | None = Field(description="How many speed tests the figure is the median of")

    @classmethod
    def of(cls, finding: Finding) -> FindingOut:
        """From the registry's finding."""
        return cls.model_validate(finding)


class FindingsOut(_Out):
    """Deviations of the schools that were looked at. `next` continues with the schools after them."""

    items: list[FindingOut]
    looked_at: int = Field(description="How many schools")
    next: str | None


class MeasuredLine(_Out):
    """A line as it is recorded and as it is measured."""

    recorded: LineRecord
    from_ms: int = Field(description="Since when it is looked at: 30 days, or since the line is so")
    tests: int
    down_mbps: float | None = Field(description="Median of the tests; null where there were none")
    up_mbps: float | None
    technology: str | None = Field(description="While this line carries the school; null otherwise")
    deviations: list[FindingOut]


class MeasuredLinesOut(_Out):
    """Each line of now."""

    school: str
    items: list[MeasuredLine]


def router(services: Services, desk: RegistryDesk) -> APIRouter:
    """The routes over `desk`."""
    routes = APIRouter(tags=["registry"])
    registry, clock = desk.registry, services.clock

    @routes.get("/schools/{school_id}/lines/measured", responses=ProblemDocument.responses(404, 503))
    def lines(school_id: SchoolId, caller: Viewer) -> MeasuredLinesOut:
        """What each line delivers, as the speed tests of the last 30 days saw it."""
        school = seen(desk, school_id, caller)
        now_ms = clock.now_ms()
        found = Measured(
            speeds=_speeds(services, school, now_ms), technologies=_technologies(services, school)
        )
        items = []
        for period in school.history:
            if not period.covers(now_ms):
                continue
            speed = found.speeds.get(period.line.role, Speed(0, None, None))
            items.append(
                MeasuredLine(
                    recorded=LineRecord.of(period, now_ms),
                    from_ms=_since(school, period.line.role, now_ms),
                    tests=speed.tests,
                    down_mbps=speed.down_mbps,
                    up_mbps=speed.up_mbps,
                    technology=found.technologies.get(period.line.role),
                    deviations=[FindingOut.of(one) for one in line_findings(school.id, period.line, found)],
                )
            )
        return MeasuredLinesOut(school=school_id, items=items)

    @routes.get("/registry/findings", responses=ProblemDocument.responses(404, 422, 503))
    def deviations(
        caller: Viewer,
        school: Annotated[str | None, Query(max_length=128)] = None,
        kind: Annotated[list[FindingKind] | None, Query(max_length=10)] = None,
        limit: Annotated[int, Query(ge=1, le=200, description="Schools to look at")] = 50,
        after: Annotated[str | None, Query(max_length=128, description="`next` of the page before")] = None,
    ) -> FindingsOut:
        """Where the registry and the measurements of 30 days differ, by school."""
        schools = [seen(desk, school, caller)] if school is not None else _open(desk, caller)
        rest = (one for one in schools if after is None or one.id > after)
        page = list(islice(rest, limit + 1))
        looked, now_ms = page[:limit], clock.now_ms()
        items = [
            FindingOut.of(finding)
            for one in looked
            for finding in findings(one, registry.devices(one.id), _measured(services, one, now_ms))
            if kind is None or finding.kind in kind
        ]
        return FindingsOut(
            items=items, looked_at=len(looked), next=looked[-1].id if len(page) > limit else None
        )

    return routes


def _open(desk: RegistryDesk, caller: Caller) -> Sequence[School]:
    return sorted((one for one in desk.registry.schools() if caller.sees(one.id)), key=lambda one: one.id)


def _measured(services: Services, school: School, now_ms: int) -> Measured:
    return Measured(
        speeds=_speeds(services, school, now_ms),
        technologies=_technologies(services, school),
        devices=_devices(services, school, now_ms),
    )


def _speeds(services: Services, school: School, now_ms: int) -> dict[Role, Speed]:
    """By role, of each line since it is the one of now."""
    tests: dict[tuple[str, str], list[float]] = {}
    for name in ("down_mbps", "up_mbps"):
        query = SeriesQuery(
            measurement="speedtest",
            field=name,
            from_ms=now_ms - DAYS * DAY_MS,
            to_ms=now_ms,
            step_ms=_TEST_STEP_MS,
            tags={"school": school.id},
            group_by=("role",),
        )
        for series in services.store.query(query):
            role: Role = "backup" if series.tags.get("role") == "backup" else "primary"
            since_ms = _since(school, role, now_ms)
            tests.setdefault((role, name), []).extend(
                window.mean
                for window in series.windows
                if window.at_ms >= since_ms
                for _ in range(window.count)
            )
    return {
        role: Speed.of(tests.get((role, "down_mbps"), ()), tests.get((role, "up_mbps"), ()))
        for role in ROLES
        if (role, "down_mbps") in tests or (role, "up_mbps") in tests
    }


def _since(school: School, role: Role, now_ms: int) -> int:
    """When looking begins: 30 days ago, or when the line of now began."""
    from_ms = now_ms - DAYS * DAY_MS
    begins = [one.from_ms for one in school.history if one.line.role == role and one.covers(now_ms)]
    return max([from_ms, *(at for at in begins if at is not None)])


def _technologies(services: Services, school: School) -> dict[Role, str]:
    """Of the uplink that carries the school now."""
    now = services.live.school(school.id)
    uplink = now.figures.uplink if now and now.figures else None
    if uplink is None:
        return {}
    return {"backup" if uplink.role == "backup" else "primary": uplink.technology}


def _devices(services: Services, school: School, now_ms: int) -> dict[str, str]:
    """The kind of every device that was reported within 30 days, by its name."""
    query = SeriesQuery(
        measurement="device",
        field="up",
        from_ms=now_ms - DAYS * DAY_MS,
        to_ms=now_ms,
        step_ms=DAY_MS,
        tags={"school": school.id},
        group_by=("device", "kind"),
    )
    found: dict[str, str] = {}
    newest: dict[str, int] = {}
    for series in services.store.query(query):
        name, last_ms = series.tags.get("device", ""), max(window.at_ms for window in series.windows)
        if name and last_ms >= newest.get(name, 0):
            found[name], newest[name] = series.tags.get("kind", ""), last_ms
    now = services.live.school(school.id)
    for device in now.figures.devices if now and now.figures else ():
        found[device.name] = device.kind
    return found
