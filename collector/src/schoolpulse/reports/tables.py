"""The report as tables in a language: the one source of what PDF, XLSX and CSV show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schoolpulse.i18n import Language, translate
from schoolpulse.incidents.model import IncidentKind
from schoolpulse.reports.model import Group, Outages, Report, SchoolFigures, Speed
from schoolpulse.reports.tally import UNMEASURED
from schoolpulse.reports.words import Unit, Value, named


@dataclass(frozen=True, slots=True)
class Cell:
    """A value and what it is."""

    value: Value
    unit: Unit = Unit.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under a title. `key` and `names` name it and its columns, the same in every language."""

    key: str
    title: str
    names: Sequence[str]
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


def tables(report: Report, language: Language) -> list[Table]:
    """Every table of the report, in the order of the document; those without rows are left out."""
    found = [
        _summary(report, language),
        _technology(report, language),
        _unmeasured(report, language),
        _faults(report, language),
        _groups("providers", report.providers, language),
        _groups("areas", report.areas, language),
        _moved(report, language),
        _line_changes(report, language),
        _moves(report, language),
        _contracts(report, language),
        _schools(report, language),
        _longest(report, language),
        _days(report, language),
    ]
    return [table for table in found if table.rows]


def _table(key: str, columns: str, rows: Sequence[Sequence[Cell]], language: Language) -> Table:
    names = columns.split()
    titles = [translate(f"report.column.{name}", language) for name in names]
    return Table(key, translate(f"report.table.{key}", language), names, titles, rows)


def _summary(report: Report, language: Language) -> Table:
    before = report.change.before
    old = dict(summary_cells(before)) if before is not None else {}
    rows = []
    for name, cell in summary_cells(report.whole):
        was = old.get(name, Cell(None, cell.unit))
        rows.append((Cell(translate(f"report.figure.{name}", language)), cell, was, _difference(cell, was)))
    return _table("summary", "figure value before delta", rows, language)


def _difference(cell: Cell, was: Cell) -> Cell:
    if isinstance(cell.value, (int, float)) and isinstance(was.value, (int, float)):
        return Cell(round(cell.value - was.value, 6), cell.unit)
    return Cell(None, cell.unit)


def summary_cells(group: Group) -> Iterator[tuple[str, Cell]]:
    """The figures of a group by name; measurements of a period before that nobody asked for are null."""
    hours, outages, speed, devices = group.hours, group.outages, group.speed, group.devices
    yield "schools", Cell(group.schools, Unit.COUNT)
    yield "schools_measured", Cell(group.schools_measured, Unit.COUNT)
    yield "schools_connected", Cell(group.schools_connected, Unit.COUNT)
    yield "schools_ratio", Cell(group.connected_schools_ratio, Unit.RATIO)
    for name in ("hours", "measured_hours", "lost_hours", "backup_hours", "degraded_hours"):
        yield "school_hours" if name == "hours" else name, Cell(getattr(hours, name), Unit.HOURS)
    yield "line_fault_hours", Cell(hours.line_fault_hours, Unit.HOURS)
    for name in ("measured_ratio", "connected_ratio", "broadband_ratio", "proven_ratio"):
        yield name, Cell(getattr(hours, name), Unit.RATIO)
    yield "outages", Cell(outages.count, Unit.COUNT)
    yield "longest", Cell(outages.longest_hours, Unit.HOURS)
    yield "detect", Cell(outages.detect_median_s, Unit.SECONDS)
    yield "detect_p95", Cell(outages.detect_p95_s, Unit.SECONDS)
    yield "repair", Cell(outages.repair_median_hours, Unit.HOURS)
    yield "tests", Cell(speed.tests or None, Unit.COUNT)
    yield "down", Cell(speed.down_mbps, Unit.MBPS)
    yield "up", Cell(speed.up_mbps, Unit.MBPS)
    yield "down_ratio", Cell(speed.down_ratio, Unit.RATIO)
    yield "up_ratio", Cell(speed.up_ratio, Unit.RATIO)
    yield "below", Cell(speed.schools_below if speed.tests else None, Unit.COUNT)
    yield "devices", Cell(devices.seen, Unit.COUNT)
    yield "device_failures", Cell(devices.failures, Unit.COUNT)
    yield "devices_up", Cell(devices.up_ratio, Unit.RATIO)


