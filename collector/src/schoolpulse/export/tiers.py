"""The table by which a dashboard finds the tier to read: for a range so long, from a time so old.

A hidden variable of every dashboard asks it with the range chosen, and Grafana puts the answer before the
name of the measurement and behind those of fields. So one panel reads raw points of the last hours and
hourly windows of the last year.
"""

from __future__ import annotations

from schoolpulse.stores.base import PointBlock
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_tiers import DAY_MS, FIVE_MINUTES, HIGH, HOURS, P95, SUM

RAW_UP_TO_MS = 2 * DAY_MS
FIVE_MINUTES_UP_TO_MS = 45 * DAY_MS
_FOR_EVER_MS = 1e15


def tier_table(settings: InfluxSettings, now_ms: int) -> PointBlock:
    """One point a tier, the finest newest: `upto_ms` of range, not before `oldest_ms`.

    `prefix` stands before a measurement (``"schoolpulse_5m"."autogen".``); `high`, `sum` and `p95` are
    what is added to a field's name for its greatest value, its sum and its 95th percentile.
    """
    day_ms = now_ms - now_ms % DAY_MS
    raw_days = settings.retention_days
    raw_oldest_ms = now_ms - raw_days * DAY_MS if raw_days is not None else 0
    tiers = (
        (3, "", RAW_UP_TO_MS, raw_oldest_ms, "", "", ""),
        (
            2,
            FIVE_MINUTES.suffix,
            FIVE_MINUTES_UP_TO_MS,
            now_ms - settings.five_minute_days * DAY_MS,
            *(HIGH, SUM, P95),
        ),
        (1, HOURS.suffix, _FOR_EVER_MS, 0, HIGH, SUM, P95),
    )
    rows = [
        (
            day_ms + order,
            (suffix or "raw",),
            (f'"{settings.database}{suffix}"."autogen".', upto_ms, oldest_ms, high, total, p95),
        )
        for order, suffix, upto_ms, oldest_ms, high, total, p95 in tiers
    ]
    fields = ("prefix", "upto_ms", "oldest_ms", "high", "sum", "p95")
    return PointBlock("tier", (), ("tier",), fields, rows)
