"""Writes what lies in InfluxDB from the contract: ``python -m schoolpulse.export.schema [--check]``.

``--check`` writes nothing and exits 1 where the file is not current.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path

from schoolpulse.contract.measurements import SAMPLES, Measurement
from schoolpulse.export.catalogue import OWN
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_tiers import (
    FIVE_MINUTES,
    HOURS,
    NOT_ROLLED_UP,
    TOGETHER,
    Tier,
    has_p95,
)

FILE = Path(__file__).parents[4] / "docs/administrator/schema.md"
"""Where it lies in a checkout."""
RAW_DAYS = 90
"""What the shipped configurations say for `retention_days`."""
DISTRICT: Mapping[str, int] = {
    "school": 200,
    "target": 8,
    "uplink": 2,
    "interface": 4,
    "device": 50,
    "classroom": 10,
    "printer": 3,
    "projector": 5,
    "display": 5,
    "switch": 3,
    "access_point": 6,
    "port": 24,
    "stream": 2,
    "ward": 15,
    "provider": 5,
    "kind": 10,
    "version": 5,
    "incident's kind": 10,
    "figure's part": 60,
    "step": 6,
}
"""How many there are in a large district; of what hangs on a school, in each."""
_HEAD = """\
<!-- Written by `python -m schoolpulse.export.schema` from the contract and the collector's own records. -->
# What lies in InfluxDB

Three databases (1.x, 3) or buckets (2.x), made by the collector on 1.x and by `deploy/influxdb/setup.sh`
for 2.x:

| database | holds | kept (setting) |
| --- | --- | --- |
"""
_TEXT = """
On 1.x the collector sets these when it starts, and again when a setting was changed; on 2.x a bucket's
retention is its own (`influx bucket update --retention`).

Numbers and booleans are floats, text is text. Every sample carries the tags `school` (the registry's id,
`unassigned` without one) and `agent` beside those below. Nothing that grows with time is a tag, but for
`stream` in `delivery` (one for each time that an agent's disk was replaced), so that the number of series is
bounded by what there is. The bound is for 200 schools with {devices} devices each.

## Samples: what agents send

Those of the [contract](../vendor/contract.md) that the project's agent sends; others are stored as they come.
Each is rolled up.

"""
_OWN = """
## The collector's own

The tags {tags} of a school are those that it had at that time.

"""
_TAIL = """
## Rolled-up windows

Same measurement and tags, in `schoolpulse{five}` and `schoolpulse{hours}`. For a field `rtt_ms`: `rtt_ms` is
the mean, beside it `rtt_ms_sum`, `_min`, `_max`, `_count` and, where the table says so, `_p95`. Text is not
rolled up, nor are {not_rolled}.
To join windows use sums and counts: a mean of means is none. A window is computed a minute after its end, and
again whenever late data come for it, until its raw points begin to end
([decision 0700](../decisions/0700-rollups-by-the-collector.md)).

Of all series together, without tags ([decision 0703](../decisions/0703-sums-for-long-ranges.md)):

| windows | of | fields |
| --- | --- | --- |
"""


def document() -> str:
    """The whole document."""
    settings = InfluxSettings(kind="influx", retention_days=RAW_DAYS)
    parts = [
        _HEAD,
        *_databases(settings),
        _TEXT.format(devices=DISTRICT["device"]),
        *_table(SAMPLES),
        _OWN.format(tags=", ".join(f"`{tag}`" for tag in OWN[0].tags)),
        *_table(OWN),
        f"\nTogether at most {_bound((*SAMPLES, *OWN)):,} series in each database.\n",
        _TAIL.format(
            five=FIVE_MINUTES.suffix,
            hours=HOURS.suffix,
            not_rolled=", ".join(f"`{name}`" for name in sorted(NOT_ROLLED_UP)),
        ),
        *(
            f"| `{name}` | `{one.source}` | {', '.join(f'`{field}`' for field in one.fields)} |\n"
            for name, one in TOGETHER.items()
        ),
    ]
    return "".join(parts)


def _databases(settings: InfluxSettings) -> Iterable[str]:
    rows: tuple[tuple[Tier | None, str, str], ...] = (
        (None, "points as they came, states, the collector's figures", "retention_days"),
        (FIVE_MINUTES, "5-minute windows of these", "five_minute_days"),
        (HOURS, "hours of the same; the registry and incidents as records", "hourly_days"),
    )
    for tier, what, setting in rows:
        days = getattr(settings, setting)
        name = tier.database(settings.database) if tier else settings.database
        shipped = ", in the shipped configurations; without it nothing is ended" if tier is None else ""
        yield f"| `{name}` | {what} | {days} days (`{setting}`{shipped}) |\n"


def _table(measurements: Iterable[Measurement]) -> Iterable[str]:
    yield "| measurement | tags | fields | at most |\n| --- | --- | --- | --- |\n"
    for one in measurements:
        fields = "; ".join(_field(one.name, *field) for field in one.fields.items())
        tags = ", ".join(f"`{tag}`" for tag in one.tags) or "–"
        bound = f"{_series(one):,} series: {' × '.join(one.per) or 'one'}"
        yield f"| `{one.name}`: {one.what} | {tags} | {fields} | {bound} |\n"


def _field(one: str, name: str, unit: str) -> str:
    return f"`{name}` ({unit}{'; p95' if has_p95(name) and one not in NOT_ROLLED_UP else ''})"


def _series(one: Measurement) -> int:
    return math.prod(DISTRICT[thing] for thing in one.per)


def _bound(measurements: Iterable[Measurement]) -> int:
    return sum(_series(one) for one in measurements)


def main(arguments: list[str] | None = None) -> int:
    """Write it, or say whether it is current."""
    parser = argparse.ArgumentParser(prog="python -m schoolpulse.export.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where it is not current")
    parser.add_argument("--out", type=Path, default=FILE)
    options = parser.parse_args(arguments)
    text = document()
    if options.out.exists() and options.out.read_text("utf-8") == text:
        return 0
    if options.check:
        sys.stderr.write(f"{options.out} is not current: run python -m schoolpulse.export.schema\n")
        return 1
    options.out.write_text(text, "utf-8")
    sys.stdout.write(f"written: {options.out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
