"""The relational state on both of the databases that it may live in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from parts.postgres import Postgres, postgres
from sqlalchemy import Engine

from schoolpulse.database import connect


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """A PostgreSQL for all tests of a run."""
    with postgres() as running:
        yield running


@pytest.fixture(params=["sqlite", "postgresql"])
def sql(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """An empty database with every table, once SQLite's and once PostgreSQL's."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'state.db'}"
    else:
        url = request.getfixturevalue("postgres_server").url()
    engine = connect(url)
    yield engine
    engine.dispose()
