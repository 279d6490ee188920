"""The embedded store: rollups against recomputation, retention, sudden death, a sick disk."""

from __future__ import annotations

import random
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock
from hypothesis import given, settings
from hypothesis import strategies as st

from schoolpulse.errors import StoreUnavailable
from schoolpulse.stores.base import Delivery, PointBlock, SeriesQuery, Window
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_query import Segment, segments
from schoolpulse.stores.sqlite_settings import SqliteSettings

T0 = 1_789_999_200_000
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
WEEK = 7 * DAY

Samples = dict[tuple[str, int], float]


class Busy(FakeClock):
    """A clock that runs a tenth of a second each time it is looked at: housekeeping in small pieces."""

    def monotonic(self) -> float:
        self.advance(0.1)
        return super().monotonic()


def open_store(path: Path, **more: Any) -> SqliteStore:
    return SqliteStore(SqliteSettings(**{"kind": "sqlite", "path": path / "points.db", **more}), Busy())


def block(samples: Iterable[tuple[str, int, float]]) -> PointBlock:
    return PointBlock(
        "m", (("school", "s1"),), ("t",), ("x",), [(at, (tag,), (value,)) for tag, at, value in samples]
    )


def windows(store: SqliteStore, from_ms: int, to_ms: int, step_ms: int) -> dict[str, Sequence[Window]]:
    found = store.query(SeriesQuery("m", "x", from_ms, to_ms, step_ms, group_by=("t",)))
    return {series.tags["t"]: series.windows for series in found}


def recomputed(samples: Samples, from_ms: int, to_ms: int, step_ms: int) -> dict[str, Sequence[Window]]:
    """The same from a dictionary of raw values."""
    gathered: dict[str, dict[int, list[float]]] = {}
    for (tag, at_ms), value in samples.items():
        if from_ms <= at_ms < to_ms:
            gathered.setdefault(tag, {}).setdefault(at_ms - at_ms % step_ms, []).append(value)
    return {
        tag: [
            Window(at_ms, pytest.approx(sum(values) / len(values)), min(values), max(values), len(values))  # type: ignore[arg-type]  # approx compares as a float does
            for at_ms, values in sorted(found.items())
        ]
        for tag, found in sorted(gathered.items())
    }


def table(store: SqliteStore, name: str) -> list[tuple[Any, ...]]:
    return store._connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 -- the test's own names


def finish(store: SqliteStore, now_ms: int) -> None:
    """Let the housekeeping come until nothing is marked that could be rolled up."""
    for _ in range(1_000):
        store.maintain(now_ms)
        if not [at for _, at in table(store, "dirty") if at < now_ms - now_ms % (5 * MINUTE)]:
            return
    pytest.fail("housekeeping does not end")


STEPS = (MINUTE, 5 * MINUTE, 7 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR)
_moments = st.integers(0, 3 * 60).map(lambda minutes: T0 + minutes * MINUTE + 17)
_write = st.lists(st.tuples(st.sampled_from("ab"), _moments, st.integers(-5, 5)), min_size=1, max_size=12)


@settings(max_examples=60, deadline=None)
@given(
    script=st.lists(st.one_of(_write, st.integers(0, 4 * HOUR)), max_size=12),
    start=st.integers(0, HOUR),
    length=st.integers(1, 4 * HOUR),
)
def test_charts_equal_recomputation_at_every_moment(
    tmp_path_factory: pytest.TempPathFactory, script: list[Any], start: int, length: int
) -> None:
    """Writes in any order with housekeeping at any time between: every chart, by every step, is exact."""
    store = open_store(tmp_path_factory.mktemp("s"))
    samples: Samples = {}
    for action in script:
        if isinstance(action, int):
            store.maintain(T0 + action)
        else:
            store.write([block(action)], [])
            samples.update({(tag, at): value for tag, at, value in action})
    for step in STEPS:
        for from_ms, to_ms in ((T0, T0 + 4 * HOUR), (T0 + start, T0 + start + length)):
            assert windows(store, from_ms, to_ms, step) == recomputed(samples, from_ms, to_ms, step)
    store.close()


