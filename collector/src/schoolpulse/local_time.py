"""The time on Vietnam's clocks: moments as people read them, days, and midnights. Pure."""

from __future__ import annotations

from datetime import date, datetime, time
from zoneinfo import ZoneInfo

ZONE = ZoneInfo("Asia/Ho_Chi_Minh")
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def local(at_ms: float) -> datetime:
    """The moment `at_ms` in Vietnam."""
    return datetime.fromtimestamp(at_ms / 1000, ZONE)


def day_of(at_ms: int) -> date:
    """Vietnam's date at a moment."""
    return local(at_ms).date()


def midnight_ms(day: date) -> int:
    """When `day` begins in Vietnam."""
    return ms_of(datetime.combine(day, time()))


def ms_of(at: datetime) -> int:
    """Milliseconds since 1970; a time without a zone is Vietnam's.

    Raises:
        OverflowError: it lies at the very edge of what a `datetime` can say.
    """
    return round((at if at.tzinfo else at.replace(tzinfo=ZONE)).timestamp() * 1000)
