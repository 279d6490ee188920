"""The report's figures from its facts: pure, so that the same facts are the same report for ever."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeVar

from schoolpulse.incidents.model import Incident, Scope
from schoolpulse.incidents.mutes import SchoolCalendar
from schoolpulse.local_time import HOUR_MS, day_of, midnight_ms
from schoolpulse.registry.models import AreaPeriod, Line, LinePeriod, School
from schoolpulse.reports.facts import Facts
from schoolpulse.reports.period import DAY
from schoolpulse.reports.spans import Span, common, length, union, without
from schoolpulse.reports.summary import Piece, delivered
from schoolpulse.reports.tally import SchoolTime, Tally, blind_spans, school_time

NO_PROVIDER = ""
UNKNOWN_TECHNOLOGY = "unknown"
Key = TypeVar("Key")


@dataclass(frozen=True, slots=True)
class Counted:
    """A school with its hours, and the pieces that it gives to its groups."""

    school: School
    time: SchoolTime
    whole: Piece
    by_provider: Mapping[str, Piece]
    by_area: Mapping[tuple[str, ...], Piece]
    """By each area that it hung on and each above that."""
    lines: Sequence[LinePeriod]
    areas: Sequence[AreaPeriod]


def school_hours(calendar: SchoolCalendar | None, from_ms: int, to_ms: int) -> list[Span]:
    """The monitored hours in a range, cut at each midnight: by the calendar, or all where there is none."""
    if from_ms >= to_ms:
        return []
    found: list[Span] = []
    opened = [(from_ms, to_ms)] if calendar is None else calendar.open_spans(from_ms, to_ms)
    for start, end in opened:
        at = start
        while at < end:
            midnight = min(end, midnight_ms(day_of(at) + DAY))
            found.append((at, midnight))
            at = midnight
    return found


def count(facts: Facts, calendar: SchoolCalendar | None) -> list[Counted]:
    """Tally every school."""
    monitored = school_hours(calendar, facts.from_ms, facts.to_ms)
    blind = blind_spans(facts.incidents, facts.to_ms)
    by_school: dict[str, list[Incident]] = {}
    for incident in sorted(facts.incidents, key=lambda one: (one.start, one.id)):
        if incident.school is not None and incident.scope is not Scope.SELF:
            by_school.setdefault(incident.school, []).append(incident)
    return [_count(facts, school, monitored, blind, by_school.get(school.id, [])) for school in facts.schools]


def _count(
    facts: Facts,
    school: School,
    monitored: Sequence[Span],
    blind: Sequence[Span],
    incidents: Sequence[Incident],
) -> Counted:
    hours = monitored
    if school.closed_ms is not None:
        hours = common([(facts.from_ms, school.closed_ms)], monitored)
    first_ms = facts.first_seen.get(school.id)
    present = facts.present.get(school.id, ()) if facts.present is not None else None
    if school.agent_id is None and first_ms is None and not present and not incidents:
        time = SchoolTime(hours, {"no_agent": list(hours)}, [], [])
    else:
        time = school_time(
            hours,
            incidents,
            blind=blind,
            before=[(facts.from_ms, min(first_ms, facts.to_ms))]
            if first_ms is not None and first_ms > facts.from_ms
            else [],
            silent=_silent(facts, present),
            covered_to_ms=facts.to_ms,
        )
    lines = school.lines_between(facts.from_ms, facts.to_ms)
    technologies = _technologies(lines, facts)
    tests = [delivered(test, _line_at(lines, test.at_ms)) for test in facts.speed.get(school.id, ())]
    devices = facts.devices.get(school.id, 0) if facts.devices is not None else None
    now = _line_at(lines, facts.to_ms - 1)
    whole = Piece(school, time.within(None, technologies), time.faults, tests, devices, now)
    areas = school.areas_between(facts.from_ms, max(facts.to_ms, facts.from_ms + 1))
    by_provider = dict(_pieces(facts, whole, time, _by_provider(facts, lines), technologies))
    by_area = dict(_pieces(facts, whole, time, _by_area(facts, areas), technologies))
    return Counted(school, time, whole, by_provider, by_area, lines, areas)


def _silent(facts: Facts, present: Sequence[Span] | None) -> list[Span]:
    """The hours without any sample. The newest hour may still be on its way."""
    if present is None:
        return []
    return without([(facts.from_ms, max(facts.from_ms, facts.to_ms - HOUR_MS))], present)


def _stretch(period: LinePeriod | AreaPeriod, facts: Facts) -> Span:
    return period.overlap(facts.from_ms, facts.to_ms) or (facts.from_ms, facts.from_ms)


def _technologies(lines: Sequence[LinePeriod], facts: Facts) -> list[tuple[Span, str, str]]:
    """Stretches that cover the range, with what the primary line and the backup were then."""
    edges = {facts.from_ms, facts.to_ms}
    for period in lines:
        edges.update(_stretch(period, facts))
    moments = sorted(edges)
    return [
        (
            (start, end),
            _technology_at(lines, "primary", start),
            _technology_at(lines, "backup", start),
        )
        for start, end in pairwise(moments)
    ]


def _technology_at(lines: Sequence[LinePeriod], role: str, at_ms: int) -> str:
    line = _line_at(lines, at_ms, role)
    return (line.technology if line else "") or UNKNOWN_TECHNOLOGY


def _line_at(lines: Sequence[LinePeriod], at_ms: int, role: str = "primary") -> Line | None:
    return next((one.line for one in lines if one.line.role == role and one.covers(at_ms)), None)


def _by_provider(facts: Facts, lines: Sequence[LinePeriod]) -> Mapping[str, Sequence[Span]]:
    """The days with each provider of the primary line: old figures stay with the old one."""
    stretches: dict[str, list[Span]] = {}
    for period in lines:
        if period.line.role == "primary":
            stretches.setdefault(period.line.provider, []).append(_stretch(period, facts))
    rest = without(
        [(facts.from_ms, facts.to_ms)], union(span for found in stretches.values() for span in found)
    )
    if rest or not stretches:
        stretches.setdefault(NO_PROVIDER, []).extend(rest)
    return stretches


def _by_area(facts: Facts, areas: Sequence[AreaPeriod]) -> Mapping[tuple[str, ...], Sequence[Span]]:
    """The days on each area and on each above it: old figures stay where the school hung then."""
    stretches: dict[tuple[str, ...], list[Span]] = {}
    for period in areas:
        for depth in range(1, len(period.area) + 1):
            stretches.setdefault(period.area[:depth], []).append(_stretch(period, facts))
    return stretches


def _pieces(
    facts: Facts,
    whole: Piece,
    time: SchoolTime,
    stretches: Mapping[Key, Sequence[Span]],
    technologies: Sequence[tuple[Span, str, str]],
) -> Iterator[tuple[Key, Piece]]:
    """What the school gives to each group in its stretches: all of it where they are the whole range."""
    for key, found in stretches.items():
        spans = union(found)
        if length(spans) == max(0, facts.to_ms - facts.from_ms):
            yield key, whole
            continue
        tally = Tally()
        for span in spans:
            tally.add(time.within(span, technologies))
        faults = [fault for fault in time.faults if _began_in(fault.spans[0][0], spans)]
        tests = [one for one in whole.tests if _began_in(one.test.at_ms, spans)]
        yield key, Piece(whole.school, tally, faults, tests, whole.devices, whole.contract)


def _began_in(at_ms: int, spans: Sequence[Span]) -> bool:
    return any(start <= at_ms < end for start, end in spans)
