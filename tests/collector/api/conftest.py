"""A small district behind the API, with a clock that stands still."""

from __future__ import annotations

import pytest
from fakes import FakeClock
from http_client import Client
from page_backend import Backend, district

from schoolpulse.registry.models import School


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def backend(clock: FakeClock) -> Backend:
    return Backend(district(6), clock)


@pytest.fixture
def client(backend: Backend) -> Client:
    return Client(backend.app)


@pytest.fixture
def school(backend: Backend) -> School:
    """One with an agent and a backup."""
    return next(one for one in backend.registry.schools() if one.agent_id and one.line("backup"))
