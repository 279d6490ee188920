"""A desk over a database in memory's stead, with a keeper that remembers and can be away."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from collector.enrolment.fake_keeper import FakeKeeper
from fakes import FakeClock
from sqlalchemy import Engine

from schoolpulse.database import connect
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.settings import EnrolmentSettings
from schoolpulse.ingest.settings import BrokerSettings
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = connect(f"sqlite:///{tmp_path / 'state.db'}")
    yield engine
    engine.dispose()


@pytest.fixture
def keeper() -> FakeKeeper:
    return FakeKeeper()


@pytest.fixture
def desk(engine: Engine, keeper: FakeKeeper, clock: FakeClock) -> AgentDesk:
    registry = Registry(engine, clock)
    registry.upsert(
        [
            School(id="thcs-1", name="THCS Một", level="thcs", agent_id="gw-1"),
            School(id="THCS_2", name="THCS Hai", level="thcs"),
        ]
    )
    return AgentDesk(
        engine=engine,
        registry=registry,
        keeper=keeper,
        clock=clock,
        settings=EnrolmentSettings(broker_url="mqtts://mqtt.example.vn"),
        broker=BrokerSettings(url="mqtts://inside", username="intake"),
    )
