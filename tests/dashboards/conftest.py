"""One InfluxDB with one simulated district for all of these tests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from dashboards.simulated import LENGTH_MS, District, fill
from parts.influx import Influx


@pytest.fixture(scope="session")
def district(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    folder = tmp_path_factory.mktemp("dashboards")
    # Lately, since InfluxDB ends rolled-up points by the real clock; on the hour, so that runs are alike.
    starts_ms = (time.time_ns() // 1_000_000 - LENGTH_MS) // 3_600_000 * 3_600_000 - 3_600_000
    with Influx(folder / "influx") as influx:
        yield fill(influx, folder, starts_ms)
