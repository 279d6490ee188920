"""How a line's history grows. Pure: periods in, periods out.

The periods of one school and role never overlap and are ascending; holes are times without a line.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from schoolpulse.local_time import day_of, midnight_ms
from schoolpulse.registry.models import Line, LinePeriod


class DoesNotFit(ValueError):
    """A period does not go with the others; its text is a word that never changes, as refusals have them."""


def day_start(at_ms: int) -> int:
    """When the day of `at_ms` began in Vietnam: contracts change by the day."""
    return midnight_ms(day_of(at_ms))


def begin(
    periods: Sequence[LinePeriod], line: Line, from_ms: int | None, to_ms: int | None = None
) -> list[LinePeriod]:
    """`periods` with `line` from `from_ms` on: until `to_ms`, or the next period, or further notice.

    What ran at that time ends there. A period that began at that very time is corrected in place and keeps
    its id; where the same line runs already, it goes on.

    Raises:
        ValueError: it ends before it begins, or reaches into the period after it.
    """
    if to_ms is not None and from_ms is not None and to_ms <= from_ms:
        raise ValueError("it ends before it begins")
    before, after, same = _around(periods, from_ms)
    following = after[0].from_ms if after else None
    if to_ms is not None and following is not None and to_ms > following:
        raise ValueError("it reaches into the line that comes after it")
    end = to_ms if to_ms is not None else following
    if same is not None:
        return [*before, LinePeriod(line, from_ms, end, same.id), *after]
    if before and from_ms is not None:
        last = before[-1]
        if last.line == line and last.covers(from_ms):
            return [*before[:-1], replace(last, to_ms=end), *after]
        if last.to_ms is None or last.to_ms > from_ms:
            before = [*before[:-1], replace(last, to_ms=from_ms)]
    return [*before, LinePeriod(line, from_ms, end), *after]


def end(periods: Sequence[LinePeriod], at_ms: int) -> list[LinePeriod]:
    """`periods` with nothing at `at_ms` and after it: what runs ends, what was to come is dropped."""
    kept = [period for period in periods if period.from_ms is None or period.from_ms < at_ms]
    return [
        replace(period, to_ms=at_ms) if period.to_ms is None or period.to_ms > at_ms else period
        for period in kept
    ]


def _around(
    periods: Sequence[LinePeriod], from_ms: int | None
) -> tuple[list[LinePeriod], list[LinePeriod], LinePeriod | None]:
    """The periods that begin before `from_ms`, those after it, and the one that begins at it."""
    same = next((period for period in periods if period.from_ms == from_ms), None)
    others = [period for period in periods if period is not same]
    if from_ms is None:
        return [], others, same
    before = [period for period in others if period.from_ms is None or period.from_ms < from_ms]
    return before, others[len(before) :], same


def correct(periods: Sequence[LinePeriod], corrected: LinePeriod) -> list[LinePeriod]:
    """`periods` with the one of that id as `corrected` has it.

    Raises:
        DoesNotFit: ``line_backwards``, it ends before it begins, or ``line_overlaps``, another one.
    """
    if corrected.to_ms is not None and corrected.from_ms is not None and corrected.to_ms <= corrected.from_ms:
        raise DoesNotFit("line_backwards")
    others = [period for period in periods if period.id != corrected.id]
    found = sorted([*others, corrected], key=lambda one: -1 if one.from_ms is None else one.from_ms)
    for first, second in pairwise(found):
        if second.from_ms is None or first.to_ms is None or first.to_ms > second.from_ms:
            raise DoesNotFit("line_overlaps")
    return found