def _technology(report: Report, language: Language) -> Table:
    hours = report.whole.hours.by_technology
    total = sum(hours.values())
    rows = [
        (
            Cell(named("report.technology", name, language)),
            Cell(report.whole.schools_by_technology.get(name, 0), Unit.COUNT),
            Cell(spent, Unit.HOURS),
            Cell(round(spent / total, 6) if total else None, Unit.RATIO),
        )
        for name, spent in sorted(hours.items(), key=lambda item: -item[1])
    ]
    return _table("technology", "technology schools hours share", rows, language)


def _unmeasured(report: Report, language: Language) -> Table:
    hours = report.whole.hours
    rows = [
        (
            Cell(translate(f"report.unmeasured.{name}", language)),
            Cell(spent, Unit.HOURS),
            Cell(round(spent / hours.hours, 6), Unit.RATIO),
        )
        for name in UNMEASURED
        if (spent := getattr(hours, f"{name}_hours"))
    ]
    return _table("unmeasured", "reason hours share", rows, language)


def _faults(report: Report, language: Language) -> Table:
    rows = [
        (
            Cell(translate(f"kind.{row.kind.value}", language)),
            Cell(translate(f"cause.{row.cause.value}", language)),
            Cell(row.count, Unit.COUNT),
            Cell(row.hours, Unit.HOURS),
            Cell(row.longest_hours, Unit.HOURS),
            Cell(row.detect_median_s, Unit.SECONDS),
            Cell(row.repair_median_hours, Unit.HOURS),
            Cell(row.open, Unit.COUNT),
        )
        for row in report.faults
        if row.kind is not IncidentKind.BLIND
    ]
    return _table("faults", "kind cause count hours longest detect repair open", rows, language)


def _groups(key: str, groups: Sequence[Group], language: Language) -> Table:
    first = "provider" if key == "providers" else "area"
    columns = (
        f"{first} schools schools_connected measured_ratio connected_ratio broadband_ratio lost_hours "
        "line_fault_hours outages repair down_ratio below"
    )
    rows = [
        (
            Cell(_group_name(group, language)),
            Cell(group.schools, Unit.COUNT),
            Cell(group.schools_connected, Unit.COUNT),
            Cell(group.hours.measured_ratio, Unit.RATIO),
            Cell(group.hours.connected_ratio, Unit.RATIO),
            Cell(group.hours.broadband_ratio, Unit.RATIO),
            Cell(group.hours.lost_hours, Unit.HOURS),
            Cell(group.hours.line_fault_hours, Unit.HOURS),
            Cell(group.outages.count, Unit.COUNT),
            Cell(group.outages.repair_median_hours, Unit.HOURS),
            Cell(group.speed.down_ratio, Unit.RATIO),
            Cell(group.speed.schools_below if group.speed.tests else None, Unit.COUNT),
        )
        for group in groups
    ]
    return _table(key, columns, rows, language)


def _group_name(group: Group, language: Language) -> str:
    name = group.name or translate("report.word.no_provider", language)
    return "\u2003" * max(0, group.depth - 1) + name


def _moved(report: Report, language: Language) -> Table:
    rows = [
        (
            Cell(one.name),
            Cell(one.before_ratio, Unit.RATIO),
            Cell(one.now_ratio, Unit.RATIO),
            Cell(round(one.now_ratio - one.before_ratio, 6), Unit.RATIO),
        )
        for one in (*report.change.worse, *report.change.better)
    ]
    return _table("moved", "school before value delta", rows, language)


def _line_changes(report: Report, language: Language) -> Table:
    def described(provider: str, technology: str, mbps: float | None) -> str:
        words = [provider, named("report.technology", technology, language) if technology else ""]
        words.append(f"{mbps:g} Mbps" if mbps is not None else "")
        return " ".join(word for word in words if word)

    rows = [
        (
            Cell(one.day, Unit.DAY),
            Cell(one.school_name),
            Cell(named("report.role", one.role, language)),
            Cell(described(one.provider_before, one.technology_before, one.down_mbps_before) or None),
            Cell(described(one.provider, one.technology, one.down_mbps) or None),
        )
        for one in report.change.lines
    ]
    return _table("lines", "day school role was now", rows, language)


def _moves(report: Report, language: Language) -> Table:
    rows = [
        (
            Cell(one.day, Unit.DAY),
            Cell(one.school_name),
            Cell(" / ".join(one.before) or None),
            Cell(" / ".join(one.now) or None),
        )
        for one in report.change.moves
    ]
    return _table("moves", "day school was now", rows, language)