def test_rollups_equal_recomputation_after_disorder_duplicates_and_a_weeks_backlog(tmp_path: Path) -> None:
    randomness = random.Random(5)
    store = open_store(tmp_path)
    samples: Samples = {}
    live = [("live", T0 + WEEK + at * 30_000, float(at % 97)) for at in range(240)]
    backlog = [("back", T0 + at * 120_000, randomness.random()) for at in range(WEEK // 120_000)]
    randomness.shuffle(backlog)
    while backlog or live:
        part = [live.pop(0) for _ in live[:3]] + [backlog.pop() for _ in backlog[:70]]
        part += randomness.sample(part, len(part) // 3)  # a third comes twice
        randomness.shuffle(part)
        store.write([block(part)], [])
        samples.update({(tag, at): value for tag, at, value in part})
        if randomness.random() < 0.3:
            store.maintain(T0 + WEEK + HOUR)
    end = T0 + WEEK + 3 * HOUR
    finish(store, end)
    assert table(store, "dirty") == []
    for name, width in (("five_minutes", 5 * MINUTE), ("hours", HOUR)):
        expected = recomputed(samples, T0, end, width)
        rolled = {
            tag: [
                Window(at, total / count, low, high, count)
                for series, at, low, high, total, count in table(store, name)
                if series == number
            ]
            for number, tag in (
                (row[0], row[3][row[3].index('"t":"') + 5 : -2]) for row in table(store, "series")
            )
        }
        assert rolled == expected
    store.close()


def test_what_is_old_ends_table_by_table_and_charts_use_what_is_left(tmp_path: Path) -> None:
    store = open_store(tmp_path, raw_days=2, five_minute_days=4, hourly_days=6)
    samples: Samples = {("a", T0 + at): at / HOUR for at in range(0, 8 * DAY, 10 * MINUTE)}
    store.write([block((tag, at, value) for (tag, at), value in samples.items())], [])
    receipts = [
        Delivery("s1", "a1", "st", seq, T0 + seq * MINUTE // 4, 1, 0) for seq in range(1, 4 * 60 * 8 * 24)
    ]
    store.write([], receipts)
    now = T0 + 8 * DAY
    for _ in range(60):
        store.maintain(now)
    assert min(at for _, at, _ in table(store, "value")) == now - 2 * DAY
    assert min(row[1] for row in table(store, "five_minutes")) == now - 4 * DAY
    assert min(row[1] for row in table(store, "hours")) == now - 6 * DAY
    assert min(row[2] for row in table(store, "delivery")) == now - 2 * DAY
    assert windows(store, T0, now, HOUR) == recomputed(samples, now - 6 * DAY, now, HOUR)
    assert windows(store, now - 4 * DAY, now, 30 * MINUTE) == recomputed(
        samples, now - 4 * DAY, now, 30 * MINUTE
    )
    assert windows(store, now - 2 * DAY, now, MINUTE) == recomputed(samples, now - 2 * DAY, now, MINUTE)
    # Finer than what is left: each window's samples count at its start.
    seven = windows(store, now - 3 * DAY, now - 2 * DAY, 7 * MINUTE)["a"]
    assert sum(window.count for window in seven) == 144
    store.close()


def test_a_point_older_than_the_retention_cannot_spoil_its_window(tmp_path: Path) -> None:
    store = open_store(tmp_path, raw_days=1)
    store.write([block([("a", T0 + at * 1000, 1.0) for at in range(300)])], [])
    for _ in range(20):
        store.maintain(T0 + 3 * DAY)
    late = [block([("a", T0 + 5_000, 100.0), ("a", T0 + 3 * DAY, 2.0)])]
    written = store.write(late, [])
    assert (written.points, [bad.reason for bad in written.refused]) == (
        1,
        ["points beyond retention policy"],
    )
    store.close()
    reopened = open_store(tmp_path, raw_days=1)
    assert len(reopened.write(late, []).refused) == 1, "also after a restart"
    reopened.maintain(T0 + 3 * DAY)
    assert windows(reopened, T0, T0 + HOUR, HOUR)["a"] == [Window(T0, 1.0, 1.0, 1.0, 300)]
    reopened.close()


def test_housekeeping_comes_in_bounded_pieces(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write([block([(f"t{at % 50}", T0 + at * 5 * MINUTE, 1.0) for at in range(20_000)])], [])
    before = len(table(store, "dirty"))
    store.maintain(T0 + 100 * DAY)
    after = len(table(store, "dirty"))
    assert 0 < after < before, "one call does some of it and not all"
    store.close()


@pytest.mark.parametrize(
    ("from_ms", "to_ms", "step_ms", "expected"),
    [
        (0, 100, 10, [("value", 0, 100)]),
        (0, 2 * HOUR, HOUR, [("hours", 0, 2 * HOUR)]),
        (
            5,
            2 * HOUR + 5,
            HOUR,
            [("value", 5, HOUR), ("hours", HOUR, 2 * HOUR), ("value", 2 * HOUR, 2 * HOUR + 5)],
        ),
        (5, HOUR - 5, HOUR, [("value", 5, HOUR - 5)]),
        (0, 600_001, 300_000, [("five_minutes", 0, 600_000), ("value", 600_000, 600_001)]),
    ],
)
def test_segments_with_everything_there(
    from_ms: int, to_ms: int, step_ms: int, expected: list[tuple[str, int, int]]
) -> None:
    assert list(segments(from_ms, to_ms, step_ms, {})) == [Segment(*one) for one in expected]


def test_segments_past_the_retentions() -> None:
    floors = {"value": 30 * HOUR, "five_minutes": 10 * HOUR, "hours": 0}
    assert list(segments(5 * HOUR + 1, 40 * HOUR, 2 * HOUR, floors)) == [
        Segment("hours", 5 * HOUR + 1, 10 * HOUR),
        Segment("hours", 10 * HOUR, 30 * HOUR),
        Segment("hours", 30 * HOUR, 40 * HOUR),
    ]
    assert list(segments(9 * HOUR, 30 * HOUR + 7, 420_000, floors)) == [
        Segment("hours", 9 * HOUR, 10 * HOUR),
        Segment("five_minutes", 10 * HOUR, 30 * HOUR),
        Segment("value", 30 * HOUR, 30 * HOUR + 7),
    ]


def test_what_was_written_survives_a_kill(tmp_path: Path) -> None:
    """A process writes and says what is durable; killed with -9, the file holds at least that, whole."""
    script = f"""
import sys
from pathlib import Path
from schoolpulse.stores.base import Delivery, PointBlock
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings
store = SqliteStore(SqliteSettings(kind="sqlite", path=Path({str(tmp_path)!r}) / "points.db"))
for seq in range(1, 100_000):
    at = {T0} + seq * 1000
    rows = [(at + row, ("a",), (1.0,)) for row in range(10)]
    block = PointBlock("m", (("school", "s1"),), ("t",), ("x",), rows)
    store.write([block], [Delivery("s1", "a", "st", seq, at, 10, 0)])
    if seq % 50 == 0:
        store.maintain(at)
    print(seq, flush=True)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    said = 0
    for line in process.stdout:
        said = int(line)
        if said == 120:
            process.send_signal(signal.SIGKILL)
    process.stdout.close()
    process.wait(30)
    store = open_store(tmp_path)
    receipts = len(table(store, "delivery"))
    assert receipts >= said >= 120
    assert len(table(store, "value")) == 10 * receipts
    assert table(store, "value")
    assert store._connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    finish(store, T0 + DAY)
    counts = windows(store, T0, T0 + DAY, HOUR)["a"]
    assert sum(window.count for window in counts) == 10 * receipts
    store.close()


def test_a_file_that_cannot_be_opened_or_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(StoreUnavailable) as caught:
        open_store(tmp_path / "file")
    assert "disk" in caught.value.hint
    store = open_store(tmp_path)
    store.write([block([("a", T0, 1.0)])], [])
    store._connection.execute("PRAGMA max_page_count=40")  # as a full disk: nothing more fits
    many = [block([(f"t{number}", T0 + number, 1.0) for number in range(20_000)])]
    with pytest.raises(StoreUnavailable, match="full"):
        store.write(many, [])
    assert len(table(store, "value")) == 1, "all of it or none"
    store._connection.execute("PRAGMA max_page_count=1000000")
    assert store.write(many, []).points == 20_000
    store.close()


def test_another_process_holding_the_file_is_waited_out(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store._connection.execute("PRAGMA busy_timeout=1")
    other = sqlite3.connect(tmp_path / "points.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        store.write([block([("a", T0, 1.0)])], [])
    with pytest.raises(StoreUnavailable, match="locked"):
        store.maintain(T0)
    other.execute("ROLLBACK")
    other.close()
    assert store.write([block([("a", T0, 1.0)])], []).points == 1
    store.close()


def test_queries_run_beside_writes(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.write([block([("a", T0, 1.0)])], [])
    done = threading.Event()
    counts: list[int] = []
    errors: list[Exception] = []

    def look() -> None:
        try:
            while not done.is_set():
                counts.append(sum(w.count for w in windows(store, T0, T0 + DAY, HOUR)["a"]))
        except Exception as error:  # noqa: BLE001 -- whatever it is, the test shows it
            errors.append(error)

    readers = [threading.Thread(target=look) for _ in range(3)]
    for reader in readers:
        reader.start()
    for batch in range(40):
        store.write([block([("a", T0 + batch * 10_000 + row, 1.0) for row in range(1, 101)])], [])
        store.maintain(T0 + batch * 10_000)
    done.set()
    for reader in readers:
        reader.join()
    assert errors == []
    assert counts
    assert all((count - 1) % 100 == 0 for count in counts), "each chart is of one moment"
    store.close()


def test_the_memory_of_series_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("schoolpulse.stores.sqlite_series.MAX_PLACES", 100)
    store = open_store(tmp_path)
    for part in range(20):
        rows = [(f"t{part}-{number}", T0 + number, 1.0) for number in range(30)]
        store.write([block(rows), block(rows)], [])
        assert sum(map(len, store._catalogue._places.values())) <= 130
    assert len(table(store, "value")) == 600
    store.close()
