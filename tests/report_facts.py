"""Invented facts of a district, for the tests and the benchmark of reports: the same for the same numbers."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import date, timedelta

from page_backend import district

from schoolpulse.incidents.model import Cause, Incident, IncidentKind, Scope
from schoolpulse.incidents.mutes import CalendarSettings, SchoolCalendar
from schoolpulse.local_time import HOUR_MS, midnight_ms
from schoolpulse.registry.models import AreaPeriod, Line, LinePeriod, School
from schoolpulse.reports.facts import Facts, SpeedTest
from schoolpulse.reports.period import Period, between

MINUTE_MS = 60_000
DAY_MS = 24 * HOUR_MS
CALENDAR = SchoolCalendar(CalendarSettings())
_CAUSES = (
    (IncidentKind.OUTAGE, Cause.LINE_CUT),
    (IncidentKind.OUTAGE, Cause.LINE_CUT),
    (IncidentKind.OUTAGE, Cause.POWER_CUT),
    (IncidentKind.OUTAGE, Cause.GATEWAY_REBOOT),
    (IncidentKind.OUTAGE, Cause.UNKNOWN),
    (IncidentKind.ON_BACKUP, Cause.LINE_CUT),
    (IncidentKind.ON_BACKUP, Cause.LINE_CUT),
    (IncidentKind.DEGRADED, Cause.DEGRADED_LINE),
    (IncidentKind.DNS_ONLY, Cause.DNS_FAILURE),
    (IncidentKind.DEVICE_DOWN, Cause.DEVICE_FAILURE),
    (IncidentKind.DEVICE_DOWN, Cause.PARENT_DEVICE_FAILURE),
)


def incident(
    school: str | None,
    kind: IncidentKind,
    cause: Cause,
    start_ms: int,
    end_ms: int | None,
    *,
    scope: Scope = Scope.SCHOOL,
    provider: str | None = None,
    detect_ms: int = 20_000,
) -> Incident:
    """One that was confirmed `detect_ms` after its begin."""
    return Incident(
        id=hashlib.sha256(f"{school}{kind}{cause}{start_ms}".encode()).hexdigest()[:16],
        kind=kind,
        cause=cause,
        scope=scope,
        school=school,
        provider=provider,
        start=start_ms,
        end=end_ms,
        detected_at=start_ms + detect_ms // 2,
        confirmed_at=start_ms + detect_ms,
        resolved_at=end_ms,
    )


def facts(schools: int, period: Period, *, now_ms: int | None = None, seed: int = 1) -> Facts:
    """A district of so many schools over `period`: about an incident a school and three days."""
    chance = random.Random(seed)
    known = _with_history(district(schools), period)
    to_ms = min(period.to_ms, now_ms) if now_ms is not None else period.to_ms
    incidents = [one for school in known for one in _incidents(chance, school, period.from_ms, to_ms)]
    middle = period.from_ms + (to_ms - period.from_ms) // 2 // DAY_MS * DAY_MS + 9 * HOUR_MS
    blind = (IncidentKind.BLIND, Cause.MONITORING_BLIND, middle, middle + 20 * MINUTE_MS)
    incidents.append(incident(None, *blind, scope=Scope.SELF))
    first_seen = {school.id: period.from_ms - DAY_MS for school in known if school.agent_id}
    first_seen[known[1].id] = period.from_ms + 4 * DAY_MS
    return Facts(
        from_ms=period.from_ms,
        to_ms=to_ms,
        schools=known,
        incidents=[one for one in incidents if one.start < to_ms],
        first_seen=first_seen,
        present=None,
        speed={school.id: list(_tests(chance, school, period.from_ms, to_ms)) for school in known},
        devices={school.id: chance.randint(8, 50) for school in known},
    )


def _with_history(schools: Sequence[School], period: Period) -> list[School]:
    """In the middle of the period the first school changed its provider and the third its ward."""
    first = schools[0]
    line = first.line("primary")
    assert line is not None
    at_ms = midnight_ms(period.first + (period.last - period.first) // 2)
    old = Line(role="primary", provider="VNPT", technology="vdsl", contracted_down_mbps=40.0)
    history = (LinePeriod(old, None, at_ms), LinePeriod(line, at_ms, None))
    changed = School(
        id=first.id,
        name=first.name,
        level=first.level,
        area=first.area,
        agent_id=first.agent_id,
        lines=first.lines,
        history=history,
    )
    return [changed, schools[1], *(_moved(school, at_ms) for school in schools[2:3]), *schools[3:]]


def _moved(school: School, at_ms: int) -> School:
    left = (*school.area[:-1], "Phường Đã Giải Thể")
    return replace(school, areas=(AreaPeriod(left, None, at_ms), AreaPeriod(school.area, at_ms, None)))


def _incidents(chance: random.Random, school: School, from_ms: int, to_ms: int) -> Iterator[Incident]:
    if not school.agent_id:
        return
    line = school.line("primary")
    at_ms = from_ms
    while (at_ms := at_ms + round(chance.expovariate(1 / (3 * DAY_MS)))) < to_ms:
        kind, cause = chance.choice(_CAUSES)
        if kind is IncidentKind.ON_BACKUP and school.line("backup") is None:
            kind = IncidentKind.OUTAGE
        end_ms: int | None = at_ms + round(chance.uniform(2 * MINUTE_MS, 4 * HOUR_MS))
        if end_ms is not None and end_ms > to_ms:
            end_ms = None
        detect_ms = round(chance.uniform(8_000, 60_000))
        provider = line.provider if line else None
        yield incident(school.id, kind, cause, at_ms, end_ms, provider=provider, detect_ms=detect_ms)
        at_ms = end_ms or to_ms


def _tests(chance: random.Random, school: School, from_ms: int, to_ms: int) -> Iterator[SpeedTest]:
    share = chance.uniform(0.6, 1.02)
    for at_ms in range(from_ms, to_ms, 6 * HOUR_MS):
        line = school.line("primary", at_ms)
        contract = (line.contracted_down_mbps if line else None) or 100.0
        delivered = contract * share * chance.uniform(0.9, 1.02)
        yield SpeedTest(at_ms, delivered, delivered * 0.9)


def days(first: str, count: int) -> Period:
    """So many days from `first` on."""
    begin = date.fromisoformat(first)
    return between(begin, begin + timedelta(days=count - 1))
