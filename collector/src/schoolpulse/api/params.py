"""Times, steps and ranges as they stand in a request's query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Query

from schoolpulse.api.problems import invalid
from schoolpulse.api.services import Services
from schoolpulse.local_time import DAY_MS, HOUR_MS, ms_of

MAX_TIME_MS = 4_102_444_800_000
"""2100-01-01."""
MAX_WINDOWS = 10_000
MIN_STEP_MS = 1_000

_UNITS = {"": 1, "ms": 1, "s": 1_000, "m": 60_000, "h": HOUR_MS, "d": DAY_MS}
_STEP = re.compile(r"([0-9]{1,13})(ms|s|m|h|d)?\Z")

TimeText = Annotated[
    str | None,
    Query(
        max_length=40,
        description=(
            "ISO 8601 or milliseconds since 1970. A date or a time without an offset is meant in "
            "Asia/Ho_Chi_Minh."
        ),
        examples=["2026-03-02T07:00:00+07:00", "1772409600000"],
    ),
]
StepText = Annotated[
    str | None,
    Query(
        max_length=20,
        description="Width of a window: `60s`, `5m`, `1h`, `1d` or milliseconds; chosen to suit if absent.",
        examples=["5m"],
    ),
]


@dataclass(frozen=True, slots=True)
class Range:
    """``from_ms <= at < to_ms``."""

    from_ms: int
    to_ms: int


def parse_time(where: str, text: str) -> int:
    """Milliseconds since 1970 of `text`.

    Raises:
        Refused: it is no time between 1970 and 2100.
    """
    if re.fullmatch(r"[0-9]{1,15}", text):
        at_ms = int(text)
    else:
        try:
            # An unquoted plus in a query arrives as a space.
            at = datetime.fromisoformat(re.sub(r" (\d\d:?\d\d)\Z", r"+\1", text))
            at_ms = ms_of(at)
        except (ValueError, OverflowError) as error:
            raise invalid(where, "no_time") from error
    if not 0 <= at_ms <= MAX_TIME_MS:
        raise invalid(where, "time_out_of_range")
    return at_ms


def parse_range(from_text: str | None, to_text: str | None, now_ms: int, default_ms: int = DAY_MS) -> Range:
    """The range asked for: up to now and `default_ms` long where the query does not say.

    Raises:
        Refused: a time cannot be read, or the range is empty.
    """
    to_ms = parse_time("to", to_text) if to_text else now_ms
    from_ms = parse_time("from", from_text) if from_text else max(0, to_ms - default_ms)
    if from_ms >= to_ms:
        raise invalid("from", "range_backwards")
    return Range(from_ms, to_ms)


def parse_times(from_text: str | None, to_text: str | None) -> tuple[int | None, int | None]:
    """The bounds asked for, None where the query does not say.

    Raises:
        Refused: a time cannot be read, or the range is empty.
    """
    from_ms = parse_time("from", from_text) if from_text else None
    to_ms = parse_time("to", to_text) if to_text else None
    if from_ms is not None and to_ms is not None and from_ms >= to_ms:
        raise invalid("from", "range_backwards")
    return from_ms, to_ms


def known_schools(services: Services, ids: Iterable[str] | None) -> None:
    """Look that `ids` are schools of the registry.

    Raises:
        Refused: one is not.
    """
    for one in ids or ():
        if services.registry.school(one) is None:
            raise invalid("schools", "unknown_school")


def parse_step(text: str | None, within: Range) -> int:
    """The window's width in milliseconds; where `text` is None, about 240 windows of a round width.

    Raises:
        Refused: it is no width, or cuts the range into too many windows.
    """
    if text is None:
        return next((step for step in _ROUND_STEPS if _windows(within, step) <= 240), _ROUND_STEPS[-1])
    match = _STEP.match(text)
    if match is None:
        raise invalid("step", "no_step")
    step_ms = int(match[1]) * _UNITS[match[2] or ""]
    if step_ms < MIN_STEP_MS:
        raise invalid("step", "step_too_small")
    if step_ms > MAX_TIME_MS or _windows(within, step_ms) > MAX_WINDOWS:
        raise invalid("step", "too_many_windows", {"most": MAX_WINDOWS})
    return step_ms


def _windows(within: Range, step_ms: int) -> int:
    """How many windows the range touches; they begin at multiples of their width."""
    return (within.to_ms - 1) // step_ms - within.from_ms // step_ms + 1


_ROUND_STEPS = [
    seconds * 1000
    for seconds in (10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400)
]
_ROUND_STEPS += [_ROUND_STEPS[-1] * days for days in (7, 28, 91, 364)]
