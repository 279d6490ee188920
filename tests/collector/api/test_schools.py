"""``/api/v1/schools``."""

from __future__ import annotations

import pytest
from fakes import FakeClock
from http_client import Client
from page_backend import Backend

from schoolpulse.errors import StoreUnavailable, UsageError
from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus
from schoolpulse.registry.models import School


def test_the_list_has_every_school_by_name(client: Client, backend: Backend, clock: FakeClock) -> None:
    answer = client.get("/api/v1/schools").json()
    assert [item["name"] for item in answer["items"]] == [one.name for one in backend.registry.schools()]
    assert answer["at_ms"] == clock.now_ms()
    assert {item["status"] for item in answer["items"]} == {"unknown"}
    assert {item["now"] for item in answer["items"]} == {None}


def test_one_school_has_its_lines_its_state_and_its_figures(
    client: Client, backend: Backend, school: School, clock: FakeClock
) -> None:
    backend.speak(school, 31.0, backup=True)
    backend.opens(school, IncidentKind.ON_BACKUP, SchoolStatus.ON_BACKUP, Cause.LINE_CUT, 60_000)
    answer = client.get(f"/api/v1/schools/{school.id}").json()
    assert answer["status"] == "on_backup"
    assert answer["since_ms"] == clock.now_ms() - 60_000
    assert [line["role"] for line in answer["lines"]] == ["primary", "backup"]
    assert answer["now"]["uplink"]["technology"] == "4g"
    assert answer["now"]["reachability"]["national"]["rtt_ms"] == 31.0
    assert answer["area"][:2] == ["TP.HCM", "Gò Vấp"]


def test_an_unknown_school_is_a_problem(client: Client) -> None:
    for path in ("/api/v1/schools/nobody", "/api/v1/schools/nobody/series?measurement=m&field=f"):
        answer = client.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["type"] == "urn:schoolpulse:problem:not-found"


def test_a_series_is_asked_of_the_store_and_answered_in_columns(
    client: Client, backend: Backend, school: School
) -> None:
    answer = client.get(
        f"/api/v1/schools/{school.id}/series",
        [
            ("measurement", "reachability"),
            ("field", "rtt_ms"),
            ("from", "2026-09-21T20:00:00+07:00"),
            ("to", "2026-09-21T21:00:00+07:00"),
            ("step", "5m"),
            ("by", "scope"),
            ("by", "method"),
        ],
    ).json()
    (asked,) = backend.store.asked
    assert asked.tags == {"school": school.id}
    assert asked.group_by == ("scope", "method")
    assert (asked.to_ms - asked.from_ms, asked.step_ms) == (3_600_000, 300_000)
    assert {series["tags"]["scope"] for series in answer["series"]} >= {"national", "international"}
    for series in answer["series"]:
        assert len(series["at_ms"]) == 12
        assert {len(series[column]) for column in ("mean", "min", "max", "count")} == {12}


def test_without_a_range_it_is_the_last_day(
    client: Client, backend: Backend, school: School, clock: FakeClock
) -> None:
    answer = client.get(f"/api/v1/schools/{school.id}/series?measurement=system&field=uptime_s")
    assert answer.status_code == 200
    (asked,) = backend.store.asked
    assert (asked.from_ms, asked.to_ms) == (clock.now_ms() - 86_400_000, clock.now_ms())
    assert answer.json()["step_ms"] == asked.step_ms == 600_000


@pytest.mark.parametrize(
    "query",
    [
        "",
        "measurement=m",
        "measurement=Bad&field=f",
        "measurement=m&field=f;drop",
        "measurement=m&field=f&step=1ms",
        "measurement=m&field=f&step=1s",
        "measurement=m&field=f&from=tomorrow",
        "measurement=m&field=f&from=10&to=5",
        "measurement=m&field=f&by=UPPER",
        "measurement=m&field=f&by=a&by=b&by=c&by=d&by=e",
        "measurement=m&field=f&from=" + "9" * 50,
    ],
)
def test_what_cannot_be_asked_is_refused_before_the_store_is(
    client: Client, backend: Backend, school: School, query: str
) -> None:
    answer = client.get(f"/api/v1/schools/{school.id}/series?{query}")
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == 422
    assert problem["errors"]
    assert all(error["where"] and error["message"] for error in problem["errors"])
    assert backend.store.asked == []


def test_a_store_that_is_away_is_said_with_when_to_come_again(
    client: Client, backend: Backend, school: School
) -> None:
    path = f"/api/v1/schools/{school.id}/series?measurement=m&field=f"
    backend.store.error = StoreUnavailable("InfluxDB does not answer", retry_after_s=7)
    answer = client.get(path)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert answer.json()["detail"] == "InfluxDB does not answer"
    backend.store.error = UsageError("more than 5000 series", hint="group by fewer tags")
    answer = client.get(path)
    assert answer.status_code == 422
    assert "group by fewer" in answer.json()["detail"]


def test_a_mistake_of_ours_tells_nothing_of_itself(client: Client, backend: Backend, school: School) -> None:
    backend.store.error = ValueError("secret")
    answer = client.get(f"/api/v1/schools/{school.id}/series?measurement=m&field=f")
    assert answer.status_code == 500
    assert answer.headers["content-type"] == "application/problem+json"
    assert "secret" not in answer.text
