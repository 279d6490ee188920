"""Both stores, fresh for each test; InfluxDB itself is started once."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.influx import Influx

from schoolpulse.stores.base import PointStore
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def influx(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Influx]:
    with Influx(tmp_path_factory.mktemp("influx")) as part:
        yield part


@pytest.fixture
def database() -> str:
    """A database name that no other test uses."""
    return f"test{next(_numbers)}"


@pytest.fixture
def influx_store(influx: Influx, database: str) -> Iterator[InfluxStore]:
    store = InfluxStore(InfluxSettings(kind="influx", url=influx.url, database=database))
    yield store
    store.close()


@pytest.fixture
def sqlite_store(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(SqliteSettings(kind="sqlite", path=tmp_path / "points.db"))
    yield store
    store.close()


@pytest.fixture(params=["sqlite", "influx"])
def store(request: pytest.FixtureRequest) -> PointStore:
    found: PointStore = request.getfixturevalue(f"{request.param}_store")
    return found
