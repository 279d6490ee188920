"""Back-up and restore of InfluxDB 1.x as docs/administrator/deploy.md says it, for real."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import time
from dataclasses import replace
from pathlib import Path

from fakes import FakeClock
from parts import need
from parts.influx import Influx

from schoolpulse.database import connect
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry
from schoolpulse.stores.base import PointBlock
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings

HOUR_MS = 3_600_000
DATABASES = ("schoolpulse", "schoolpulse_5m", "schoolpulse_1h")
T0_MS = 1_790_000_000_000


def influxd(folder: Path, command: str, *arguments: str) -> None:
    """``influxd backup`` or ``restore`` at the address that the documentation takes for given."""
    config = (folder / "influxd.conf").read_text("utf-8")
    address = re.search(r'^bind-address = "(127\.0\.0\.1:\d+)"$', config, re.MULTILINE)
    assert address is not None
    subprocess.run(
        [need("influxd"), command, "-portable", "-host", address[1], *arguments],
        check=True,
        capture_output=True,
    )


def readable(influx: Influx, database: str = "schoolpulse") -> list[list[object]]:
    """The points, once InfluxDB has taken its restored shards into use."""
    end = time.monotonic() + 60
    while True:
        try:
            return influx.rows("SELECT * FROM system", database)
        except RuntimeError as error:
            if "shard is disabled" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.1)  # polling another process: there is nothing to wait on but its answer


def test_every_tier_comes_back_and_goes_on_where_it_was(tmp_path: Path) -> None:
    """Raw points, windows and the file of state, taken while the collector writes; not the file of marks."""
    clock = FakeClock(T0_MS // HOUR_MS * HOUR_MS)
    rows = [(clock.now_ms() - at * 60_000, (), (float(at),)) for at in range(1, 181)]
    block = PointBlock("system", (("school", "s1"),), (), ("load_1m",), rows)
    engine = connect(f"sqlite:///{tmp_path}/state.db")
    Registry(engine).upsert([School(id="s1", name="Trường 1", level="thcs")])

    def settings(influx: Influx, folder: str) -> InfluxSettings:
        return InfluxSettings(kind="influx", url=influx.url, rollups_path=tmp_path / folder / "rollups.db")

    with Influx(tmp_path / "old") as old:
        store = InfluxStore(settings(old, "old"), clock)
        store.write([block], [])
        rolled_up(store, clock)
        kept = {name: old.rows("SELECT * FROM system", name) for name in DATABASES}
        for name in DATABASES:
            influxd(tmp_path / "old", "backup", "-database", name, str(tmp_path / "copy" / name))
        with sqlite3.connect(tmp_path / "state.db") as here, sqlite3.connect(tmp_path / "copy.db") as there:
            here.backup(there)  # as `sqlite3 state.db ".backup copy.db"`, with the collector at work
        store.close()
    engine.dispose()
    with Influx(tmp_path / "new") as new:
        # Without -db the first would make all three and leave two empty.
        for name in DATABASES:
            influxd(tmp_path / "new", "restore", "-db", name, str(tmp_path / "copy" / name))
        assert {name: readable(new, name) for name in DATABASES} == kept
        assert [len(kept[name]) for name in DATABASES] == [180, 36, 3]
        store = InfluxStore(settings(new, "new"), clock)
        store.write([replace(block, rows=[(rows[0][0] + 1_000, (), (7.0,))])], [])
        rolled_up(store, clock)  # everything anew, since the file of marks is not there
        store.close()
        found = new.rows("SELECT sum(load_1m_count), sum(load_1m_sum) FROM system", DATABASES[2])
        assert found[0][1:] == [181, sum(range(181)) + 7]
    restored = connect(f"sqlite:///{tmp_path}/copy.db")
    assert [school.name for school in Registry(restored).schools()] == ["Trường 1"]
    restored.dispose()


def rolled_up(store: InfluxStore, clock: FakeClock) -> None:
    assert store.rollups is not None
    store.maintain(clock.now_ms())
    clock.advance(7_200)  # until every window that it knows of has ended
    for _ in range(1_000):
        store.maintain(clock.now_ms())
        if not len(store.rollups.marks):
            return
    raise AssertionError("rolling up comes to no end")


def test_what_was_backed_up_comes_back(tmp_path: Path) -> None:
    rows = [(T0_MS + at, (), (float(at),)) for at in range(500)]
    with Influx(tmp_path / "old") as old:
        store = InfluxStore(InfluxSettings(kind="influx", url=old.url))
        store.write([PointBlock("system", (("school", "Trường 1"),), (), ("load_1m",), rows)], [])
        store.close()
        influxd(tmp_path / "old", "backup", "-database", "schoolpulse", str(tmp_path / "copy"))
        kept = old.rows("SELECT * FROM system", "schoolpulse")
    with Influx(tmp_path / "new") as new:
        influxd(tmp_path / "new", "restore", str(tmp_path / "copy"))
        assert readable(new) == kept
        assert len(kept) == 500
