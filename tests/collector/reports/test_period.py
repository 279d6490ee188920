"""Periods: whole days of Vietnam, by name or from day to day."""

from __future__ import annotations

from datetime import date

import pytest

from schoolpulse.errors import UsageError
from schoolpulse.incidents.mutes import CalendarSettings, SchoolCalendar
from schoolpulse.local_time import midnight_ms
from schoolpulse.reports.figures import school_hours
from schoolpulse.reports.period import Period, PeriodKind, between, named
from schoolpulse.reports.spans import length
from schoolpulse.reports.words import period_text

HOUR_MS = 3_600_000


@pytest.mark.parametrize(
    ("name", "first", "last", "before", "vi", "en"),
    [
        ("2026-03", "2026-03-01", "2026-03-31", "2026-02-01", "tháng 3 năm 2026", "March 2026"),
        ("2026-01", "2026-01-01", "2026-01-31", "2025-12-01", "tháng 1 năm 2026", "January 2026"),
        (
            *("2025-2026", "2025-09-05", "2026-05-31", "2024-09-05"),
            *("năm học 2025-2026", "school year 2025-2026"),
        ),
        (
            *("2025-2026-2", "2026-01-18", "2026-05-31", "2025-09-05"),
            *("học kỳ II năm học 2025-2026", "semester II of the school year 2025-2026"),
        ),
        (
            *("2025-2026-1", "2025-09-05", "2026-01-17", "2025-01-18"),
            *("học kỳ I năm học 2025-2026", "semester I of the school year 2025-2026"),
        ),
    ],
)
def test_named_periods(name: str, first: str, last: str, before: str, vi: str, en: str) -> None:
    period = named(name)
    assert (str(period.first), str(period.last)) == (first, last)
    assert str(period.before().first) == before
    assert between(period.first, period.last) == period, "the same days have the same name"
    assert (period_text(period, "vi"), period_text(period, "en")) == (vi, en)


def test_any_days() -> None:
    period = between(date(2026, 3, 2), date(2026, 3, 15))
    assert period.kind is PeriodKind.RANGE
    assert period.to_ms - period.from_ms == 14 * 24 * HOUR_MS
    assert period.from_ms == midnight_ms(date(2026, 3, 2)) == 1772384400000, "17:00 UTC of the day before"
    assert (period.before().first, period.before().last) == (date(2026, 2, 16), date(2026, 3, 1))
    assert period_text(period, "vi") == "từ ngày 02/3/2026 đến ngày 15/3/2026"


@pytest.mark.parametrize(
    "name", ["", "2026-13", "2026-00", "2025-2027", "2025-2026-3", "2026", "٢٠٢٦-٠٣", "1999-03"]
)
def test_other_words_are_no_periods(name: str) -> None:
    with pytest.raises(UsageError):
        named(name)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (date(2026, 3, 2), date(2026, 3, 1)),
        (date(2020, 1, 1), date(2026, 1, 1)),
        (date(1970, 1, 1), date(1970, 1, 2)),
        (date(2099, 12, 1), date(2100, 1, 1)),
    ],
)
def test_impossible_days_are_refused(first: date, last: date) -> None:
    with pytest.raises(UsageError):
        Period(PeriodKind.RANGE, first, last)


def test_school_hours_are_the_calendars() -> None:
    calendar = SchoolCalendar(CalendarSettings(hours=("06:30", "17:30"), closed_dates=(date(2026, 3, 4),)))
    week = between(date(2026, 3, 2), date(2026, 3, 8))
    hours = school_hours(calendar, week.from_ms, week.to_ms)
    assert len(hours) == 5, "Monday to Saturday, but for the Wednesday"
    assert length(hours) == 5 * 11 * HOUR_MS
    assert all(calendar.is_open(start) and not calendar.is_open(end) for start, end in hours)
    assert length(school_hours(calendar, week.from_ms + 7 * HOUR_MS, week.from_ms + 8 * HOUR_MS)) == HOUR_MS
    always = school_hours(None, week.from_ms, week.to_ms)
    assert (len(always), length(always)) == (7, 7 * 24 * HOUR_MS)
    late = SchoolCalendar(CalendarSettings(hours=("18:00", "24:00")))
    assert length(school_hours(late, week.from_ms, week.from_ms + 24 * HOUR_MS)) == 6 * HOUR_MS
