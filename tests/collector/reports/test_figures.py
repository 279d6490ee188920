"""The figures of made-up facts, each rule by itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import pytest
from report_facts import CALENDAR, facts, incident

from schoolpulse.incidents.model import Cause, Incident, IncidentKind, Scope
from schoolpulse.local_time import HOUR_MS, day_of
from schoolpulse.registry.models import AreaPeriod, Line, LinePeriod, School
from schoolpulse.reports.build import build
from schoolpulse.reports.facts import Facts, SpeedTest
from schoolpulse.reports.model import Report
from schoolpulse.reports.period import Period, between, named

DAY = between(date(2026, 3, 2), date(2026, 3, 2))
T0 = DAY.from_ms


def school(name: str, *, agent: bool = True, area: tuple[str, ...] = ("A",), backup: str = "4g") -> School:
    lines = (
        Line(role="primary", provider="VNPT", technology="fibre", contracted_down_mbps=100.0),
        Line(role="backup", provider="", technology=backup),
    )
    return School(
        id=name, name=name, level="thcs", area=area, agent_id=f"gw-{name}" if agent else None, lines=lines
    )


def span(from_h: float, to_h: float | None) -> tuple[int, int | None]:
    return T0 + round(from_h * HOUR_MS), None if to_h is None else T0 + round(to_h * HOUR_MS)


def outage(name: str | None, from_h: float, to_h: float | None, cause: Cause = Cause.LINE_CUT) -> Incident:
    return incident(name, IncidentKind.OUTAGE, cause, *span(from_h, to_h))


def on_backup(name: str, from_h: float, to_h: float | None) -> Incident:
    return incident(name, IncidentKind.ON_BACKUP, Cause.LINE_CUT, *span(from_h, to_h))


def blind(from_h: float, to_h: float | None) -> Incident:
    return incident(None, IncidentKind.BLIND, Cause.MONITORING_BLIND, *span(from_h, to_h), scope=Scope.SELF)


def reported(
    incidents: Sequence[Incident],
    *,
    schools: Sequence[School] = (),
    before: Facts | None = None,
    **other: object,
) -> Report:
    schools = schools or (school("a"), school("b"))
    known = Facts(from_ms=DAY.from_ms, to_ms=DAY.to_ms, schools=schools, incidents=incidents)
    known = replace(known, **other)  # type: ignore[arg-type]  # a test's own words
    return build(known, before, period=DAY, calendar=None, made_at_ms=DAY.to_ms, version="0")


@pytest.mark.parametrize(
    ("incidents", "lost_h", "measured_h", "count"),
    [
        ([], 0, 48, 0),
        ([outage("a", 1, 3)], 2, 48, 1),
        ([outage("a", 1, 3), outage("a", 2, 5), outage("b", 2, 5)], 7, 48, 3),
        ([outage("a", 1, 5), outage("a", 2, 3)], 4, 48, 1),  # what is wholly inside adds nothing
        ([outage("a", -5, 1), outage("b", 23, None)], 2, 48, 2),
        ([outage("a", -5, -1), outage("a", 24, 30)], 0, 48, 0),
        ([outage("stranger", 1, 3)], 0, 48, 0),
        ([on_backup("a", 1, 3)], 0, 48, 0),
        ([blind(10, 12)], 0, 44, 0),
        # Evidence came later and explains the outage, so it is known, whoever was looking then.
        ([blind(10, 12), blind(11, 13), outage("a", 9, 14)], 5, 45, 1),
        ([blind(0, None)], 0, 0, 0),
        ([outage("a", 1, 3, Cause.AGENT_STOPPED)], 0, 46, 0),
        ([outage("a", 1, 3, Cause.UNKNOWN)], 0, 46, 0),
    ],
)
def test_hours(incidents: list[Incident], lost_h: float, measured_h: float, count: int) -> None:
    whole = reported(incidents).whole
    assert whole.hours.lost_hours == pytest.approx(lost_h)
    assert whole.hours.measured_hours == pytest.approx(measured_h)
    assert whole.outages.count == count
    expected = None if not measured_h else pytest.approx(1 - lost_h / measured_h, abs=1e-6)
    assert whole.hours.connected_ratio == expected
    assert whole.hours.proven_ratio == pytest.approx((measured_h - lost_h) / 48, abs=1e-6)


def test_a_moment_belongs_to_one_class() -> None:
    report = reported(
        [
            outage("a", 1, 4),
            on_backup("a", 3, 8),
            blind(7, 9),
            incident("a", IncidentKind.DEGRADED, Cause.DEGRADED_LINE, *span(0, 24)),
        ],
        schools=[school("a")],
        first_seen={"a": T0 + HOUR_MS // 2},
        present={"a": [(T0, T0 + 20 * HOUR_MS)]},
    )
    hours = report.whole.hours
    assert (hours.before_hours, hours.lost_hours, hours.blind_hours) == (0.5, 3, 2)
    assert hours.silent_hours == 3, "the newest hour may still be on its way"
    assert hours.backup_hours == 3
    assert hours.measured_hours == 24 - 0.5 - 2 - 3
    assert hours.degraded_hours == hours.measured_hours - 3 - 3
    assert hours.by_technology == {"4g": 3, "fibre": hours.broadband_hours}
    assert report.whole.schools_by_technology == {"fibre": 1}


def test_a_store_that_knows_nobody_says_nothing_of_the_schools() -> None:
    assert reported([], present=None).whole.hours.measured_hours == 48
    quiet = reported([], present={"a": [(T0, T0 + 24 * HOUR_MS)]}).whole.hours
    assert (quiet.measured_hours, quiet.silent_hours) == (25, 23)


def test_a_school_without_an_agent_is_not_measured_and_not_connected() -> None:
    report = reported([], schools=[school("a"), school("b", agent=False)])
    whole = report.whole
    assert (whole.schools, whole.schools_measured, whole.schools_connected) == (2, 1, 1)
    assert whole.connected_schools_ratio == 0.5
    assert (whole.hours.no_agent_hours, whole.hours.measured_hours) == (24, 24)
    assert [one.connected for one in report.schools] == [True, None]


def test_a_school_is_connected_when_most_of_what_was_measured_was() -> None:
    report = reported([outage("a", 0, 12), outage("b", 0, 11)])
    assert [one.connected for one in report.schools] == [False, True]
    assert [one.technology for one in report.schools] == [None, "fibre"]


def test_old_figures_stay_with_the_old_provider() -> None:
    old = Line(role="primary", provider="VNPT", technology="vdsl", contracted_down_mbps=40.0)
    new = Line(role="primary", provider="FPT", technology="fibre", contracted_down_mbps=200.0)
    noon_ms = T0 + 12 * HOUR_MS
    moved = School(
        id="a",
        name="a",
        level="thcs",
        agent_id="gw-a",
        lines=(new,),
        history=(LinePeriod(old, None, noon_ms), LinePeriod(new, noon_ms, None)),
    )
    tests = [SpeedTest(T0 + HOUR_MS, 20.0, None), SpeedTest(noon_ms + HOUR_MS, 190.0, 10.0)]
    report = reported([outage("a", 2, 5), outage("a", 11, 13)], schools=[moved], speed={"a": tests})
    found = {group.name: group for group in report.providers}
    assert set(found) == {"VNPT", "FPT"}
    assert (found["VNPT"].hours.hours, found["VNPT"].hours.lost_hours) == (12, 4)
    assert (found["FPT"].hours.hours, found["FPT"].hours.lost_hours) == (12, 1)
    assert (found["VNPT"].outages.count, found["FPT"].outages.count) == (2, 0)
    assert (found["VNPT"].speed.down_ratio, found["FPT"].speed.down_ratio) == (0.5, 0.95)
    assert (found["VNPT"].speed.schools_below, found["FPT"].speed.schools_below) == (1, 0)
    assert report.whole.hours.by_technology == {"fibre": 11, "vdsl": 8}
    change = report.change.lines
    assert [(one.provider_before, one.provider, one.day) for one in change] == [("VNPT", "FPT", DAY.first)]


def test_areas_are_as_deep_as_the_tree_is() -> None:
    schools = [
        school("a", area=("City", "Ward 10")),
        school("b", area=("City", "Ward 3")),
        school("c", area=()),
        school("d", area=("City", "Ward 10", "Quarter")),
    ]
    report = reported([outage("a", 0, 6)], schools=schools)
    assert [(one.key, one.depth, one.schools) for one in report.areas] == [
        ("City", 1, 3),
        ("City/Ward 3", 2, 1),
        ("City/Ward 10", 2, 2),
        ("City/Ward 10/Quarter", 3, 1),
    ]
    assert report.areas[0].hours.lost_hours == 6


def test_old_figures_stay_with_the_area_where_the_school_hung() -> None:
    noon_ms = T0 + 12 * HOUR_MS
    old, new = ("City", "District", "Ward 1"), ("City", "Ward North")
    moved = replace(
        school("a", area=new), areas=(AreaPeriod(old, None, noon_ms), AreaPeriod(new, noon_ms, None))
    )
    tests = [SpeedTest(T0 + HOUR_MS, 50.0, None), SpeedTest(noon_ms + HOUR_MS, 90.0, None)]
    report = reported(
        [outage("a", 2, 5), outage("a", 11, 13)],
        schools=[moved, school("b", area=new)],
        speed={"a": tests},
        devices={"a": 7},
    )
    found = {group.key: group for group in report.areas}
    hours = {key: (group.hours.hours, group.hours.lost_hours) for key, group in found.items()}
    assert hours == {
        "City": (48, 5),
        "City/District": (12, 4),
        "City/District/Ward 1": (12, 4),
        "City/Ward North": (36, 1),
    }
    assert [group.outages.count for group in report.areas] == [2, 2, 2, 0]
    assert found["City/District"].speed.down_ratio == 0.5
    assert found["City/Ward North"].speed.down_ratio == 0.9
    assert (found["City"].schools, found["City"].devices.seen) == (2, 7), "in both wards, and one school"
    assert found["City"].speed == report.whole.speed
    assert [one.area for one in report.schools] == [list(new), list(new)]
    assert [(one.school, one.day, one.before, one.now) for one in report.change.moves] == [
        ("a", DAY.first, list(old), list(new))
    ]


def test_every_minute_counts_for_one_cause() -> None:
    report = reported(
        [outage("a", 1, 3), outage("a", 2, 6, Cause.POWER_CUT), outage("b", 2, None, Cause.POWER_CUT)]
    )
    rows = {row.cause: row for row in report.faults}
    assert (rows[Cause.LINE_CUT].hours, rows[Cause.POWER_CUT].hours) == (2, 3 + 22)
    assert sum(row.hours for row in report.faults) == report.whole.hours.lost_hours
    power = rows[Cause.POWER_CUT]
    assert (power.count, power.open, power.longest_hours) == (2, 1, 22)
    assert power.repair_median_hours == 4, "of the one that is over"
    assert report.whole.hours.line_fault_hours == 2
    assert [one.hours for one in report.longest] == [22, 3, 2]


def test_devices_by_their_incidents() -> None:
    down = [
        incident("a", IncidentKind.DEVICE_DOWN, Cause.DEVICE_FAILURE, *span(hour, hour + 6))
        for hour in (0, 12)
    ]
    devices = reported([*down, blind(0, 12)], devices={"a": 4, "b": 0}).whole.devices
    assert (devices.seen, devices.failures, devices.down_hours) == (4, 2, 12)
    assert devices.up_ratio == 1 - 12 / (4 * 12)
    assert reported([]).whole.devices.seen is None


def test_what_changed_against_the_period_before() -> None:
    yesterday = DAY.before()
    then = Facts(
        from_ms=yesterday.from_ms,
        to_ms=yesterday.to_ms,
        schools=[school("a"), school("b")],
        incidents=[outage("a", -12, -6)],
    )
    report = reported([outage("b", 0, 6)], before=then)
    assert report.change.before is not None
    assert report.change.before.hours.lost_hours == 6
    assert [one.id for one in report.change.better] == ["a"]
    assert [(one.id, one.before_ratio, one.now_ratio) for one in report.change.worse] == [("b", 1, 0.75)]


def test_days_add_up() -> None:
    period = named("2026-03")
    report = made(period)
    assert sum(day.hours for day in report.days) == pytest.approx(report.whole.hours.hours)
    assert sum(day.measured_hours for day in report.days) == pytest.approx(
        report.whole.hours.measured_hours, abs=0.05
    )
    assert sum(day.lost_hours for day in report.days) == pytest.approx(
        report.whole.hours.lost_hours, abs=0.05
    )
    assert {day.day.weekday() for day in report.days} == {0, 1, 2, 3, 4, 5}
    assert all(day_of(period.from_ms) <= day.day <= period.last for day in report.days)


def test_groups_add_up() -> None:
    report = made(named("2026-03"))
    for groups in (report.providers, [one for one in report.areas if one.depth == 3]):
        assert sum(group.hours.lost_hours for group in groups) == pytest.approx(
            report.whole.hours.lost_hours, abs=0.05
        )
        assert sum(group.outages.count for group in groups) == report.whole.outages.count
    assert sum(one.hours.measured_hours for one in report.schools) == pytest.approx(
        report.whole.hours.measured_hours, abs=0.05
    )


def made(period: Period) -> Report:
    """Of an invented district."""
    return build(
        facts(12, period),
        facts(12, period.before(), seed=2),
        period=period,
        calendar=CALENDAR,
        made_at_ms=period.to_ms,
        version="0.0.test",
    )
