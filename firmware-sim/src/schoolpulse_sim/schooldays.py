"""The Vietnamese school year and the school day: when there are lessons, and what that does to the traffic.

Sources: the yearly frame of the Ministry of Education and Training (school begins on 5 September and ends
by 31 May), the labour code's public holidays, Tết by the lunar calendar of UTC+7. Schools close about a
week before and a week after Tết's first day.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import lru_cache

from schoolpulse_sim.scenario import Level
from schoolpulse_sim.timing import DAY, HOUR, LOCAL_OFFSET_MS, MINUTE, local_midnight

OPENS_MS = 6 * HOUR + 30 * MINUTE
CLOSES_MS = 17 * HOUR
"""Monitored hours of a school day, local."""
_EPOCH = date(1970, 1, 1)
_TET = tuple(
    date.fromisoformat(text)
    for text in (
        *("2023-01-22", "2024-02-10", "2025-01-29", "2026-02-17", "2027-02-06", "2028-01-26", "2029-02-13"),
        *("2030-02-02", "2031-01-23", "2032-02-11", "2033-01-31", "2034-02-19", "2035-02-08"),
    )
)
_TET_BREAK = timedelta(days=7)
_HUNG_KINGS = frozenset(
    date.fromisoformat(text)
    for text in (
        *("2023-04-29", "2024-04-18", "2025-04-07", "2026-04-26", "2027-04-16", "2028-04-04", "2029-04-23"),
        *("2030-04-12", "2031-04-01", "2032-04-19", "2033-04-09", "2034-04-28", "2035-04-17"),
    )
)
_FIXED = frozenset({(1, 1), (4, 30), (5, 1), (9, 2), (9, 3)})

_LESSONS: dict[Level, tuple[tuple[int, int], ...]] = {
    # Minutes after local midnight: lessons of 35 to 45 minutes, with breaks and a long noon between.
    "mam_non": ((480, 630), (870, 990)),
    "tieu_hoc": ((450, 485), (490, 525), (550, 585), (590, 625), (840, 875), (880, 915), (940, 975)),
    "thcs": (
        *((420, 465), (470, 515), (535, 580), (585, 630), (635, 680)),
        *((780, 825), (830, 875), (895, 940), (945, 990)),
    ),
}
NIGHT, OFFICE, BREAK, LESSON = 0.01, 0.12, 0.45, 0.95
"""Shares of a school's busiest traffic."""
_RAMP_MIN = 10


def school_day(day: date) -> bool:
    """Whether there are lessons on `day`."""
    in_term = (day.month, day.day) >= (9, 5) or day.month <= 5
    holiday = (day.month, day.day) in _FIXED or day in _HUNG_KINGS
    tet = any(first - _TET_BREAK <= day <= first + _TET_BREAK for first in _TET)
    return in_term and day.weekday() < 5 and not holiday and not tet


@lru_cache(maxsize=4096)
def is_school_day(local_day: int) -> bool:
    """The same for a day counted from 1970-01-01 on Vietnam's clock."""
    return school_day(_EPOCH + timedelta(days=local_day))


def load_at(at_ms: int, level: Level) -> float:
    """The share of its busiest traffic that a school of that level has at `at_ms`."""
    day, within = divmod(at_ms + LOCAL_OFFSET_MS, DAY)
    if not is_school_day(day):
        return NIGHT
    shape = _shape(level)
    minute, rest = divmod(within, MINUTE)
    here, there = shape[minute], shape[minute + 1]
    return here + (there - here) * rest / MINUTE


@lru_cache(maxsize=8)
def _shape(level: Level) -> tuple[float, ...]:
    """The share at each minute of a school day; steps are rounded off over some minutes."""
    lessons = _LESSONS[level]
    opens, closes = lessons[0][0] - 45, lessons[-1][1] + 60
    steps = []
    for minute in range(24 * 60):
        share = OFFICE if opens <= minute < closes else NIGHT
        if lessons[0][0] <= minute < lessons[-1][1]:
            share = BREAK
        if any(start <= minute < end for start, end in lessons):
            share = LESSON
        steps.append(share)
    smooth = []
    for minute in range(24 * 60):
        window = steps[max(0, minute - _RAMP_MIN // 2) : minute + _RAMP_MIN // 2]
        smooth.append(round(sum(window) / len(window), 4))
    return (*smooth, smooth[0])


def open_ms(start_ms: int, end_ms: int) -> int:
    """How much of a period lies in the monitored hours of school days, milliseconds."""
    total = 0
    midnight = local_midnight(start_ms)
    while midnight < end_ms:
        if is_school_day((midnight + LOCAL_OFFSET_MS) // DAY):
            total += max(0, min(end_ms, midnight + CLOSES_MS) - max(start_ms, midnight + OPENS_MS))
        midnight += DAY
    return total
