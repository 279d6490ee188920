"""From which tier each piece of a chart is read: the coarsest that is exact for its windows.

What is marked to be computed anew, and everything after it, is read from the raw points: so a chart is
right whether or not the housekeeping has come by. Where raw points have been ended the finest tier that
still reaches back answers, and its windows count at their start.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from schoolpulse.local_time import DAY_MS
from schoolpulse.stores.base import SeriesQuery
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_marks import Marks
from schoolpulse.stores.rollup_tiers import FIVE_MINUTES, HOURS, NOT_ROLLED_UP, TIERS, TOGETHER, Tier
from schoolpulse.stores.shape import clean_tag
from schoolpulse.stores.windows import bounds_ms


class Piece(NamedTuple):
    """A stretch of time and the tier that it is read from; None for the raw points."""

    tier: Tier | None
    from_ms: int
    to_ms: int


def pieces(query: SeriesQuery, settings: InfluxSettings, marks: Marks | None, now_ms: int) -> list[Piece]:
    """The pieces of the range of `query`, in order; none where the range is empty.

    Raises:
        UsageError: more windows than a chart may have.
    """
    from_ms, to_ms = bounds_ms(query)
    if from_ms == to_ms:
        return []
    if marks is None or query.measurement in NOT_ROLLED_UP or query.measurement in TOGETHER:
        return [Piece(None, from_ms, to_ms)]
    found: list[Piece] = []
    raw_floor_ms = _floor_ms(settings.retention_days, now_ms)
    five_floor_ms = _floor_ms(settings.five_minute_days, now_ms)
    if from_ms < five_floor_ms:
        found += _whole(HOURS, from_ms, min(to_ms, five_floor_ms))
    start, end = max(from_ms, five_floor_ms), min(to_ms, raw_floor_ms)
    if start < end:
        found += _whole(HOURS if query.step_ms % HOURS.width_ms == 0 else FIVE_MINUTES, start, end)
    found += _with_raw(query, marks, max(from_ms, raw_floor_ms), to_ms)
    return found


def _with_raw(query: SeriesQuery, marks: Marks, from_ms: int, to_ms: int) -> Iterator[Piece]:
    """Where there are raw points: whole clean windows of a tier, the rest as it came."""
    if from_ms >= to_ms:
        return
    tier = next((one for one in reversed(TIERS) if query.step_ms % one.width_ms == 0), None)
    if tier is None:
        yield Piece(None, from_ms, to_ms)
        return
    school = query.tags.get("school")
    marked_ms = marks.first_ms(tier, query.measurement, clean_tag(school) if school else None)
    first = -(-from_ms // tier.width_ms) * tier.width_ms
    last = tier.start(to_ms if marked_ms is None else min(to_ms, marked_ms))
    if first >= last:
        yield Piece(None, from_ms, to_ms)
        return
    if from_ms < first:
        yield Piece(None, from_ms, first)
    yield Piece(tier, first, last)
    if last < to_ms:
        yield Piece(None, last, to_ms)


def _whole(tier: Tier, from_ms: int, to_ms: int) -> Iterator[Piece]:
    if from_ms < to_ms:
        yield Piece(tier, from_ms, to_ms)


def _floor_ms(keep_days: int | None, now_ms: int) -> int:
    """From where on a tier is whole, on the hour; the very beginning where nothing is ended."""
    if keep_days is None:
        return 0
    return -(-(now_ms - keep_days * DAY_MS) // HOURS.width_ms) * HOURS.width_ms
