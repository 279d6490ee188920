"""The bounds of a chart, the same for every store."""

from __future__ import annotations

from schoolpulse.errors import Reason, UsageError
from schoolpulse.stores.base import SeriesQuery

MAX_WINDOWS = 10_000
MAX_SERIES = 5_000
_END_OF_TIME_MS = 9_223_372_036_854  # what nanoseconds in 64 bits can say


def bounds_ms(query: SeriesQuery) -> tuple[int, int]:
    """The range to read, cut to times that every store can say; empty where a name is.

    Raises:
        UsageError: the range and the step make more than 10,000 windows a series, or none.
    """
    if query.step_ms < 1:
        raise UsageError(
            "a window is at least one millisecond long",
            hint="give a larger step",
            why=Reason("step_too_small", "step"),
        )
    from_ms = max(query.from_ms, 0)
    to_ms = min(query.to_ms, _END_OF_TIME_MS)
    if from_ms >= to_ms or not all((query.measurement, query.field, *query.tags, *query.group_by)):
        return 0, 0
    if (to_ms - 1) // query.step_ms - from_ms // query.step_ms >= MAX_WINDOWS:
        raise UsageError(
            f"more than {MAX_WINDOWS} windows a series",
            hint="give a larger step or a shorter range",
            why=Reason("too_many_windows", "step", {"most": MAX_WINDOWS}),
        )
    return from_ms, to_ms


def too_many_series() -> UsageError:
    """What a query deserves that asks for more series than anybody looks at."""
    return UsageError(
        f"more than {MAX_SERIES} series",
        hint="give more tags, or group by fewer",
        why=Reason("too_many_series", values={"most": MAX_SERIES}),
    )
