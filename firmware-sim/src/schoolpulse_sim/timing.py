"""Spans and moments as scenarios write them, and Vietnam's clock: UTC+7, the same in summer and winter."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

from pydantic import BeforeValidator

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
LOCAL_OFFSET_MS = 7 * HOUR
LOCAL = timezone(timedelta(hours=7))
"""Asia/Ho_Chi_Minh, which has had no other offset since 1975: needs no time zone database."""

_UNITS = {"ms": 1, "s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)\s*")
_DAY_TIME = re.compile(r"day\s+(\d{1,4})\s+(\d{1,2}):(\d{2})(?::(\d{2}))?\Z")


def span_ms(text: Any) -> int:
    """A span such as ``90s``, ``5m`` or ``1d 12h`` in milliseconds.

    Raises:
        ValueError: it is none.
    """
    at = total = 0
    if isinstance(text, str) and text.strip():
        text = text.strip()
        while found := _PART.match(text, at):
            total += round(float(found[1]) * _UNITS[found[2]])
            at = found.end()
        if at == len(text):
            return total
    raise ValueError('a span like "90s", "5m" or "1d 12h"')


def moment(text: Any) -> tuple[bool, int]:
    """When something happens: ``(False, ms after the start)`` or ``(True, local ms since day 1, 00:00)``.

    Raises:
        ValueError: it is neither ``"20s"`` nor ``"day 2 09:15"``.
    """
    found = _DAY_TIME.match(text.strip()) if isinstance(text, str) else None
    if not found:
        try:
            return False, span_ms(text)
        except ValueError:
            raise ValueError('a span after the start ("20s") or a local time ("day 2 09:15")') from None
    day, hour, minute, second = (int(part or 0) for part in found.groups())
    if not (day >= 1 and hour < 24 and minute < 60 and second < 60):
        raise ValueError("no such time of day")
    return True, (day - 1) * DAY + hour * HOUR + minute * MINUTE + second * SECOND


Span = Annotated[int, BeforeValidator(span_ms)]
"""A span, in milliseconds once read."""
Moment = Annotated[tuple[bool, int], BeforeValidator(moment)]
"""A moment, relative to the run's start or to its first local midnight."""


def local_midnight(at_ms: int) -> int:
    """The start of the local day that `at_ms` is in, milliseconds UTC."""
    return (at_ms + LOCAL_OFFSET_MS) // DAY * DAY - LOCAL_OFFSET_MS


def local(at_ms: int) -> datetime:
    """`at_ms` on Vietnam's clock."""
    return datetime.fromtimestamp(at_ms // 1000, UTC).astimezone(LOCAL)
