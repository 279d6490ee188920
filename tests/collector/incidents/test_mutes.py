"""Calendar and maintenance: the page waits, the record does not."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError
from timelines import T0, play, school, seconds

from schoolpulse.incidents.model import Change
from schoolpulse.incidents.mutes import CalendarSettings, PlannedMutes, SchoolCalendar, Window
from schoolpulse.incidents.roster import Roster
from schoolpulse.local_time import ZONE

CALENDAR = SchoolCalendar(CalendarSettings())


def at(text: str) -> int:
    """Vietnam's clock to milliseconds."""
    return round(datetime.fromisoformat(text).replace(tzinfo=ZONE).timestamp() * 1000)


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-10-05 06:29", False),  # a Monday
        ("2026-10-05 06:30", True),
        ("2026-10-05 17:29", True),
        ("2026-10-05 17:30", False),
        ("2026-10-10 10:00", True),  # Saturday
        ("2026-10-11 10:00", False),  # Sunday
        ("2026-09-02 10:00", False),  # National Day
        ("2027-02-06 10:00", False),  # Tết 2027, a Saturday
        ("2026-06-15 10:00", False),  # summer
        ("2026-08-17 10:00", True),
    ],
)
def test_school_hours(moment: str, is_open: bool) -> None:
    assert CALENDAR.is_open(at(moment)) is is_open


def test_the_next_opening_is_after_the_night_the_sunday_and_the_holiday() -> None:
    assert CALENDAR.next_opening_ms(at("2026-10-05 20:00")) == at("2026-10-06 06:30")
    assert CALENDAR.next_opening_ms(at("2026-10-10 18:00")) == at("2026-10-12 06:30")
    assert CALENDAR.next_opening_ms(at("2026-06-03 10:00")) == at("2026-08-17 06:30")


def test_single_days_are_as_somebody_said() -> None:
    own = SchoolCalendar(
        CalendarSettings(open_dates=(date(2026, 10, 11),), closed_dates=(date(2026, 10, 12),))
    )
    assert own.is_open(at("2026-10-11 10:00"))
    assert not own.is_open(at("2026-10-12 10:00"))


def test_wrong_times_are_refused() -> None:
    for wrong in ({"hours": ("6:30", "17:30")}, {"closed": (("13-01", "01-01"),)}, {"day": ["mon"]}):
        with pytest.raises(ValidationError):
            CalendarSettings.model_validate(wrong)


def test_an_outage_at_night_is_recorded_and_pages_in_the_morning_if_it_is_still_there() -> None:
    assert datetime.fromtimestamp(T0 / 1000, UTC).astimezone(ZONE).strftime("%a %H:%M") == "Mon 21:13"
    mutes = PlannedMutes(CALENDAR)
    opening_s = (CALENDAR.next_opening_ms(T0) - T0) / 1000
    story = play("0-300 speaks\n345 will", mutes=mutes, until=opening_s + 60)
    assert seconds(story.only.confirmed_at) == 355
    assert story.pages == [(opening_s, "s1")]
    gone = play("0-300 speaks\n345 will\n900 returns\n901-2400 speaks", mutes=mutes, until=2400)
    assert gone.pages == []
    assert gone.only.end is not None
    assert not any(one.pages for one in gone.transitions if one.change is Change.RESOLVED)


@pytest.mark.parametrize(
    ("whose", "muted"),
    [
        ({}, True),
        ({"school": "s1"}, True),
        ({"school": "s2"}, False),
        ({"provider": "VNPT"}, True),
        ({"provider": "FPT"}, False),
        ({"area": "HCM/Gò Vấp"}, True),
        ({"area": "HCM/Gò"}, False),
    ],
)
def test_a_window_mutes_whom_it_is_about_and_pages_afterwards(whose: dict[str, str], muted: bool) -> None:
    schools = [school("s1", area=("HCM", "Gò Vấp", "P1"))]
    mutes = PlannedMutes(None, [Window(id="w1", from_ms=T0, to_ms=T0 + 1_000_000, **whose)])
    mutes.roster = Roster(schools)
    story = play("0-300 speaks\n345 will", schools, mutes=mutes, until=1100)
    assert story.pages == [(1000, "s1") if muted else (355, "s1")]
