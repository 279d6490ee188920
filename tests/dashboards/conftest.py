"""One InfluxDB with one simulated district for all of these tests."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from dashboards.simulated import District, fill
from parts.influx import Influx

from schoolpulse_sim.schooldays import is_school_day
from schoolpulse_sim.timing import DAY, HOUR, LOCAL_OFFSET_MS


@pytest.fixture(scope="session")
def district(tmp_path_factory: pytest.TempPathFactory) -> Iterator[District]:
    folder = tmp_path_factory.mktemp("dashboards")
    # Lately, since InfluxDB ends rolled-up points by the real clock; in the lessons of a morning, so that
    # runs are alike and displays are on.
    today = (time.time_ns() // 1_000_000 + LOCAL_OFFSET_MS) // DAY
    day = next(day for day in range(today - 1, 0, -1) if is_school_day(day) and is_school_day(day - 1))
    starts_ms = day * DAY - LOCAL_OFFSET_MS + 8 * HOUR
    with Influx(folder / "influx") as influx:
        yield fill(influx, folder, starts_ms)
