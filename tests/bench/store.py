"""``store``: how fast each point store takes a district's points, what they weigh, how fast it answers.

Written are two hours of a district (200 schools, two targets each, every 30 s) in writes of 5,000 points,
and a year of one school in 5-minute samples. Asked are charts of that school: a day in 5-minute windows,
a month in hours, a year in days. One figure more is the encoding alone. Then every panel of the dashboards
is asked over a day, a month and a year of 200 schools.
"""

from __future__ import annotations

import gc
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from parts.influx import Influx

from bench import _panels
from schoolpulse.stores.base import BadPoint, PointBlock, PointStore, SeriesQuery
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.line_protocol import lines_of
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings

SCHOOLS = 200
DAY_MS = 86_400_000
WRITE_BLOCKS = 100
ROWS = 50
QUERIES = ((1, 300_000), (30, 3_600_000), (365, DAY_MS))
"""Days and milliseconds a window."""
TRIES = 30
_FIELDS = ("up", "rtt_ms", "jitter_ms", "loss_ratio")
_TARGETS = (("vnix-hcm", "national"), ("gateway", "lan_gateway"))


def run() -> Iterator[dict[str, object]]:
    """The encoding, then each store."""
    # A whole hour in the past, since InfluxDB and the rollups both know what time it is.
    end_ms = (time.time_ns() // 1_000_000 // 3_600_000 - 1) * 3_600_000
    district = _district(end_ms)
    year = _year(end_ms)
    gc.freeze()  # the figures are of the stores, not of the collector of garbage in this script's lists
    yield _encoding(district)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        keep = {"raw_days": 400, "five_minute_days": 400}
        settings = SqliteSettings.model_validate({"kind": "sqlite", "path": folder / "points.db", **keep})
        sqlite = SqliteStore(settings)
        yield from _store(sqlite, district, year, end_ms, lambda: _bytes(folder, "points.db*"))
        sqlite.close()
        with Influx(folder / "influx") as part:
            influx = InfluxStore(InfluxSettings(kind="influx", url=part.url))
            yield from _store(influx, district, year, end_ms, lambda: _bytes(folder / "influx", "**/*"))
            influx.close()
        yield from _panels.run(folder / "dashboards")


def _district(end_ms: int) -> list[PointBlock]:
    return [
        _block(f"s{school}", [start_ms + row * 30_000 for row in range(ROWS // 2)])
        for start_ms in range(end_ms - 7_200_000, end_ms, ROWS // 2 * 30_000)
        for school in range(SCHOOLS)
    ]


def _year(end_ms: int) -> list[PointBlock]:
    step_ms = 300_000 * ROWS // 2
    return [
        _block("year", [start_ms + row * 300_000 for row in range(ROWS // 2)])
        for start_ms in range(end_ms - 365 * DAY_MS, end_ms, step_ms)
    ]


def _block(school: str, times_ms: Sequence[int]) -> PointBlock:
    rows = [
        (at_ms, target, (1, round(at_ms // 7 % 300 / 10, 1), round(at_ms // 11 % 20 / 10, 1), 0.0))
        for at_ms in times_ms
        for target in _TARGETS
    ]
    common = (("agent", f"gw-{school}"), ("school", school))
    return PointBlock("reachability", common, ("target", "scope"), _FIELDS, rows)


def _encoding(blocks: Sequence[PointBlock]) -> dict[str, object]:
    refused: list[BadPoint] = []
    begin = time.process_time()
    lines = sum(len(lines_of(block, refused)) for block in blocks)
    return {
        "store": "line protocol",
        "cpu_us_per_point": round((time.process_time() - begin) / lines * 1e6, 2),
    }


def _store(
    store: PointStore,
    district: Sequence[PointBlock],
    year: Sequence[PointBlock],
    end_ms: int,
    size: Callable[[], int],
) -> Iterator[dict[str, object]]:
    store.write([], [])  # makes what has to be made
    rate = _write(store, district)
    yield {"store": store.name, "write_points_per_s": round(rate)}
    points = sum(len(block.rows) for block in (*district, *year))
    _write(store, year)
    begin = time.monotonic()
    for _ in range(200):  # enough for every window; what is done costs nothing more
        store.maintain(end_ms + DAY_MS)
    yield {
        "store": store.name,
        "points": points,
        "rollup_s": round(time.monotonic() - begin, 2),
        "bytes_per_point": round(size() / points, 1),
    }
    for days, step_ms in QUERIES:
        yield _ask(store, days, step_ms, end_ms)


def _write(store: PointStore, blocks: Sequence[PointBlock]) -> float:
    begin = time.monotonic()
    points = sum(
        store.write(blocks[start : start + WRITE_BLOCKS], []).points
        for start in range(0, len(blocks), WRITE_BLOCKS)
    )
    return points / (time.monotonic() - begin)


def _ask(store: PointStore, days: int, step_ms: int, end_ms: int) -> dict[str, object]:
    query = SeriesQuery(
        "reachability", "rtt_ms", end_ms - days * DAY_MS, end_ms, step_ms, {"school": "year"}, ("target",)
    )
    spent_ms = []
    for _ in range(TRIES):
        begin = time.monotonic()
        found = store.query(query)
        spent_ms.append((time.monotonic() - begin) * 1000)
        samples = sum(window.count for series in found for window in series.windows)
        assert samples == days * 288 * len(_TARGETS)
    return {
        "store": store.name,
        "query": f"one school, {len(_TARGETS)} series, windows of {step_ms // 1000} s",
        "range_days": days,
        "median_ms": round(statistics.median(spent_ms), 1),
        "p95_ms": round(statistics.quantiles(spent_ms, n=20)[-1], 1),
    }


def _bytes(folder: Path, pattern: str) -> int:
    return sum(file.stat().st_size for file in folder.glob(pattern) if file.is_file())
