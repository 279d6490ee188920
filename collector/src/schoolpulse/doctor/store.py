"""InfluxDB: which one it is, whether the databases are there and for how long they keep points."""

from __future__ import annotations

import re
from collections.abc import Iterator

from schoolpulse.doctor.findings import Finding, bad, ok, warn
from schoolpulse.errors import SchoolPulseError
from schoolpulse.stores.influx_http import InfluxHttp
from schoolpulse.stores.influx_read import identifier
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_tiers import FIVE_MINUTES, HOURS, MINUTE_MS

PART = "InfluxDB"
QUIET_MS = 10 * MINUTE_MS


def look_at(settings: InfluxSettings, now_ms: int) -> Iterator[Finding]:
    """Ask as the collector does."""
    http = InfluxHttp(settings)
    try:
        version = http.version()
        yield ok(PART, f"version {version or 'unknown'} answers")
        databases = {
            settings.database: settings.retention_days,
            FIVE_MINUTES.database(settings.database): settings.five_minute_days,
            HOURS.database(settings.database): settings.hourly_days,
        }
        for name, days in databases.items():
            yield from _database(http, name, days, first=version.lstrip("v").startswith("1."))
        yield _freshness(http, settings.database, now_ms)
    except SchoolPulseError as error:
        yield bad(PART, str(error), error.hint)
    finally:
        http.close()


def _database(http: InfluxHttp, name: str, days: int | None, *, first: bool) -> Iterator[Finding]:
    result = http.query(f"SHOW RETENTION POLICIES ON {identifier(name)}")
    rows = [row for one in result.get("series", []) for row in one.get("values", [])]
    if "error" in result or not rows:
        kind = "database" if first else "bucket (or its DBRP mapping)"
        yield bad(
            PART,
            f"the {kind} {name} is not there",
            "let the collector make it, or see docs/administrator/deploy.md",
        )
        return
    if not first:
        yield ok(PART, f"{name} is there")  # 2.x tells a bucket's retention to its own API only
        return
    found = re.match(r"(\d+)h", str(rows[0][1]))
    kept_days = int(found[1]) / 24 if found else 0
    if kept_days == 0 and days is None:
        yield warn(
            PART, f"{name} keeps points for ever: the disk will fill up", "set [store] retention_days = 90"
        )
    elif days is not None and kept_days not in {days, 0}:
        yield warn(
            PART,
            f"{name} keeps {kept_days:g} days, the configuration says {days}",
            "restart the collector as an admin user",
        )
    else:
        yield ok(PART, f"{name} keeps {kept_days:g} days" if kept_days else f"{name} keeps points for ever")


def _freshness(http: InfluxHttp, database: str, now_ms: int) -> Finding:
    result = http.query('SELECT last("code") FROM "status"', database)
    rows = [row for one in result.get("series", []) for row in one["values"]]
    if not rows:
        return warn(
            PART, "no state of any school was ever written", "does the collector run? is the registry filled?"
        )
    age_ms = now_ms - rows[0][0]
    if age_ms > QUIET_MS:
        return bad(
            PART, f"the newest state is {age_ms // MINUTE_MS} minutes old", "look at the collector's log"
        )
    return ok(PART, "states are written")
