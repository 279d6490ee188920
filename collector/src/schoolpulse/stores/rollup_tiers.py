"""The tiers of the record in InfluxDB: as it came, in 5-minute windows, in hours.

A tier is a database (bucket) of its own, named after the raw one, since that is the one thing that has a
retention in InfluxDB 1.x, 2.x and 3 alike. Measurements and tags are those of the raw points. For a field
``rtt_ms`` a window holds ``rtt_ms`` (the mean), ``rtt_ms_sum``, ``rtt_ms_min``, ``rtt_ms_max``,
``rtt_ms_count`` and, for rates, delays and shares, ``rtt_ms_p95``: so a chart of means reads the same from
every tier, and sums and counts add up exactly.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from schoolpulse.local_time import HOUR_MS

MINUTE_MS = 60_000


@dataclass(frozen=True, slots=True)
class Tier:
    """One size of window. A run computes at most `run_windows` of them with one query."""

    suffix: str
    width_ms: int
    run_windows: int

    def database(self, raw: str) -> str:
        """Its database, where `raw` is that of the points as they came."""
        return raw + self.suffix

    def start(self, at_ms: int) -> int:
        """The start of the window that `at_ms` lies in."""
        return at_ms - at_ms % self.width_ms


FIVE_MINUTES = Tier("_5m", 5 * MINUTE_MS, 288)
HOURS = Tier("_1h", HOUR_MS, 48)
TIERS = (FIVE_MINUTES, HOURS)
"""From fine to coarse."""

NOT_ROLLED_UP = frozenset({"device_down", "incident", "school", "school_now", "tier", "store_probe"})
"""Records are facts of their own: a mean of them says nothing."""


class Together(NamedTuple):
    """Windows that hold every series of `source` together, without tags, and of which fields."""

    source: str
    fields: tuple[str, ...]


TOGETHER: Mapping[str, Together] = {
    "delivery": Together("delivery", ("delay_ms", "points")),
    "classroom_use": Together("classroom", ("in_use", "used_ratio")),
}
"""By measurement: what charts ask of all series at once, where a year of each would be too much to read.

Receipts come from every school's every stream; what is asked of them is how late all of them were. Machines
in classrooms have windows of their own as well, for the school that looks at one of them."""

SUM, LOW, HIGH, COUNT, P95 = "_sum", "_min", "_max", "_count", "_p95"
MAX_FIELD_CHARS = 64 - len(COUNT)
"""A longer name would not fit with its suffix; such a field is not rolled up."""
_WITH_P95 = ("_ms", "_bps", "_mbps", "_ratio", "_1m", "_c", "_s")


def has_p95(field: str) -> bool:
    """Whether a 95th percentile of `field` says something: delays, rates, shares, not states and sums."""
    return field.endswith(_WITH_P95)
