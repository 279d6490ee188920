"""When nobody is to be woken: the school calendar and maintenance windows.

Muting suppresses the page and never the monitoring: incidents are opened, explained and resolved as ever.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from typing import Annotated, Literal

import holidays
from pydantic import AfterValidator, BaseModel, ConfigDict

from schoolpulse.incidents.policy import DAY
from schoolpulse.incidents.roster import Roster
from schoolpulse.local_time import day_of, local, midnight_ms, ms_of

SEARCH_DAYS = 400
"""Farther ahead no opening is looked for."""
_TIME = re.compile(r"([01]\d|2[0-4]):([0-5]\d)\Z")
_DAY = re.compile(r"(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])\Z")
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_WEEK: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def _time_of_day(text: str) -> str:
    if not _TIME.match(text) or text > "24:00":
        raise ValueError('a time of day like "06:30"')
    return text


def _day_of_year(text: str) -> str:
    if not _DAY.match(text):
        raise ValueError('a day of the year like "05-31"')
    return text


TimeOfDay = Annotated[str, AfterValidator(_time_of_day)]
DayOfYear = Annotated[str, AfterValidator(_day_of_year)]


class CalendarSettings(BaseModel):
    """``[calendar]`` of the policy file: outside of it pages wait until it opens. Times are Vietnam's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    days: tuple[Weekday, ...] = ("mon", "tue", "wed", "thu", "fri", "sat")
    hours: tuple[TimeOfDay, TimeOfDay] = ("06:30", "17:30")
    public_holidays: bool = True
    """Vietnam's public holidays, Tết included, are closed."""
    closed: tuple[tuple[DayOfYear, DayOfYear], ...] = (("06-01", "08-15"),)
    """Stretches of each year, both ends included: the summer by default."""
    open_dates: tuple[date, ...] = ()
    closed_dates: tuple[date, ...] = ()
    """Single days that are otherwise: a Saturday made up for, a storm day, the days around Tết."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """A maintenance window: work that was announced. Without school, provider and area, it is everybody's.

    `area` is a path from the top down, joined by slashes; everything below it is meant too.
    """

    id: str
    from_ms: int
    to_ms: int
    reason: str = ""
    school: str | None = None
    provider: str | None = None
    area: str | None = None


class SchoolCalendar:
    """Whether schools are open at a moment."""

    def __init__(self, settings: CalendarSettings) -> None:
        self._settings = settings
        self._is_open_on = lru_cache(maxsize=2 * SEARCH_DAYS)(self._decide)

    def is_open(self, at_ms: int) -> bool:
        """Whether pages are wanted at `at_ms`."""
        now = local(at_ms)
        begins, ends = self._settings.hours
        return self._is_open_on(now.date()) and begins <= now.strftime("%H:%M") < ends

    def next_opening_ms(self, at_ms: int) -> int:
        """The next moment after `at_ms` at which it opens; far away where it never does."""
        today = day_of(at_ms)
        hour, minute = (int(part) for part in self._settings.hours[0].split(":"))
        for ahead in range(SEARCH_DAYS):
            day = today + timedelta(days=ahead)
            opens_ms = ms_of(datetime.combine(day, time(hour, minute)))
            if opens_ms > at_ms and self._is_open_on(day):
                return opens_ms
        return at_ms + SEARCH_DAYS * DAY

    def open_spans(self, from_ms: int, to_ms: int) -> list[tuple[int, int]]:
        """The stretches of ``[from_ms, to_ms)`` in which schools are open, one a day, in order."""
        begins, ends = (_after_midnight_ms(text) for text in self._settings.hours)
        found = []
        day = day_of(from_ms)
        while (midnight := midnight_ms(day)) < to_ms:
            start, end = max(from_ms, midnight + begins), min(to_ms, midnight + ends)
            if start < end and self._is_open_on(day):
                found.append((start, end))
            day += timedelta(days=1)
        return found

    def _decide(self, day: date) -> bool:
        settings = self._settings
        if day in settings.open_dates or day in settings.closed_dates:
            return day in settings.open_dates
        if _WEEK[day.weekday()] not in settings.days:
            return False
        if settings.public_holidays and day in _holidays(day.year):
            return False
        text = day.strftime("%m-%d")
        return not any(_within(text, first, last) for first, last in settings.closed)


@lru_cache(maxsize=16)
def _holidays(year: int) -> frozenset[date]:
    return frozenset(holidays.country_holidays("VN", years=year))


def _after_midnight_ms(text: str) -> int:
    hour, minute = text.split(":")
    return (int(hour) * 60 + int(minute)) * 60_000


def _within(day: str, first: str, last: str) -> bool:
    return first <= day <= last if first <= last else day >= first or day <= last


class PlannedMutes:
    """Implements `desk.Mutes`: the calendar, and the windows that stand in the database.

    `windows` and `roster` are replaced whole when they change, so that the engine never sees half a change.
    """

    def __init__(self, calendar: SchoolCalendar | None = None, windows: Sequence[Window] = ()) -> None:
        self._calendar = calendar
        self.windows: Sequence[Window] = windows
        self.roster = Roster(())

    def reason(self, school_id: str | None, at_ms: int) -> str | None:
        """``maintenance`` or ``closed``, or None."""
        if self._window(school_id, at_ms) is not None:
            return "maintenance"
        if self._calendar is not None and not self._calendar.is_open(at_ms):
            return "closed"
        return None

    def until(self, school_id: str | None, at_ms: int) -> int:
        """When what mutes now is over."""
        window = self._window(school_id, at_ms)
        if window is not None:
            return max(window.to_ms, at_ms + 1)
        if self._calendar is not None and not self._calendar.is_open(at_ms):
            return self._calendar.next_opening_ms(at_ms)
        return at_ms + 1

    def _window(self, school_id: str | None, at_ms: int) -> Window | None:
        for window in self.windows:
            if window.from_ms <= at_ms < window.to_ms and self._covers(window, school_id):
                return window
        return None

    def _covers(self, window: Window, school_id: str | None) -> bool:
        if window.school is None and window.provider is None and window.area is None:
            return True
        school = self.roster.schools.get(school_id or "")
        if school is None:
            return False
        area = "/".join(school.area)
        return (
            window.school in (None, school.id)
            and window.provider in (None, self.roster.provider_of(school.id))
            and (window.area is None or area == window.area or area.startswith(window.area + "/"))
        )
