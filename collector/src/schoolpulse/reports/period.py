"""The period of a report: whole days of Vietnam's clock, by name (a month, a semester) or from day to day."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from schoolpulse.errors import Reason, UsageError
from schoolpulse.local_time import midnight_ms

MAX_DAYS = 1_200
"""Longer ranges are refused: three school years and a bit."""
DAY = timedelta(days=1)
_NAME = re.compile(r"(\d{4})-(\d{2})\Z|(\d{4})-(\d{4})(?:-([12]))?\Z", re.ASCII)
_HINT = "a month 2026-03, a school year 2025-2026, a semester 2025-2026-1 or 2025-2026-2"


class PeriodKind(StrEnum):
    """What a period is called."""

    MONTH = "month"
    SEMESTER = "semester"
    SCHOOL_YEAR = "school_year"
    RANGE = "range"


@dataclass(frozen=True, slots=True)
class Period:
    """From the begin of the day `first` to the end of the day `last`."""

    kind: PeriodKind
    first: date
    last: date

    def __post_init__(self) -> None:
        if not 2000 <= self.first.year <= self.last.year <= 2099 and self.first <= self.last:
            raise UsageError("days from 2000 to 2099 are expected", why=Reason("period_out_of_range"))
        if self.last < self.first:
            raise UsageError(
                "the period ends before it begins",
                hint="give the first day, then the last",
                why=Reason("period_backwards"),
            )
        if (self.last - self.first).days >= MAX_DAYS:
            raise UsageError(
                f"a period is at most {MAX_DAYS} days long",
                hint="make several reports",
                why=Reason("period_too_long", values={"days": MAX_DAYS}),
            )

    @property
    def from_ms(self) -> int:
        """The first day's begin."""
        return midnight_ms(self.first)

    @property
    def to_ms(self) -> int:
        """The last day's end."""
        return midnight_ms(self.last + DAY)

    @property
    def semester(self) -> int | None:
        """1 or 2."""
        if self.kind is not PeriodKind.SEMESTER:
            return None
        return 1 if self.first.month >= 8 else 2

    @property
    def school_year(self) -> int:
        """The calendar year in which the school year of the first day began."""
        return self.first.year if self.first.month >= 8 else self.first.year - 1

    def before(self) -> Period:
        """The period to compare with: the month, semester or year before, or as many days before."""
        if self.kind is PeriodKind.MONTH:
            end = self.first - DAY
            return month(end.year, end.month)
        if self.kind is PeriodKind.SEMESTER:
            year = self.school_year
            return semester(year, 1) if self.semester == 2 else semester(year - 1, 2)
        if self.kind is PeriodKind.SCHOOL_YEAR:
            return school_year(self.school_year - 1)
        days = self.last - self.first + DAY
        return Period(PeriodKind.RANGE, self.first - days, self.first - DAY)


def month(year: int, number: int) -> Period:
    """A calendar month."""
    last = calendar.monthrange(year, number)[1]
    return Period(PeriodKind.MONTH, date(year, number, 1), date(year, number, last))


def school_year(begins: int) -> Period:
    """The school year that begins in `begins`: 5 September to 31 May, the ministry's yearly frame."""
    return Period(PeriodKind.SCHOOL_YEAR, date(begins, 9, 5), date(begins + 1, 5, 31))


def semester(begins: int, number: int) -> Period:
    """A semester of that school year. The frame ends the first before 18 January."""
    if number == 1:
        return Period(PeriodKind.SEMESTER, date(begins, 9, 5), date(begins + 1, 1, 17))
    return Period(PeriodKind.SEMESTER, date(begins + 1, 1, 18), date(begins + 1, 5, 31))


def named(text: str) -> Period:
    """The period of that name: ``2026-03``, ``2025-2026``, ``2025-2026-1``.

    Raises:
        UsageError: it is no such name.
    """
    found = _NAME.match(text)
    if found is None:
        raise UsageError(f"{text!r} is no period", hint=_HINT, why=Reason("no_period"))
    try:
        if found[1]:
            return month(int(found[1]), int(found[2]))
        begins = int(found[3])
        if int(found[4]) != begins + 1:
            raise UsageError(f"{text!r} is no school year", hint=_HINT, why=Reason("no_period"))
        return semester(begins, int(found[5])) if found[5] else school_year(begins)
    except (ValueError, calendar.IllegalMonthError) as error:
        raise UsageError(f"{text!r} is no period", hint=_HINT, why=Reason("no_period")) from error


def between(first: date, last: date) -> Period:
    """From day to day, both included; a whole month, semester or school year is called so."""
    period = Period(PeriodKind.RANGE, first, last)
    known = [month(first.year, first.month), school_year(period.school_year)]
    known += [semester(period.school_year, number) for number in (1, 2)]
    return next((one for one in known if (one.first, one.last) == (first, last)), period)
