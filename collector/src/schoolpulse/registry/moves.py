"""How the history of a school's area grows. Pure: periods in, periods out.

A school always hangs somewhere, if only on nothing: its periods touch, the first has no beginning and the
last no end.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Literal

from schoolpulse.registry.models import AreaPeriod, School
from schoolpulse.registry.values import moment_text

Since = int | Literal["today", "always"]
"""From when on a school hangs where it is said to: a moment in ms, this day's begin, or as long as what is
recorded of now, which then was a mistake."""
Area = tuple[str, ...]


def areas_of(school: School | None) -> Sequence[AreaPeriod]:
    """Every area a school hung on; of a school that is not there yet, none."""
    if school is None:
        return []
    return school.areas or [AreaPeriod(school.area)]


def touching(starts: Iterable[tuple[int | None, Area]]) -> list[AreaPeriod]:
    """Periods from where each begins, in any order; neighbours with the same area are one."""
    known = dict(starts)
    found: list[tuple[int | None, Area]] = [(None, known.pop(None, ()))]
    for from_ms, area in sorted((at, area) for at, area in known.items() if at is not None):
        if area != found[-1][1]:
            found.append((from_ms, area))
    ends = [after for (_, _), (after, _) in pairwise(found)]
    return [AreaPeriod(area, at, end) for (at, area), end in zip(found, [*ends, None], strict=True)]


def hang(
    periods: Sequence[AreaPeriod], area: Area, since: Since, *, today_ms: int, now_ms: int
) -> list[AreaPeriod]:
    """`periods` with the school on `area` since then and now.

    What was recorded of the time between gives way; a move that is still to come stays. What is said of the
    very moment at which a period begins corrects it, and so does "always" the period of now. A school that
    hung nowhere has hung on its first area always, unless a moment is given.

    Args:
        periods: as they were, empty of a new school, whose first area has no beginning.
        area: where.
        since: from when on.
        today_ms: when this day began.
        now_ms: now.
    """
    if not periods:
        return [AreaPeriod(area)]
    now = next(period for period in periods if period.covers(now_ms))
    if since == "always" or (since == "today" and not now.area):
        from_ms = now.from_ms
    elif area == now.area and (since == "today" or since <= now_ms):
        # It is there; at most it has been there for longer.
        from_ms = None if now.from_ms is None else min(now.from_ms, today_ms if since == "today" else since)
    else:
        from_ms = today_ms if since == "today" else since
    starts = {one.from_ms: one.area for one in periods if not _gives_way(one.from_ms, from_ms, now_ms)}
    return touching([*starts.items(), (from_ms, area)])


def _gives_way(at_ms: int | None, from_ms: int | None, now_ms: int) -> bool:
    """Whether a period that began then was said of the time from `from_ms` to now."""
    return at_ms is not None and at_ms <= now_ms and (from_ms is None or at_ms >= from_ms)


def moved(old: Sequence[AreaPeriod], new: Sequence[AreaPeriod]) -> dict[str, tuple[str, str]]:
    """What to say of a change: where it hung before the first period that is another one, and since when."""
    at = next((one.from_ms for one in new if AreaPeriod(one.area, one.from_ms) not in _starts(old)), None)
    if at is None:
        at = next((one.from_ms for one in old if AreaPeriod(one.area, one.from_ms) not in _starts(new)), None)
    was, now = ("/".join(_area_at(periods, at)) for periods in (old, new))
    return {"area": (was, now), "area_from": ("", moment_text(at))}


def _starts(periods: Sequence[AreaPeriod]) -> list[AreaPeriod]:
    return [AreaPeriod(period.area, period.from_ms) for period in periods]


def _area_at(periods: Sequence[AreaPeriod], at_ms: int | None) -> Area:
    if at_ms is None:
        return periods[0].area if periods else ()
    return next(period.area for period in periods if period.covers(at_ms))
