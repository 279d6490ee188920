"""``/api/v1/incidents``."""

from __future__ import annotations

import pytest
from fakes import FakeClock
from http_client import Client
from page_backend import Backend

from schoolpulse.incidents.model import Cause, Incident, IncidentKind, SchoolStatus


@pytest.fixture
def incidents(backend: Backend) -> list[Incident]:
    """Five, newest first; the second is resolved."""
    schools = backend.registry.schools()
    made = [
        backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 60_000 * (number + 1))
        for number, school in enumerate(schools[:5])
    ]
    made[1] = backend.resolves(made[1], ago_ms=30_000)
    return made


def ids(client: Client, query: str = "") -> list[str]:
    return [item["id"] for item in client.get(f"/api/v1/incidents?{query}").json()["items"]]


def test_the_newest_comes_first(client: Client, incidents: list[Incident]) -> None:
    answer = client.get("/api/v1/incidents").json()
    assert [item["id"] for item in answer["items"]] == [one.id for one in incidents]
    nobody = {"acknowledged_ms": None, "acknowledged_by": None}
    assert answer["items"][0] == incidents[0].to_json() | nobody
    assert answer["next"] is None


def test_pages_follow_one_another_without_gap_or_repeat(client: Client, incidents: list[Incident]) -> None:
    seen: list[str] = []
    cursors: list[str | None] = [None]
    while len(cursors) < 5 and (len(cursors) == 1 or cursors[-1]):
        page = f"limit=2&before={cursors[-1]}" if cursors[-1] else "limit=2"
        answer = client.get(f"/api/v1/incidents?{page}").json()
        seen += [item["id"] for item in answer["items"]]
        cursors.append(answer["next"])
    assert len(cursors) == 4
    assert seen == [one.id for one in incidents]


def test_filters(client: Client, incidents: list[Incident], clock: FakeClock) -> None:
    assert ids(client, "open=true") == [one.id for one in incidents if one.end is None]
    assert ids(client, f"school={incidents[3].school}") == [incidents[3].id]
    assert ids(client, f"to={clock.now_ms() - 150_000}") == [one.id for one in incidents[2:]]
    assert incidents[1].id not in ids(client, f"from={clock.now_ms() - 20_000}")
    assert ids(client, "school=nobody") == []


def test_one_has_its_record(client: Client, incidents: list[Incident]) -> None:
    answer = client.get(f"/api/v1/incidents/{incidents[1].id}").json()
    assert answer["end"] == incidents[1].end
    assert [step["change"] for step in answer["transitions"]] == ["opened", "resolved"]
    assert answer["transitions"][0]["incident"]["end"] is None


def test_what_is_not_there(client: Client, incidents: list[Incident]) -> None:
    assert client.get("/api/v1/incidents/nothing").status_code == 404
    assert client.get("/api/v1/incidents?before=nothing").status_code == 422


@pytest.mark.parametrize(
    "query", ["limit=0", "limit=501", "limit=x", "from=x", "from=5&to=5", "open=perhaps"]
)
def test_what_cannot_be_asked(client: Client, query: str) -> None:
    answer = client.get(f"/api/v1/incidents?{query}")
    assert answer.status_code == 422
    assert answer.json()["errors"]
