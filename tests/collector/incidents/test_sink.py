"""The sink and its database: exactly once through any restart, whatever is sent again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest
from sqlalchemy import Engine as SqlEngine
from sqlalchemy import text
from timelines import T0, Timeline, play, school, seconds

from schoolpulse.errors import SinkUnavailable
from schoolpulse.incidents.model import IncidentKind, SchoolStatus, Transition
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.metrics import Metrics
from schoolpulse.notify.channels.registry import channels
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.registry.models import School

STORM = """
0      link up
s1: 1-300     speaks
s2: 2-310     speaks
s3: 3-900     speaks
s1: 345       will
s1: 600       returns
s1: 601-900   speaks
s1: 605       late 310-590 dead
s2: 700       boots 30
s2: 701-900   speaks dns
"""
SCHOOLS = (school("s1"), school("s2", "FPT"), school("s3", "Viettel"))


class FixedRegistry:
    def __init__(self, schools: Sequence[School]) -> None:
        self.now: Sequence[School] = tuple(schools)

    def schools(self) -> Sequence[School]:
        return self.now


class Ears:
    """Hears what was committed."""

    def __init__(self) -> None:
        self.transitions: list[Transition] = []
        self.statuses: list[tuple[str, SchoolStatus, int]] = []

    def on_transition(self, transition: Transition) -> None:
        self.transitions.append(transition)

    def on_status(self, school_id: str, status: SchoolStatus, at_ms: int) -> None:
        self.statuses.append((school_id, status, at_ms))


def endpoint() -> EndpointSettings:
    return EndpointSettings.model_validate(
        {"id": "ops", "url": "http://127.0.0.1:9/", "allow_private": True, "secret": "whsec_" + "A" * 32}
    )


def sink_on(sql: SqlEngine, ears: Ears | None = None, metrics: Metrics | None = None) -> IncidentSink:
    outbox = Outbox(sql, [endpoint()], channels(), school={one.id: one for one in SCHOOLS}.get)
    return IncidentSink(
        policy=Policy(),
        registry=FixedRegistry(SCHOOLS),
        sql_engine=sql,
        outbox=outbox,
        metrics=metrics,
        listeners=[ears] if ears else [],
    )


def _order(one: Transition) -> tuple[str, int]:
    return one.incident.id, one.number


def recorded(sql: SqlEngine) -> list[Transition]:
    repository = IncidentRepository(sql)
    return [one for incident in repository.list() for one in repository.transitions(incident.id)]


def test_a_restart_between_any_two_messages_changes_nothing(sql: SqlEngine) -> None:
    messages = Timeline(STORM).messages
    for message in messages:
        sink = sink_on(sql)  # starts from what the one before made durable
        assert sink.position() == message.position - 1
        sink.process([message], message.position)
        sink.process([message], message.position)  # seen again after a crash
    sink_on(sql).process([], messages[-1].position)
    whole = play(STORM, SCHOOLS, until=seconds(messages[-1].received_ms))
    expected = sorted(whole.transitions, key=_order)
    assert sorted(recorded(sql), key=_order) == expected
    assert len(expected) >= 5
    with sql.connect() as connection:
        rows = connection.execute(text("SELECT count(*), count(DISTINCT id) FROM outbox")).one()
    assert tuple(rows) == (sum(one.pages for one in expected),) * 2


def test_listeners_and_metrics_hear_after_the_commit(sql: SqlEngine) -> None:
    ears, metrics = Ears(), Metrics()
    sink = sink_on(sql, ears, metrics)
    messages = Timeline(STORM).messages
    sink.process(messages, messages[-1].position)
    sink.idle(T0 + 1_300_000)
    assert ears.transitions == play(STORM, SCHOOLS, until=1300).transitions
    assert ears.statuses[-1][1] is SchoolStatus.DOWN
    repository = IncidentRepository(sql)
    assert repository.statuses() == sink.statuses()
    assert metrics.open_incidents._value.get() == len(repository.open())  # the library has no reader
    assert repository.list(open_only=True, limit=1)
    newest, *older = repository.list()
    assert repository.list(before=newest.id) == older
    assert repository.get(newest.id) == newest
    assert repository.get("i0") is None
    assert {one.school for one in repository.list(school="s1")} == {"s1"}
    assert repository.list(to_ms=T0) == []


def test_the_first_word_of_each_school_is_kept_for_ever(sql: SqlEngine) -> None:
    repository = IncidentRepository(sql)
    messages = Timeline("s1: 10-300 speaks\ns2: 90-300 speaks").messages
    sink_on(sql).process(messages[:-1], messages[-2].position)
    sink_on(sql).process(messages[-1:], messages[-1].position)
    assert repository.first_seen_all() == {"s1": T0 + 10_000, "s2": T0 + 90_000}
    assert (repository.first_seen("s1"), repository.first_seen("s3")) == (T0 + 10_000, None)
    with sql.begin() as connection:  # as an earlier version left it
        connection.execute(text("DELETE FROM incident_first_seen WHERE school = 's1'"))
    sink_on(sql)
    assert repository.first_seen_all() == {"s1": 0, "s2": T0 + 90_000}


def test_what_cannot_be_written_was_not_taken(sql: SqlEngine) -> None:
    messages = Timeline(STORM).messages
    sink = sink_on(sql)
    sink.process(messages[:5], 5)
    with sql.begin() as connection:
        connection.execute(text("ALTER TABLE incident_cursor RENAME TO elsewhere"))
    for _ in range(2):
        with pytest.raises(SinkUnavailable):
            sink.process(messages[5:], messages[-1].position)
    assert recorded(sql) == []
    with sql.begin() as connection:
        connection.execute(text("ALTER TABLE elsewhere RENAME TO incident_cursor"))
    sink.process(messages[5:], messages[-1].position)
    whole = play(STORM, SCHOOLS, until=seconds(messages[-1].received_ms))
    assert sorted(recorded(sql), key=_order) == sorted(whole.transitions, key=_order)


def test_silence_means_nothing_until_this_run_has_reached_the_broker(sql: SqlEngine) -> None:
    messages = Timeline("0 link up\n0-300 speaks").messages
    first = sink_on(sql)
    first.process(messages, messages[-1].position)
    later = IncidentSink(
        policy=Policy(), registry=FixedRegistry(SCHOOLS), sql_engine=sql, started_ms=T0 + 7_200_000
    )
    later.idle(T0 + 7_300_000)
    assert recorded(sql) == []
    position = messages[-1].position
    for message in Timeline("7301 link down\n7310 link up").messages:
        position += 1
        later.process([replace(message, position=position)], position)
    later.idle(T0 + 7_460_000)
    assert [one.incident.kind for one in recorded(sql)] == [IncidentKind.BLIND]
    later.idle(T0 + 7_615_000)
    blind, resolved = [one for one in recorded(sql) if one.incident.school is None]
    assert (blind.incident.kind, seconds(blind.incident.start)) == (IncidentKind.BLIND, 300)
    assert seconds(resolved.incident.end) == 7310
    assert [one.incident.school for one in recorded(sql)][:1] == ["s1"]


def test_a_changed_registry_is_taken_up(sql: SqlEngine) -> None:
    registry = FixedRegistry([])
    sink = IncidentSink(policy=Policy(), registry=registry, sql_engine=sql)
    first, second = Timeline("0-10 speaks").messages, Timeline("20-60 speaks").messages
    sink.process(first, 3)
    assert sink.statuses() == {}
    registry.now = (school("s1"),)
    sink.process([replace(one, position=one.position + 10) for one in second], 20)
    assert sink.statuses() == {"s1": SchoolStatus.ONLINE}
