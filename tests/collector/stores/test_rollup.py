"""Rollups in the real InfluxDB: after disorder, duplicates and a week's backlog they are what raw says."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from parts.influx import Influx

from schoolpulse.errors import StoreUnavailable
from schoolpulse.export.records import statuses
from schoolpulse.export.sums import school_sums
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.live import SchoolNow
from schoolpulse.local_time import DAY_MS, HOUR_MS
from schoolpulse.registry.models import School
from schoolpulse.stores.base import Delivery, PointBlock, SeriesQuery
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_marks import Mark, Marks
from schoolpulse.stores.rollup_tiers import FIVE_MINUTES, HOURS, MINUTE_MS, TIERS, Tier

NOW_MS = 1_790_000_000_000 // HOUR_MS * HOUR_MS + 17 * MINUTE_MS
Sample = tuple[int, str, float, float | None]
"""When, target, rtt_ms, up."""


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(NOW_MS)


@pytest.fixture
def store(influx: Influx, database: str, tmp_path: Path, clock: FakeClock) -> Iterator[InfluxStore]:
    made = InfluxStore(settings(influx, database, tmp_path), clock)
    yield made
    made.close()


def settings(influx: Influx, database: str, folder: Path) -> InfluxSettings:
    path = folder / "rollups.db"
    return InfluxSettings(kind="influx", url=influx.url, database=database, rollups_path=path)


def block(school: str, samples: Sequence[Sample]) -> PointBlock:
    rows = [(at_ms, (target, None), (rtt, up, "text")) for at_ms, target, rtt, up in samples]
    common = (("agent", "gw-" + school), ("school", school))
    return PointBlock("reachability", common, ("target", "scope"), ("rtt_ms", "up", "note"), rows)


def week(school: str, seed: int, days: float) -> list[Sample]:
    """A sample every 13 minutes and some, with gaps and missing values."""
    dice = random.Random(f"{school} {seed}")
    found: list[Sample] = []
    at_ms = NOW_MS - round(days * DAY_MS)
    while at_ms < NOW_MS:
        up = None if dice.random() < 0.1 else float(dice.random() < 0.9)
        found.append((at_ms, dice.choice(["vnix, hcm", "đích 2"]), round(dice.uniform(1, 90), 1), up))
        at_ms += dice.randrange(1_000, 15 * MINUTE_MS)
    return found


def settle(store: InfluxStore, clock: FakeClock) -> None:
    """Let time pass until every window that was written to has ended, and roll up."""
    store.maintain(clock.now_ms())
    clock.advance(7_200)
    for _ in range(1_000):
        store.maintain(clock.now_ms())
        assert store.rollups is not None
        if not len(store.rollups.marks):
            return
    raise AssertionError("rolling up comes to no end")


def expected(samples: Sequence[Sample], tier: Tier) -> dict[tuple[str, int], dict[str, float]]:
    """The windows recomputed here, from what was measured; each moment of a series once."""
    found: dict[tuple[str, int], dict[str, list[float]]] = {}
    for at_ms, target, rtt, up in sorted({sample[:2]: sample for sample in samples}.values()):
        window = found.setdefault((target, tier.start(at_ms)), {"rtt_ms": [], "up": []})
        window["rtt_ms"].append(rtt)
        if up is not None:
            window["up"].append(up)
    return {
        key: {k: v for f, xs in fields.items() if xs for k, v in figures(f, xs)}
        for key, fields in found.items()
    }


def figures(field: str, values: list[float]) -> Iterator[tuple[str, float]]:
    yield field, sum(values) / len(values)
    yield field + "_sum", sum(values)
    yield field + "_min", min(values)
    yield field + "_max", max(values)
    yield field + "_count", len(values)
    if field == "rtt_ms":  # the nearest rank, as InfluxDB defines percentile()
        yield field + "_p95", sorted(values)[math.floor(len(values) * 0.95 + 0.5) - 1]


def stored(influx: Influx, database: str, school: str) -> dict[tuple[str, int], dict[str, float]]:
    found: dict[tuple[str, int], dict[str, float]] = {}
    answer: dict[str, Any] = influx.query("SELECT * FROM reachability", database)
    for series in answer.get("series", []):
        for row in series["values"]:
            values = dict(zip(series["columns"], row, strict=True))
            if values["school"] != school:
                continue
            key = (values.pop("target"), values.pop("time") // 1_000_000)
            found[key] = {
                k: v for k, v in values.items() if v is not None and k not in {"agent", "school", "scope"}
            }
    return found


def assert_rolled_up(influx: Influx, database: str, school: str, samples: Sequence[Sample]) -> None:
    for tier in TIERS:
        found, wanted = stored(influx, tier.database(database), school), expected(samples, tier)
        assert found.keys() == wanted.keys()
        for key, fields in wanted.items():
            assert found[key] == pytest.approx(fields, rel=1e-12), (tier, key)


def test_a_weeks_backlog_in_disorder_and_twice_is_what_raw_says(
    influx: Influx, store: InfluxStore, database: str, clock: FakeClock
) -> None:
    dice = random.Random(7)
    punctual, late = week("s1", 1, 7.0), week("s2", 1, 7.0)
    store.write([block("s1", punctual)], [])
    store.write([block("s2", late[:200])], [])
    settle(store, clock)
    assert_rolled_up(influx, database, "s2", late[:200])
    backlog = [*late, *dice.sample(late, 200)]
    dice.shuffle(backlog)
    for start in range(0, len(backlog), 50):
        store.write([block("s2", backlog[start : start + 50])], [])
        store.maintain(clock.now_ms())  # in between, as while it runs
    settle(store, clock)
    assert_rolled_up(influx, database, "s1", punctual)
    assert_rolled_up(influx, database, "s2", late)


def test_charts_are_exact_before_and_after_rolling_up(store: InfluxStore, clock: FakeClock) -> None:
    samples = week("s1", 2, 3.0)
    ranges = [(NOW_MS - 3 * DAY_MS + 123, NOW_MS, step) for step in (300_000, HOUR_MS, DAY_MS)]
    queries = [
        SeriesQuery("reachability", "rtt_ms", start, end, step, {"school": "s1"}, ("target",))
        for start, end, step in ranges
    ]

    def charts() -> list[object]:
        return [
            [(one.tags, at, pytest.approx(mean, rel=1e-12), low, high, count)]
            for query in queries
            for one in store.query(query)
            for at, mean, low, high, count in ((w.at_ms, w.mean, w.min, w.max, w.count) for w in one.windows)
        ]

    store.write([block("s1", samples)], [])
    raw = charts()
    assert sum(w.count for one in store.query(queries[0]) for w in one.windows) == len(samples[1:])
    settle(store, clock)
    assert charts() == raw
    store.write([block("s1", [(NOW_MS - 2 * DAY_MS, "đích 2", 999.0, 1.0)])], [])  # marked, not computed
    assert max(w.max for one in store.query(queries[2]) for w in one.windows) == 999.0


def test_a_chart_of_hours_reads_hours(
    influx: Influx, store: InfluxStore, database: str, clock: FakeClock
) -> None:
    store.write([block("s1", week("s1", 3, 2.0))], [])
    settle(store, clock)
    influx.query("DELETE FROM reachability", database)
    query = SeriesQuery("reachability", "rtt_ms", NOW_MS - DAY_MS, NOW_MS, HOUR_MS)
    assert sum(window.count for one in store.query(query) for window in one.windows) > 50


def test_what_lay_there_before_is_rolled_up_too(
    influx: Influx, database: str, tmp_path: Path, clock: FakeClock
) -> None:
    samples = week("s1", 4, 1.0)
    plain = InfluxStore(InfluxSettings(kind="influx", url=influx.url, database=database))
    plain.write([block("s1", samples)], [])
    plain.close()
    store = InfluxStore(settings(influx, database, tmp_path), clock)
    store.maintain(clock.now_ms())
    settle(store, clock)
    store.close()
    assert_rolled_up(influx, database, "s1", samples)


def test_final_windows_stay_as_they_are(
    influx: Influx, database: str, tmp_path: Path, clock: FakeClock
) -> None:
    short = settings(influx, database, tmp_path).model_copy(update={"retention_days": 36_000})
    store = InfluxStore(short, clock)
    store.write([block("s1", [(NOW_MS - 5 * DAY_MS, "t", 1.0, 1.0)])], [])
    settle(store, clock)
    # Its raw points end, bit by bit; a late sample must not become the whole of a window.
    clock.advance((36_000 - 5) * 86_400)
    influx.query("DELETE FROM reachability", database)
    store.write([block("s1", [(NOW_MS - 5 * DAY_MS + 1, "t", 7.0, 1.0)])], [])
    settle(store, clock)
    store.close()
    (row,) = stored(influx, FIVE_MINUTES.database(database), "s1").values()
    assert (row["rtt_ms_max"], row["rtt_ms_count"]) == (1.0, 1)


def test_marks_survive_a_crash_and_wait_for_the_database(
    tmp_path: Path, database: str, clock: FakeClock
) -> None:
    samples = week("s1", 5, 0.5)
    with Influx(tmp_path / "influx") as part:
        store = InfluxStore(settings(part, database, tmp_path), clock)
        store.write([block("s1", samples)], [])
        part.kill()
        clock.advance(7_200)
        store.maintain(clock.now_ms())  # says so and keeps the marks
        with pytest.raises(StoreUnavailable):
            store.write([block("s1", [(NOW_MS, "t", 1.0, None)])], [])
        # No close: the process is gone.
        part.start()
        after = InfluxStore(settings(part, database, tmp_path), clock)
        settle(after, clock)
        after.close()
        store.close()
        assert_rolled_up(part, database, "s1", samples)


def test_live_windows_are_marked_once_for_all_schools_and_late_ones_by_school(
    store: InfluxStore, clock: FakeClock
) -> None:
    store.write([block(f"s{number}", [(NOW_MS - 1_000, "t", 1.0, 1.0)]) for number in range(50)], [])
    assert store.rollups is not None
    assert len(store.rollups.marks) == len(TIERS)
    store.write([block("s1", [(NOW_MS - DAY_MS, "t", 1.0, 1.0)])], [])
    assert store.rollups.marks.first_ms(HOURS, "reachability", "s2") == HOURS.start(NOW_MS)
    assert store.rollups.marks.first_ms(HOURS, "reachability", None) == HOURS.start(NOW_MS - DAY_MS)


def test_runs_are_contiguous_and_bounded(tmp_path: Path) -> None:
    marks = Marks(tmp_path / "marks.db")
    width = FIVE_MINUTES.width_ms
    starts = [*range(0, 400 * width, width), 500 * width]
    marks.add(Mark("_5m", "m", "s", at_ms) for at_ms in starts)
    seen = []
    while runs := marks.runs(FIVE_MINUTES, 10**12):
        seen += [(run.from_ms // width, run.to_ms // width) for run in runs]
        for run in runs:
            marks.remove(run)
    assert seen == [(0, 288), (288, 400), (500, 501)]
    marks.close()


def receipts(school: str, seed: int, days: float) -> list[Delivery]:
    dice = random.Random(f"receipts {school} {seed}")
    return [
        Delivery(school, "gw-" + school, "stream " + school, seq, at_ms, 40, dice.randrange(50, 90_000))
        for seq, (at_ms, *_) in enumerate(week(school, seed, days), start=1)
    ]


def used(school: str, machine: str, seed: int, days: float) -> PointBlock:
    dice = random.Random(f"classroom {school} {machine} {seed}")
    rows = [
        (at_ms, (), (float(dice.random() < 0.4), round(dice.random(), 2)))
        for at_ms, *_ in week(school + machine, seed, days)
    ]
    return PointBlock(
        "classroom", (("agent", machine), ("school", school)), (), ("in_use", "used_ratio"), rows
    )


def assert_together(
    influx: Influx, database: str, measurement: str, values: dict[str, list[tuple[int, float]]]
) -> None:
    """The windows of all series together are those of `values`, by field, and carry no tag."""
    for tier in TIERS:
        statement = " ".join(("SELECT * FROM", measurement, "GROUP BY *"))
        answer: dict[str, Any] = influx.query(statement, tier.database(database))
        (series,) = answer["series"]
        found = {
            row[0] // 1_000_000: dict(zip(series["columns"], row, strict=True)) for row in series["values"]
        }
        assert "tags" not in series
        for field, samples in values.items():
            windows: dict[int, list[float]] = {}
            for at_ms, value in samples:
                windows.setdefault(tier.start(at_ms), []).append(value)
            assert found.keys() == windows.keys()
            for at_ms, got in windows.items():
                wanted = dict(figures("rtt_ms", got))
                for suffix in ("", "_sum", "_min", "_max", "_count", "_p95"):
                    if field + suffix in found[at_ms]:
                        assert found[at_ms][field + suffix] == pytest.approx(wanted["rtt_ms" + suffix])
                assert found[at_ms][field + "_count"] == len(got)


def test_what_holds_every_school_together_is_right_after_a_weeks_backlog(
    influx: Influx, store: InfluxStore, database: str, clock: FakeClock
) -> None:
    dice = random.Random(11)
    punctual, late = receipts("s1", 1, 7.0), receipts("s2", 1, 7.0)
    here, there = used("s1", "pc-1", 1, 2.0), used("s2", "pc-2", 1, 2.0)
    store.write([here], punctual)
    settle(store, clock)
    backlog = [*late, *dice.sample(late, 100)]
    dice.shuffle(backlog)
    for start in range(0, len(backlog), 700):
        store.write([], backlog[start : start + 700])
        store.maintain(clock.now_ms())
    rows = list(there.rows)
    dice.shuffle(rows)
    for piece in (rows[::2], [*rows[1::2], *rows[::7]]):
        store.write([replace(there, rows=piece)], [])
        store.maintain(clock.now_ms())
    settle(store, clock)
    both = [(one.at_ms, float(one.delay_ms)) for one in (*punctual, *late)]
    assert_together(influx, database, "delivery", {"delay_ms": both})
    looks = [*here.rows, *there.rows]
    fields = {
        name: [(row[0], float(str(row[2][at]))) for row in looks]
        for at, name in enumerate(("in_use", "used_ratio"))
    }
    assert_together(influx, database, "classroom_use", fields)


def test_sums_of_schools_add_up_in_every_tier(
    influx: Influx, store: InfluxStore, database: str, clock: FakeClock
) -> None:
    """A share from sums by ward is that from every school's own state, raw and rolled up."""
    dice = random.Random(13)
    schools = [
        School(id=f"s{at}", name=f"Trường {at}", level="thcs", area=("TP", f"P{at % 3}")) for at in range(9)
    ]
    for minute in range(240):
        at_ms = NOW_MS // MINUTE_MS * MINUTE_MS - minute * MINUTE_MS
        now = [
            SchoolNow(school, dice.choice(list(SchoolStatus)), None, None)
            for school in schools
            if dice.random() < 0.9
        ]
        store.write([statuses(now, at_ms), *school_sums(now, at_ms, school_hours=minute < 100)], [])
    settle(store, clock)
    for name, end in ((database, ""), *((tier.database(database), "_sum") for tier in TIERS)):
        asked = ", ".join(f'sum("{field}{end}")' for field in ("connected", "broadband", "measured"))
        (each,) = influx.rows(" ".join(("SELECT", asked, "FROM status")), name)
        for sums in ("ward_status", "provider_status"):
            assert influx.rows(" ".join(("SELECT", asked, "FROM", sums)), name)[0][1:] == each[1:]
        of_hours = " ".join(("SELECT", asked.replace("connected", "open_measured", 1), "FROM ward_status"))
        (hours,) = influx.rows(of_hours, name)
        assert 0 < float(str(hours[1])) < float(str(hours[3]))
