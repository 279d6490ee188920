"""The table by which a dashboard finds what to read: for a range so long, from a time so old.

Hidden variables of every dashboard ask it with the range chosen, and Grafana puts the answers into the
panels' queries: before the name of the measurement, behind those of fields, and as the width of windows.
So one panel reads raw points of the last hours and hourly windows of the last year.
"""

from __future__ import annotations

from schoolpulse.local_time import DAY_MS, HOUR_MS
from schoolpulse.stores.base import PointBlock, Value
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_tiers import FIVE_MINUTES, HIGH, HOURS, P95, SUM, Tier

_FOR_EVER_MS = 10**15
STEPS: tuple[tuple[int, Tier | None, str], ...] = (
    (6 * HOUR_MS, None, "1m"),
    (2 * DAY_MS, FIVE_MINUTES, "5m"),
    (7 * DAY_MS, FIVE_MINUTES, "10m"),
    (45 * DAY_MS, HOURS, "1h"),
    (120 * DAY_MS, HOURS, "3h"),
    (_FOR_EVER_MS, HOURS, "12h"),
)
"""Ranges up to so many ms, the tier that is read for them, and the width of their windows."""


def tier_table(settings: InfluxSettings, now_ms: int) -> PointBlock:
    """One point a step, the finest newest: for ranges of at most `upto_ms` that begin after `oldest_ms`.

    `prefix` stands before a measurement (``"schoolpulse_5m"."autogen".``). `high`, `sum` and `p95` close
    a field's name, for its greatest value, its sum and its 95th percentile: ``"`` where the raw field is
    read and ``_max"`` where windows are. None of them is empty, since a variable cannot be.
    """
    day_ms = now_ms - now_ms % DAY_MS
    raw_oldest_ms = now_ms - settings.retention_days * DAY_MS if settings.retention_days is not None else 0
    oldest_ms = {
        None: raw_oldest_ms,
        FIVE_MINUTES: now_ms - settings.five_minute_days * DAY_MS,
        HOURS: 0,
    }
    rows: list[tuple[int, tuple[str], tuple[Value, ...]]] = []
    for number, (upto_ms, tier, step) in enumerate(STEPS):
        database = tier.database(settings.database) if tier else settings.database
        ends = [f'{suffix if tier else ""}"' for suffix in (HIGH, SUM, P95)]
        values: tuple[Value, ...] = (f'"{database}"."autogen".', upto_ms, oldest_ms[tier], *ends, step)
        rows.append((day_ms + len(STEPS) - number, (f"{number}",), values))
    fields = ("prefix", "upto_ms", "oldest_ms", "high", "sum", "p95", "step")
    return PointBlock("tier", (), ("tier",), fields, rows)