def _contracts(report: Report, language: Language) -> Table:
    """A school's lines as they are recorded; of many schools the big table has what is needed."""
    rows = [
        (
            Cell(named("report.role", line.role, language)),
            Cell(line.provider or None),
            Cell(named("report.technology", line.technology, language)),
            Cell(line.contracted_down_mbps, Unit.MBPS),
            Cell(line.contracted_up_mbps, Unit.MBPS),
            Cell(line.first, Unit.DAY),
            Cell(line.last, Unit.DAY),
        )
        for school in report.schools
        for line in school.lines
    ]
    columns = "role provider technology contracted_down contracted_up first last"
    return _table("contracts", columns, rows if report.scope is not None else [], language)


def _schools(report: Report, language: Language) -> Table:
    columns = (
        "number id school level area provider technology school_hours measured_ratio connected_ratio "
        "broadband_ratio lost_hours backup_hours line_fault_hours outages longest tests down contracted_down "
        "down_ratio up contracted_up devices devices_up device_failures"
    )
    rows = [
        (Cell(number, Unit.COUNT), *_school_row(school, language))
        for number, school in enumerate(report.schools, start=1)
    ]
    return _table("schools", columns, rows, language)


def _school_row(school: SchoolFigures, language: Language) -> Iterator[Cell]:
    primary = [line for line in school.lines if line.role == "primary"]
    hours = school.hours
    technology = named("report.technology", school.technology, language) if school.technology else None
    yield Cell(school.id)
    yield Cell(school.name)
    yield Cell(named("report.level", school.level, language) if school.level else None)
    yield Cell(school.area[-1] if school.area else None)
    yield Cell(primary[-1].provider or None if primary else None)
    yield Cell(technology)
    yield Cell(hours.hours, Unit.HOURS)
    for share in (hours.measured_ratio, hours.connected_ratio, hours.broadband_ratio):
        yield Cell(share, Unit.RATIO)
    for spent in (hours.lost_hours, hours.backup_hours, hours.line_fault_hours):
        yield Cell(spent, Unit.HOURS)
    yield from _outage_cells(school.outages)
    yield from _speed_cells(school.speed)
    yield Cell(school.devices.seen, Unit.COUNT)
    yield Cell(school.devices.up_ratio, Unit.RATIO)
    yield Cell(school.devices.failures, Unit.COUNT)


def _outage_cells(outages: Outages) -> Iterator[Cell]:
    yield Cell(outages.count, Unit.COUNT)
    yield Cell(outages.longest_hours, Unit.HOURS)


def _speed_cells(speed: Speed) -> Iterator[Cell]:
    yield Cell(speed.tests, Unit.COUNT)
    yield Cell(speed.down_mbps, Unit.MBPS)
    yield Cell(speed.contracted_down_mbps, Unit.MBPS)
    yield Cell(speed.down_ratio, Unit.RATIO)
    yield Cell(speed.up_mbps, Unit.MBPS)
    yield Cell(speed.contracted_up_mbps, Unit.MBPS)


def _longest(report: Report, language: Language) -> Table:
    rows = [
        (
            Cell(one.start_ms, Unit.TIME),
            Cell(one.end_ms, Unit.TIME)
            if one.end_ms is not None
            else Cell(translate("report.word.not_over", language)),
            Cell(one.hours, Unit.HOURS),
            Cell(one.school_name),
            Cell(one.provider or None),
            Cell(translate(f"cause.{one.cause.value}", language)),
            Cell(one.detect_s, Unit.SECONDS),
            Cell(one.id),
        )
        for one in report.longest
    ]
    return _table("longest", "start end hours school provider cause detect incident", rows, language)


def _days(report: Report, language: Language) -> Table:
    rows = [
        (
            Cell(one.day, Unit.DAY),
            Cell(one.hours, Unit.HOURS),
            Cell(one.measured_hours, Unit.HOURS),
            Cell(one.connected_ratio, Unit.RATIO),
            Cell(one.lost_hours, Unit.HOURS),
            Cell(one.backup_hours, Unit.HOURS),
        )
        for one in report.days
    ]
    columns = "day school_hours measured_hours connected_ratio lost_hours backup_hours"
    return _table("days", columns, rows, language)
