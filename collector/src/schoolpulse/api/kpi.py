"""``/api/v1/kpi``: the share of schools, and of school hours, with broadband or 4G/5G.

A school counts as connected where measurement proves it: over broadband, degraded or not, or over its
backup. What nobody measures (no agent, an agent that was stopped, our own blindness, a silence that nothing
explains) is neither: now, it is not counted as connected; over a range, it is left out of the measured hours
and shown beside them. The figures over a range are the report's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.api.guards import Viewer
from schoolpulse.api.params import Range, TimeText, parse_range
from schoolpulse.api.problems import ProblemDocument
from schoolpulse.api.services import Services
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.local_time import DAY_MS
from schoolpulse.reports.maker import Reports

CONNECTED = frozenset({SchoolStatus.ONLINE, SchoolStatus.DEGRADED, SchoolStatus.ON_BACKUP})
UNMEASURED = frozenset({SchoolStatus.STOPPED, SchoolStatus.UNKNOWN})


class KpiNow(BaseModel):
    """The share of schools now."""

    model_config = ConfigDict(frozen=True)

    schools: int
    connected: int = Field(description="Schools proven to have broadband or 4G/5G")
    unmeasured: int = Field(description="Schools of which nothing is known now")
    connected_ratio: float | None = Field(description="connected / schools; null without schools")
    by_status: dict[SchoolStatus, int]

    @classmethod
    def of(cls, counts: Mapping[SchoolStatus, int]) -> KpiNow:
        """From how many schools are in each state."""
        schools = sum(counts.values())
        connected = sum(counts.get(status, 0) for status in CONNECTED)
        return cls(
            schools=schools,
            connected=connected,
            unmeasured=sum(counts.get(status, 0) for status in UNMEASURED),
            connected_ratio=connected / schools if schools else None,
            by_status={status: counts.get(status, 0) for status in SchoolStatus},
        )


class KpiOver(BaseModel):
    """The share of school hours over a range: monitored hours, where a calendar says which those are."""

    model_config = ConfigDict(frozen=True)

    from_ms: int
    to_ms: int
    schools: int
    school_hours: float = Field(description="Hours that the calendar monitors, times schools")
    measured_hours: float = Field(description="School hours of which it is known how they were")
    lost_hours: float = Field(description="Measured school hours without broadband and without 4G/5G")
    backup_hours: float = Field(description="Measured school hours over 4G/5G only")
    connected_ratio: float | None = Field(description="1 - lost / measured; null where nothing was measured")
    proven_ratio: float | None = Field(description="Connected share of all school hours: what is certain")


class KpiOut(BaseModel):
    """The plan's headline figure."""

    model_config = ConfigDict(frozen=True)

    at_ms: int
    now: KpiNow
    over: KpiOver | None = Field(description="Only where a range was asked for")


def router(services: Services, reports: Reports) -> APIRouter:
    """The route over `services`; the figures over a range are those of `reports`."""
    routes = APIRouter(tags=["kpi"])

    def over(asked: Range, now_ms: int, schools: frozenset[str] | None) -> KpiOver:
        # Hours to come are nobody's.
        within = Range(min(asked.from_ms, now_ms), min(asked.to_ms, now_ms))
        count, hours = reports.hours(within.from_ms, within.to_ms, schools)
        return KpiOver(
            from_ms=within.from_ms,
            to_ms=within.to_ms,
            schools=count,
            school_hours=hours.hours,
            measured_hours=hours.measured_hours,
            lost_hours=hours.lost_hours,
            backup_hours=hours.backup_hours,
            connected_ratio=hours.connected_ratio,
            proven_ratio=hours.proven_ratio,
        )

    def counts(schools: frozenset[str] | None) -> Mapping[SchoolStatus, int]:
        if schools is None:
            return services.live.counts()
        return Counter(one.status for one in services.live.snapshot().schools if one.school.id in schools)

    @routes.get("/kpi", responses=ProblemDocument.responses(422, 503))
    def kpi(
        caller: Viewer, from_: Annotated[TimeText, Query(alias="from")] = None, to: TimeText = None
    ) -> KpiOut:
        """The share of schools with broadband or 4G/5G now, and of school hours where a range is given."""
        now_ms = services.clock.now_ms()
        hours = None
        if from_ or to:
            hours = over(parse_range(from_, to, now_ms, DAY_MS), now_ms, caller.schools)
        return KpiOut(at_ms=now_ms, now=KpiNow.of(counts(caller.schools)), over=hours)

    return routes
