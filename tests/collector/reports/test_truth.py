"""The report against what the simulator really did, through the real engine and the real store.

What is allowed: a line's failure begins and ends within 20 s of the truth (a probe round of 10 s, two to
believe it); a power cut or a restart within 150 s (the last batch before it, the machine's start after it).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from typing import Any

import pytest
from collector.reports.simulated import Recorded, at, recorded

from schoolpulse.incidents.model import Cause, IncidentKind
from schoolpulse.incidents.mutes import CalendarSettings, SchoolCalendar
from schoolpulse.local_time import HOUR_MS
from schoolpulse.reports.figures import school_hours
from schoolpulse.reports.model import Report
from schoolpulse.reports.period import between
from schoolpulse.reports.spans import common, length

SCENARIO: dict[str, Any] = {
    "scenario": {"title": "Two days", "starts": at("2026-10-05T00:00:00"), "lasts": "2d"},
    "district": {"schools": 5, "devices": (3, 4), "backup_share": 0.4},
    "agent": {"devices": "10m"},
    "event": [
        {"kind": "line_cut", "at": "day 1 08:00", "lasts": "40m", "where": {"backup": False, "count": 2}},
        {"kind": "line_cut", "at": "day 1 09:00", "lasts": "2h", "where": {"backup": True, "count": 1}},
        {"kind": "broker_away", "at": "day 1 14:00", "lasts": "15m"},
        {
            "kind": "power_cut",
            "at": "day 1 16:45",
            "lasts": "90m",
            "where": {"battery": False, "backup": False, "count": 1},
        },
        {"kind": "line_cut", "at": "day 1 22:00", "lasts": "10h", "where": {"backup": False, "count": 1}},
        {"kind": "agent_stopped", "at": "day 2 12:00", "lasts": "3h", "where": {"count": 1}},
        {"kind": "gateway_reboot", "at": "day 2 10:00", "lasts": "90s", "where": {"count": 1}},
    ],
}
CALENDAR = SchoolCalendar(CalendarSettings())
PERIOD = between(date(2026, 10, 5), date(2026, 10, 6))
LINE_EDGE_MS = 20_000
RESTART_EDGE_MS = 150_000
RESTARTED = {"power_cut", "gateway_reboot", "gateway_crash"}


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    with recorded(SCENARIO, 3, tmp_path_factory.mktemp("played")) as found:
        yield found


@pytest.fixture(scope="module")
def report(played: Recorded) -> Report:
    return played.reports(calendar=CALENDAR).make(PERIOD)


def _true_ms(truth: dict[str, Any]) -> int:
    """What of it lies in school hours."""
    hours = school_hours(CALENDAR, PERIOD.from_ms, PERIOD.to_ms)
    return length(common([(truth["start"], truth["end"])], hours))


def _allowed_ms(truth: dict[str, Any]) -> int:
    return 2 * (RESTART_EDGE_MS if truth["cause"] in RESTARTED else LINE_EDGE_MS)


def test_outages_by_cause_are_those_of_the_truth(played: Recorded, report: Report) -> None:
    by_cause: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for truth in played.truths:
        if truth["kind"] in {"outage", "on_backup"} and truth["cause"] != "agent_stopped":
            by_cause.setdefault((truth["kind"], truth["cause"]), []).append(truth)
    assert len(by_cause) == 4
    found = {(row.kind.value, row.cause.value): row for row in report.faults}
    assert {key for key in found if key[0] in {"outage", "on_backup"}} == set(by_cause)
    for key, truths in by_cause.items():
        row = found[key]
        assert row.count == len([truth for truth in truths if _true_ms(truth)])
        true_ms = sum(map(_true_ms, truths))
        assert row.hours * HOUR_MS == pytest.approx(true_ms, abs=sum(map(_allowed_ms, truths)) + 4_000)
        longest_ms = max(map(_true_ms, truths))
        assert row.longest_hours * HOUR_MS == pytest.approx(longest_ms, abs=max(map(_allowed_ms, truths)))


def test_hours_of_each_school_are_those_of_the_truth(played: Recorded, report: Report) -> None:
    for school in report.schools:
        truths = [truth for truth in played.truths if truth["school"] == school.id]
        for kind, figure in (
            ("outage", school.hours.lost_hours),
            ("on_backup", school.hours.backup_hours),
        ):
            mine = [one for one in truths if one["kind"] == kind and one["cause"] != "agent_stopped"]
            expected_ms = sum(map(_true_ms, mine))
            assert figure * HOUR_MS == pytest.approx(expected_ms, abs=sum(map(_allowed_ms, mine)) + 4_000)
    lost_ms = report.whole.hours.lost_hours * HOUR_MS
    measured_ms = report.whole.hours.measured_hours * HOUR_MS
    assert report.whole.hours.connected_ratio == pytest.approx(1 - lost_ms / measured_ms, abs=1e-5)


def test_what_was_not_measured_is_shown_as_such(played: Recorded, report: Report) -> None:
    hours = report.whole.hours
    assert hours.hours == 5 * 2 * 11
    blind = next(truth for truth in played.truths if truth["kind"] == "blind")
    assert hours.blind_hours * HOUR_MS == pytest.approx(5 * _true_ms(blind), abs=5 * 30_000)
    stopped = next(truth for truth in played.truths if truth["cause"] == "agent_stopped")
    assert hours.silent_hours + hours.stopped_hours == pytest.approx(_true_ms(stopped) / HOUR_MS, abs=0.01), (
        "three hours in which the agent was stopped have no samples"
    )
    gone = hours.blind_hours + hours.silent_hours + hours.stopped_hours + hours.before_hours
    assert hours.measured_hours == pytest.approx(hours.hours - gone, abs=0.01)
    parts = hours.broadband_hours + hours.backup_hours + hours.lost_hours
    assert parts == pytest.approx(hours.measured_hours, abs=0.01)
    connected = hours.broadband_hours + hours.backup_hours
    assert sum(hours.by_technology.values()) == pytest.approx(connected, abs=0.01)


def test_detection_and_repair(played: Recorded, report: Report) -> None:
    assert report.whole.outages.detect_p95_s is not None
    assert report.whole.outages.detect_p95_s <= 125, "the heartbeat's deadline and its confirmation"
    backup = next(row for row in report.faults if row.kind is IncidentKind.ON_BACKUP)
    assert backup.cause is Cause.LINE_CUT
    assert backup.repair_median_hours == pytest.approx(2.0, abs=2 * LINE_EDGE_MS / HOUR_MS)


def test_a_provider_answers_for_its_lines_only(report: Report) -> None:
    whole = report.whole.hours
    line = [row for row in report.faults if row.cause in {Cause.LINE_CUT, Cause.PROVIDER_OUTAGE}]
    assert whole.line_fault_hours == pytest.approx(sum(row.hours for row in line), abs=0.01)
    assert sum(group.hours.line_fault_hours for group in report.providers) == pytest.approx(
        whole.line_fault_hours, abs=0.01
    )
    assert whole.line_fault_hours < whole.lost_hours + whole.backup_hours, "not for the school's power"


def test_a_period_that_is_not_over_says_so(played: Recorded) -> None:
    noon_ms = played.plan.start_ms + 12 * HOUR_MS
    early = played.reports(noon_ms, CALENDAR).make(PERIOD)
    assert not early.period.complete
    assert early.period.covered_to_ms == noon_ms
    assert early.whole.hours.hours == 5 * 5.5
    assert early.change.before is None, "nobody had been heard before"
