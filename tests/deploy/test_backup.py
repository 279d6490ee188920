"""Back-up and restore of InfluxDB 1.x as docs/administrator/deploy.md says it, for real."""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from parts import need
from parts.influx import Influx

from schoolpulse.stores.base import PointBlock
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings

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


def readable(influx: Influx) -> list[list[object]]:
    """The points, once InfluxDB has taken its restored shards into use."""
    end = time.monotonic() + 60
    while True:
        try:
            return influx.rows("SELECT * FROM system", "schoolpulse")
        except RuntimeError as error:
            if "shard is disabled" not in str(error) or time.monotonic() > end:
                raise
            time.sleep(0.1)  # polling another process: there is nothing to wait on but its answer


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
