"""A whole report: the figures of every group, day and kind of fault, and what changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from itertools import pairwise

from schoolpulse.incidents.model import Cause, IncidentKind, Scope
from schoolpulse.incidents.mutes import SchoolCalendar
from schoolpulse.local_time import day_of, midnight_ms
from schoolpulse.registry.models import Line, LinePeriod
from schoolpulse.reports.facts import Facts
from schoolpulse.reports.figures import NO_PROVIDER, Counted, count
from schoolpulse.reports.model import (
    AreaMove,
    Change,
    Day,
    FaultRow,
    Group,
    LineChange,
    LineOut,
    Moved,
    Outage,
    PeriodOut,
    Report,
    SchoolFigures,
)
from schoolpulse.reports.period import DAY, Period
from schoolpulse.reports.summary import (
    Piece,
    carried_by,
    detect_s,
    devices_part,
    group_part,
    hours,
    hours_part,
    is_connected,
    middle,
    natural,
    outages_part,
    ratio,
    repair_hours,
    speed_part,
)
from schoolpulse.reports.tally import UNMEASURED, Fault

LONGEST = 15
MOVED = 5
MOVED_RATIO = 0.001
"""A smaller difference is none."""


def build(
    facts: Facts,
    before: Facts | None,
    *,
    period: Period,
    calendar: SchoolCalendar | None,
    made_at_ms: int,
    version: str,
    scope: str | None = None,
) -> Report:
    """The report on `period`.

    Args:
        facts: of the period, as far as it is over.
        before: of the period to compare with; None compares with nothing.
        period: what it is called.
        calendar: which hours count; all without.
        made_at_ms: now.
        version: the collector's.
        scope: the school that it is about, where it is about one.
    """
    counted = count(facts, calendar)
    counted_before = count(before, calendar) if before is not None else []
    pieces = [one.whole for one in counted]
    return Report(
        made_at_ms=made_at_ms,
        version=version,
        period=_period(period, facts, calendar),
        scope=scope,
        whole=group_part("", "", 0, pieces),
        areas=_areas(counted),
        providers=_providers(counted),
        schools=[_school(one, facts) for one in counted],
        faults=_faults(counted),
        provider_outages=sum(
            one.scope is Scope.PROVIDER and one.kind in {IncidentKind.OUTAGE, IncidentKind.ON_BACKUP}
            for one in facts.incidents
        ),
        longest=_longest(counted),
        days=_days(counted),
        change=_change(period, counted, counted_before, facts),
    )


def _period(period: Period, facts: Facts, calendar: SchoolCalendar | None) -> PeriodOut:
    return PeriodOut(
        kind=period.kind,
        first=period.first,
        last=period.last,
        school_year=period.school_year,
        semester=period.semester,
        from_ms=period.from_ms,
        to_ms=period.to_ms,
        covered_to_ms=facts.to_ms,
        complete=facts.to_ms >= period.to_ms,
        calendar=calendar is not None,
    )


def _areas(counted: Sequence[Counted]) -> list[Group]:
    """Every node of the tree on or below which schools hung, each before its children."""
    nodes: dict[tuple[str, ...], list[Piece]] = {}
    for one in counted:
        for path, piece in one.by_area.items():
            nodes.setdefault(path, []).append(piece)
    paths = sorted(nodes, key=lambda path: [natural(name) for name in path])
    return [group_part("/".join(path), path[-1], len(path), nodes[path]) for path in paths]


def _providers(counted: Sequence[Counted]) -> list[Group]:
    pieces: dict[str, list[Piece]] = {}
    for one in counted:
        for provider, piece in one.by_provider.items():
            pieces.setdefault(provider, []).append(piece)
    found = sorted(pieces, key=lambda name: (name == NO_PROVIDER, name))
    return [group_part(name, name, 0, pieces[name]) for name in found]


def _school(one: Counted, facts: Facts) -> SchoolFigures:
    school, whole = one.school, one.whole
    return SchoolFigures(
        id=school.id,
        name=school.name,
        level=school.level,
        area=list(one.areas[-1].area if one.areas else school.area),
        connected=is_connected(whole.tally) if whole.tally.measured else None,
        technology=carried_by(whole.tally),
        lines=[_line(period, facts) for period in one.lines],
        hours=hours_part(whole.tally),
        outages=outages_part(whole.faults),
        speed=speed_part([whole]),
        devices=devices_part([whole]),
    )


def _line(period: LinePeriod, facts: Facts) -> LineOut:
    start, end = period.overlap(facts.from_ms, facts.to_ms) or (facts.from_ms, facts.from_ms + 1)
    return LineOut(
        role=period.line.role,
        first=day_of(start),
        last=day_of(max(start, end - 1)),
        provider=period.line.provider,
        technology=period.line.technology,
        contracted_down_mbps=period.line.contracted_down_mbps,
        contracted_up_mbps=period.line.contracted_up_mbps,
    )


def _faults(counted: Sequence[Counted]) -> list[FaultRow]:
    groups: dict[tuple[IncidentKind, Cause], list[Fault]] = {}
    for one in counted:
        for fault in one.time.faults:
            groups.setdefault((fault.incident.kind, fault.incident.cause), []).append(fault)
    kinds = list(IncidentKind)
    rows = [
        FaultRow(
            kind=kind,
            cause=cause,
            count=len(faults),
            hours=hours(sum(fault.ms for fault in faults)),
            longest_hours=hours(max(fault.ms for fault in faults)),
            detect_median_s=middle([detect_s(fault) for fault in faults]),
            repair_median_hours=middle(repair_hours(faults), 3),
            open=sum(fault.incident.end is None for fault in faults),
        )
        for (kind, cause), faults in groups.items()
    ]
    return sorted(rows, key=lambda row: (kinds.index(row.kind), -row.hours, row.cause))


def _longest(counted: Sequence[Counted]) -> list[Outage]:
    found = [(fault, one) for one in counted for fault in one.time.faults if fault.is_lost]
    found.sort(key=lambda pair: (-pair[0].ms, pair[0].incident.start, pair[0].incident.id))
    return [
        Outage(
            id=fault.incident.id,
            school=one.school.id,
            school_name=one.school.name,
            provider=fault.incident.provider or "",
            cause=fault.incident.cause,
            start_ms=fault.incident.start,
            end_ms=fault.incident.end,
            hours=hours(fault.ms),
            detect_s=round(detect_s(fault), 1),
        )
        for fault, one in found[:LONGEST]
    ]


def _days(counted: Sequence[Counted]) -> list[Day]:
    """Every day with school hours; stretches never cross midnight, since the school hours do not."""
    sums: dict[str, Counter[int]] = {"hours": Counter(), "gone": Counter(), "lost": Counter()}
    sums["backup"] = Counter()
    starts: dict[int, int] = {}
    for one in counted:
        for span in one.time.monitored:
            starts.setdefault(span[0], span[0])
    day_at = {start: day_of(start).toordinal() for start in starts}
    for one in counted:
        for span in one.time.monitored:
            sums["hours"][day_at[span[0]]] += span[1] - span[0]
        for name, parts in (("gone", UNMEASURED), ("lost", ("lost",)), ("backup", ("backup",))):
            for part in parts:
                for start, end in one.time.parts.get(part, ()):
                    for day, ms in _split(start, end):
                        sums[name][day] += ms
    return [
        _day(day, {name: counter[day] for name, counter in sums.items()}) for day in sorted(sums["hours"])
    ]


def _split(start: int, end: int) -> Iterator[tuple[int, int]]:
    """Milliseconds by day; two neighbours of the same class may have grown together at midnight."""
    while start < end:
        day = day_of(start)
        midnight = min(end, midnight_ms(day + DAY))
        yield day.toordinal(), midnight - start
        start = midnight


def _day(ordinal: int, ms: Mapping[str, int]) -> Day:
    measured = ms["hours"] - ms["gone"]
    return Day(
        day=date.fromordinal(ordinal),
        hours=hours(ms["hours"]),
        measured_hours=hours(measured),
        lost_hours=hours(ms["lost"]),
        backup_hours=hours(ms["backup"]),
        connected_ratio=ratio(measured - ms["lost"], measured),
    )


def _change(period: Period, counted: Sequence[Counted], before: Sequence[Counted], facts: Facts) -> Change:
    compared = period.before()
    then = group_part("", "", 0, [one.whole for one in before]) if before else None
    shares = {one.school.id: ratio(one.whole.tally.connected, one.whole.tally.measured) for one in before}
    moved: list[tuple[float, Moved]] = []
    for one in counted:
        was, now = shares.get(one.school.id), ratio(one.whole.tally.connected, one.whole.tally.measured)
        if was is not None and now is not None and abs(now - was) >= MOVED_RATIO:
            entry = Moved(id=one.school.id, name=one.school.name, before_ratio=was, now_ratio=now)
            moved.append((now - was, entry))
    moved.sort(key=lambda pair: (pair[0], pair[1].id))
    return Change(
        first=compared.first,
        last=compared.last,
        before=then if then is not None and then.hours.measured_hours else None,
        better=[one for step, one in reversed(moved) if step > 0][:MOVED],
        worse=[one for step, one in moved if step < 0][:MOVED],
        lines=[change for one in counted for change in _line_changes(one, facts)],
        moves=[move for one in counted for move in _moves(one)],
    )


def _moves(one: Counted) -> Iterator[AreaMove]:
    """From where to where the school moved."""
    for before, now in pairwise(one.areas):
        assert now.from_ms is not None  # noqa: S101  # only the first has no beginning
        yield AreaMove(
            school=one.school.id,
            school_name=one.school.name,
            day=day_of(now.from_ms),
            before=list(before.area),
            now=list(now.area),
        )


def _line_changes(one: Counted, facts: Facts) -> Iterator[LineChange]:
    for role in ("primary", "backup"):
        periods = sorted(
            (period for period in one.lines if period.line.role == role), key=lambda item: item.from_ms or 0
        )
        known: LinePeriod | None = None
        for period in periods:
            if period.from_ms is not None and period.from_ms > facts.from_ms:
                yield _line_change(one, role, period.from_ms, known, period)
            known = period
        if known is not None and known.to_ms is not None and known.to_ms < facts.to_ms:
            yield _line_change(one, role, known.to_ms, known, None)


def _line_change(
    one: Counted, role: str, at_ms: int, old: LinePeriod | None, new: LinePeriod | None
) -> LineChange:
    was: Line | None = old.line if old is not None else None
    now: Line | None = new.line if new is not None else None
    return LineChange(
        school=one.school.id,
        school_name=one.school.name,
        role=role,
        day=day_of(at_ms),
        provider_before=was.provider if was else "",
        technology_before=was.technology if was else "",
        down_mbps_before=was.contracted_down_mbps if was else None,
        provider=now.provider if now else "",
        technology=now.technology if now else "",
        down_mbps=now.contracted_down_mbps if now else None,
    )
