"""What only a server can do to a collector: hang up on it."""

from __future__ import annotations

import pytest
from parts.postgres import Postgres
from sqlalchemy import create_engine, text
from timelines import T0, Timeline, school

from schoolpulse.database import connect
from schoolpulse.errors import SinkUnavailable
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.registry.models import School


class Fixed:
    def schools(self) -> list[School]:
        return [school("s1")]


def test_a_server_that_hangs_up_costs_one_try_and_no_incident(postgres_server: Postgres) -> None:
    url = postgres_server.url()
    engine, other = connect(url), create_engine(url)
    sink = IncidentSink(policy=Policy(), registry=Fixed(), sql_engine=engine)
    messages = Timeline("0 link up\n0-300 speaks\n345 will").messages
    sink.process(messages[:5], 5)
    with other.connect() as connection:
        hang_up = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        cut = connection.execute(text(f"{hang_up} AND pid <> pg_backend_pid()")).all()
    other.dispose()
    assert cut
    with pytest.raises(SinkUnavailable):
        sink.process(messages[5:], messages[-1].position)
    sink.process(messages[5:], messages[-1].position)
    sink.idle(T0 + 400_000)
    assert [one.school for one in IncidentRepository(engine).list()] == ["s1"]
    engine.dispose()
