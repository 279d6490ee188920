"""``/api/v1/kpi``: the share of schools, and of school hours, with broadband or 4G/5G.

A school counts as connected where measurement proves it: over broadband, degraded or not, or over its
backup. What nobody measures (no agent, an agent that was stopped, our own blindness) is neither: now, it
is not counted as connected; over a range, it is left out of the hours and shown beside them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.api.params import DAY_MS, Range, TimeText, parse_range
from schoolpulse.api.problems import ProblemDocument, Refused
from schoolpulse.api.services import Services
from schoolpulse.incidents.model import Incident, IncidentKind, SchoolStatus

CONNECTED = frozenset({SchoolStatus.ONLINE, SchoolStatus.DEGRADED, SchoolStatus.ON_BACKUP})
UNMEASURED = frozenset({SchoolStatus.STOPPED, SchoolStatus.UNKNOWN})
MAX_INCIDENTS = 200_000
_PAGE = 1_000
_HOUR_MS = 3_600_000
Span = tuple[int, int]


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
    """The share of school hours over a range, computed from the incidents' record."""

    model_config = ConfigDict(frozen=True)

    from_ms: int
    to_ms: int
    schools: int = Field(description="Schools with an agent")
    measured_hours: float = Field(description="School hours in which the collector was not blind")
    lost_hours: float = Field(description="Measured school hours without broadband and without 4G/5G")
    connected_ratio: float | None = Field(description="1 - lost / measured; null where nothing was measured")


class KpiOut(BaseModel):
    """The plan's headline figure."""

    model_config = ConfigDict(frozen=True)

    at_ms: int
    now: KpiNow
    over: KpiOver | None = Field(description="Only where a range was asked for")


def over(within: Range, schools: Iterable[str], incidents: Iterable[Incident]) -> KpiOver:
    """Hours of `schools` in `within`, and those of them lost to an outage; overlaps count once."""
    outages: dict[str, list[Span]] = {school: [] for school in schools}
    blind: list[Span] = []
    for incident in incidents:
        end = incident.end if incident.end is not None else within.to_ms
        span = (max(incident.start, within.from_ms), min(end, within.to_ms))
        if incident.kind is IncidentKind.BLIND:
            blind.append(span)
        elif incident.kind is IncidentKind.OUTAGE and incident.school in outages:
            outages[incident.school].append(span)
    blind = list(_merged(blind))
    blind_ms = _length(blind)
    measured_ms = len(outages) * (within.to_ms - within.from_ms - blind_ms)
    # Lost while we could see: what the outages add to the blindness.
    lost_ms = sum(_length(_merged([*spans, *blind])) - blind_ms for spans in outages.values() if spans)
    return KpiOver(
        from_ms=within.from_ms,
        to_ms=within.to_ms,
        schools=len(outages),
        measured_hours=measured_ms / _HOUR_MS,
        lost_hours=lost_ms / _HOUR_MS,
        connected_ratio=1 - lost_ms / measured_ms if measured_ms > 0 else None,
    )


def router(services: Services) -> APIRouter:
    """The route over `services`."""
    routes = APIRouter(tags=["kpi"])

    def incidents_in(within: Range) -> list[Incident]:
        found: list[Incident] = []
        before: str | None = None
        while True:
            page: Sequence[Incident] = services.incidents.list(
                from_ms=within.from_ms, to_ms=within.to_ms, limit=_PAGE, before=before
            )
            found += page
            if len(page) < _PAGE:
                return found
            if len(found) >= MAX_INCIDENTS:
                raise Refused(422, f"from: more than {MAX_INCIDENTS} incidents; narrow the range")
            before = page[-1].id

    @routes.get("/kpi", responses=ProblemDocument.responses(422))
    def kpi(from_: Annotated[TimeText, Query(alias="from")] = None, to: TimeText = None) -> KpiOut:
        """The share of schools with broadband or 4G/5G now, and of school hours where a range is given."""
        now_ms = services.clock.now_ms()
        hours = None
        if from_ or to:
            asked = parse_range(from_, to, now_ms, DAY_MS)
            # Hours to come are nobody's.
            within = Range(min(asked.from_ms, now_ms), min(asked.to_ms, now_ms))
            schools = [school.id for school in services.registry.schools() if school.agent_id]
            hours = over(within, schools, incidents_in(within) if within.from_ms < within.to_ms else ())
        return KpiOut(at_ms=now_ms, now=KpiNow.of(services.live.counts()), over=hours)

    return routes


def _merged(spans: Iterable[Span]) -> Iterator[Span]:
    """`spans` without overlaps, ascending; empty ones vanish."""
    start = end = -1
    for first, last in sorted(spans):
        if last <= first:
            continue
        if first > end:
            if end > start:
                yield start, end
            start, end = first, last
        else:
            end = max(end, last)
    if end > start:
        yield start, end


def _length(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)
