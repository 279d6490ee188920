"""``/api/v1/events`` over a real socket: everything first, then changes; come back and miss nothing."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import httpx
import pytest
from page_backend import Backend, district, served

from schoolpulse.access.models import CONSOLE, Role
from schoolpulse.api.app import create_app
from schoolpulse.api.encoding import SchoolEncoder
from schoolpulse.api.events import Feed
from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus
from schoolpulse.registry.models import School

DEADLINE_S = 30.0


class Event(NamedTuple):
    name: str
    id: str
    data: dict[str, Any]


class Stream:
    """Reads one connection's events."""

    def __init__(self, response: httpx.Response) -> None:
        self.response = response
        self._lines = response.iter_lines()

    def next(self, *names: str) -> Event:
        """The next event of one of those names."""
        fields: dict[str, str] = {}
        for line in self._lines:
            key, colon, value = line.partition(": ")
            if colon:
                fields[key] = value
            elif fields.get("event") in names:
                return Event(fields["event"], fields.get("id", ""), json.loads(fields["data"]))
            else:
                fields = {}
        raise EOFError

    def ends(self) -> None:
        with contextlib.suppress(EOFError):
            while self.next("snapshot", "change", "tick"):
                pass


@contextlib.contextmanager
def listening(address: str, path: str = "/api/v1/events", **headers: str) -> Iterator[Stream]:
    with (
        httpx.Client(base_url=address, timeout=DEADLINE_S) as client,
        client.stream("GET", path, headers=headers) as response,
    ):
        yield Stream(response)


@pytest.fixture
def backend() -> Backend:
    return Backend(district(6), tick_s=0.05)


@pytest.fixture
def address(backend: Backend) -> Iterator[str]:
    with served(backend) as found:
        yield found


def test_everything_first_then_what_changes(backend: Backend, address: str, school: School) -> None:
    with listening(address) as stream:
        assert stream.response.headers["content-type"].startswith("text/event-stream")
        assert stream.response.headers["cache-control"] == "no-store"
        first = stream.next("snapshot", "change")
        assert first.name == "snapshot"
        assert len(first.data["schools"]) == 6
        assert first.data["kpi"]["connected"] == 0
        backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT, 9_000)
        second = stream.next("snapshot", "change")
        assert second.name == "change"
        assert [(one["id"], one["status"]) for one in second.data["schools"]] == [(school.id, "down")]
        assert [one["cause"] for one in second.data["incidents"]] == ["line_cut"]
        assert second.data["kpi"]["by_status"]["down"] == 1


def test_changes_between_two_rounds_are_merged(backend: Backend, address: str, school: School) -> None:
    with listening(address) as stream:
        first = stream.next("snapshot")
    for rtt_ms in range(1, 101):
        backend.speak(school, float(rtt_ms))
    with listening(address, **{"Last-Event-ID": first.id}) as stream:
        event = stream.next("snapshot", "change")
        assert event.name == "change"
        (one,) = event.data["schools"]
        assert one["now"]["reachability"]["national"]["rtt_ms"] == 100.0


@pytest.mark.parametrize("last_seen", ["", "nonsense", "another-5", "x-" + "9" * 30, "é"])
def test_who_comes_with_something_else_gets_everything(address: str, last_seen: str) -> None:
    with (
        httpx.Client(base_url=address, timeout=DEADLINE_S) as client,
        client.stream("GET", "/api/v1/events", headers={b"Last-Event-ID": last_seen.encode()}) as response,
    ):
        assert Stream(response).next("snapshot", "change").name == "snapshot"


def test_a_quiet_district_still_ticks(backend: Backend, address: str) -> None:
    with listening(address) as stream:
        seen = stream.next("snapshot")
        assert stream.next("tick").data["at_ms"] >= seen.data["at_ms"]
    with listening(address, **{"Last-Event-ID": seen.id}) as stream:
        assert stream.next("snapshot", "change", "tick").name == "tick", "who comes back hears us at once"


def test_one_school_hears_of_itself_only(backend: Backend, address: str) -> None:
    here, there = backend.registry.schools()[:2]
    with listening(address, f"/api/v1/events?school={here.id}") as stream:
        assert [one["id"] for one in stream.next("snapshot").data["schools"]] == [here.id]
        backend.opens(there, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN)
        stream.next("tick")
        incident = backend.opens(here, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN)
        event = stream.next("change")
        assert [one["id"] for one in event.data["schools"]] == [here.id]
        assert [one["id"] for one in event.data["incidents"]] == [incident.id]


def test_refusals(address: str) -> None:
    with httpx.Client(base_url=address, timeout=DEADLINE_S) as client:
        assert client.get("/api/v1/events?school=nobody").status_code == 404
        assert client.get("/api/v1/events", headers={"Last-Event-ID": "x" * 65}).status_code == 422


def test_only_so_many_may_watch() -> None:
    backend = Backend(district(2), tick_s=0.05)
    backend.app = create_app(replace(backend.services, max_viewers=2))
    with served(backend) as address, contextlib.ExitStack() as viewers:
        streams = [viewers.enter_context(listening(address)) for _ in range(2)]
        for stream in streams:
            stream.next("snapshot")
        answer = httpx.get(f"{address}/api/v1/events", timeout=DEADLINE_S)
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "30"


def test_closing_lets_every_viewer_go(backend: Backend, address: str) -> None:
    with listening(address) as stream:
        stream.next("snapshot")
        backend.live.close()
        stream.ends()


def test_viewers_who_saw_the_same_share_the_encoding(backend: Backend, school: School) -> None:
    feed = Feed(backend.services, SchoolEncoder())
    revision, first = feed.since("", 0, None)
    assert feed.since("", 0, None) == (revision, first)
    assert feed.since("", 0, None)[1] is first
    assert feed.since(backend.live.epoch, revision, None) == (revision, None)
    backend.speak(school)
    one, two = (feed.since(backend.live.epoch, revision, None) for _ in range(2))
    assert one[1] is two[1]
    for number in range(300):
        feed.since("", 0, frozenset({f"nobody-{number}"}))
    assert feed.since(backend.live.epoch, revision, None)[0] == one[0]


def test_who_is_limited_to_schools_is_told_of_those_alone(backend: Backend, address: str) -> None:
    near, far = [one for one in backend.registry.schools() if one.agent_id][:2]
    _, token = backend.services.access.tokens.create(CONSOLE, Role.VIEWER, schools=[near.id])
    with listening(address, Authorization=f"Bearer {token}") as stream:
        first = stream.next("snapshot")
        assert [one["id"] for one in first.data["schools"]] == [near.id]
        assert first.data["kpi"]["schools"] == 1
        backend.opens(far, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN)
        backend.opens(near, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN)
        change = stream.next("change")
        while not change.data["incidents"]:
            change = stream.next("change")
        assert [one["school"] for one in change.data["incidents"]] == [near.id]
        assert change.data["kpi"]["by_status"]["down"] == 1


def test_a_viewer_whose_token_is_revoked_sees_no_more(backend: Backend) -> None:
    access = backend.services.access
    backend.app = create_app(replace(backend.services, look_again_s=0.05))
    token, text = access.tokens.create(CONSOLE, Role.VIEWER)
    with served(backend) as address, listening(address, Authorization=f"Bearer {text}") as stream:
        stream.next("snapshot")
        stream.next("tick")
        access.tokens.revoke(token.prefix)
        stream.ends()
