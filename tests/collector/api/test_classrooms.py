"""Agents in classrooms: on or off, used, how they hear; among the devices, never the school's line."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from classroom_reports import ROOM, report
from fakes import FakeClock
from page_backend import Backend, district
from registry_backend import with_registry

from schoolpulse.contract.models import State
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.live import MAX_STRANGERS
from schoolpulse.live.rooms import RoomNow
from schoolpulse.registry.models import School

MINUTE_S = 60.0


@pytest.fixture
def backend(clock: FakeClock) -> Iterator[Backend]:
    with with_registry(district(3), clock) as made:
        school = made.registry.schools()[0]
        registry: Any = made.registry
        registry.assign_classroom(ROOM.agent_id, school.id, ROOM.name, by="test")
        yield made


@pytest.fixture
def school(backend: Backend) -> School:
    return next(one for one in backend.registry.schools() if one.classrooms)


def room_of(backend: Backend, school: School) -> RoomNow:
    now = backend.live.school(school.id)
    assert now is not None
    [room] = now.rooms
    return room


def test_a_day_of_a_classrooms_machine(backend: Backend, school: School, clock: FakeClock) -> None:
    assert room_of(backend, school) == RoomNow(agent_id=ROOM.agent_id, name=ROOM.name)
    began_ms = clock.now_ms()
    backend.receive(ROOM.agent_id, State(online=True, boot="b", session=1, at=began_ms))
    backend.receive(ROOM.agent_id, report(clock.now_ms(), in_use=0))
    clock.advance(5 * MINUTE_S)
    lesson_ms = clock.now_ms()
    before = backend.live.snapshot()
    backend.receive(ROOM.agent_id, report(lesson_ms, in_use=1, seq=2))
    after = backend.live.changes_since(before.epoch, before.revision)
    assert after is not None
    assert [item.school.id for item in after.schools] == [school.id], "its school has changed, and no other"
    assert after.schools[0].rooms == (
        RoomNow(
            agent_id=ROOM.agent_id,
            name=ROOM.name,
            online=True,
            since_ms=began_ms,
            heard_ms=lesson_ms,
            uptime_s=5400.0,
            display_on=True,
            in_use=True,
            in_use_since_ms=lesson_ms,
            used_ratio=0.8,
            signal_dbm=-57.0,
        ),
    )
    assert after.schools[0].figures is None, "the gateway said nothing"
    clock.advance(60 * MINUTE_S)
    backend.receive(ROOM.agent_id, State(online=False, boot="b", session=1))
    off = room_of(backend, school)
    assert (off.online, off.since_ms, off.heard_ms) == (False, clock.now_ms(), lesson_ms)
    assert (off.in_use, off.signal_dbm) == (None, None)
    assert backend.live.counts() == {SchoolStatus.UNKNOWN: 3}


def test_news_of_an_older_session_is_none(backend: Backend, school: School, clock: FakeClock) -> None:
    backend.receive(ROOM.agent_id, State(online=True, boot="b", session=2, at=clock.now_ms()))
    backend.receive(ROOM.agent_id, State(online=False, boot="b", session=1))
    assert room_of(backend, school).online is True


def test_what_the_broker_kept_says_since_when(backend: Backend, school: School, clock: FakeClock) -> None:
    goodbye = State(online=False, boot="b", session=1, at=clock.now_ms() - 9_000, reason="shutdown")
    backend.receive(ROOM.agent_id, goodbye, retained=True)
    room = room_of(backend, school)
    assert (room.online, room.since_ms, room.heard_ms) == (False, goodbye.at, None)


def test_a_classroom_is_no_stranger(backend: Backend, school: School, clock: FakeClock) -> None:
    for number in range(MAX_STRANGERS + 1):
        backend.receive(f"stranger-{number}", report(clock.now_ms(), in_use=1))
    revision = backend.live.revision()
    backend.receive("stranger-0", report(clock.now_ms(), in_use=0, seq=2))
    assert backend.live.revision() == revision, "nobody watches strangers"
    backend.receive(ROOM.agent_id, report(clock.now_ms(), in_use=1))
    assert room_of(backend, school).in_use is True


def test_the_api_has_it_among_the_devices(
    client: Any, backend: Backend, school: School, clock: FakeClock
) -> None:
    path = f"/api/v1/schools/{school.id}/devices"
    [unheard] = client.get(path).json()["items"]
    assert (unheard["device_id"], unheard["state"], unheard["measured"]) == (
        ROOM.agent_id,
        "recorded_only",
        None,
    )
    backend.receive(ROOM.agent_id, report(clock.now_ms(), in_use=1))
    [there] = client.get("/api/v1/devices?kind=classroom").json()["items"]
    assert there["state"] == "both"
    assert there["measured"] == {"kind": "classroom", "up": True, "in_use": True}
    assert there["classroom"] == client.get(f"/api/v1/schools/{school.id}").json()["classrooms"][0]
    assert there["classroom"]["signal_dbm"] == -57.0
    # Who recorded the machine as a device too sees it once.
    device = {"device_id": ROOM.agent_id, "kind": "pc", "name": "Máy giáo viên"}
    assert client.request("POST", path, json=device).status_code == 201
    [both] = client.get(path).json()["items"]
    assert (both["recorded"]["name"], both["classroom"]["name"]) == ("Máy giáo viên", ROOM.name)
