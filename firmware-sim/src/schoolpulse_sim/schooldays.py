"""The school day and the school year as far as load and monitored hours need them."""

from __future__ import annotations

from schoolpulse_sim.timing import DAY, HOUR, LOCAL_OFFSET_MS, MINUTE, local_midnight

OPENS_MS = 6 * HOUR + 30 * MINUTE
CLOSES_MS = 17 * HOUR
"""Monitored hours of a school day, local."""

_LOAD: tuple[float, ...] = (
    *(0.01, 0.01, 0.01, 0.01, 0.01, 0.02, 0.10, 0.55, 0.85, 0.95, 0.90, 0.45),
    *(0.25, 0.60, 0.85, 0.80, 0.50, 0.20, 0.08, 0.04, 0.03, 0.02, 0.02, 0.01),
)
"""Share of a school's busiest traffic at each full local hour of a school day."""


def is_school_day(local_day: int) -> bool:
    """Whether there are lessons on a day, counted from 1970-01-01 (a Thursday), Vietnam's clock."""
    return (local_day + 3) % 7 < 5


def load_at(at_ms: int) -> float:
    """The share of its busiest traffic that a school has at `at_ms`; straight lines between full hours."""
    day, within = divmod(at_ms + LOCAL_OFFSET_MS, DAY)
    if not is_school_day(day):
        return 0.02
    hour, rest = divmod(within, HOUR)
    here, there = _LOAD[hour], _LOAD[(hour + 1) % 24]
    return here + (there - here) * rest / HOUR


def open_ms(start_ms: int, end_ms: int) -> int:
    """How much of a period lies in the monitored hours of school days, milliseconds."""
    total = 0
    midnight = local_midnight(start_ms)
    while midnight < end_ms:
        if is_school_day((midnight + LOCAL_OFFSET_MS) // DAY):
            total += max(0, min(end_ms, midnight + CLOSES_MS) - max(start_ms, midnight + OPENS_MS))
        midnight += DAY
    return total
