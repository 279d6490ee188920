"""The headline figure: the share of schools now, and of school hours over a range."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from fakes import FakeClock
from http_client import Client
from page_backend import HOUR_MS, Backend

from schoolpulse.api import kpi
from schoolpulse.api.params import Range
from schoolpulse.incidents.model import Cause, Incident, IncidentKind, SchoolStatus, Scope

DAY = Range(0, 24 * HOUR_MS)


def outage(school: str | None, start_h: float, end_h: float | None, **other: Any) -> Incident:
    start = round(start_h * HOUR_MS)
    incident = Incident(
        id="i",
        kind=IncidentKind.OUTAGE,
        cause=Cause.UNKNOWN,
        scope=Scope.SCHOOL,
        school=school,
        provider=None,
        start=start,
        end=None if end_h is None else round(end_h * HOUR_MS),
        detected_at=start,
        confirmed_at=start,
    )
    return replace(incident, **other)


def blind(start_h: float, end_h: float | None) -> Incident:
    return outage(None, start_h, end_h, kind=IncidentKind.BLIND, scope=Scope.SELF)


def test_now_counts_what_is_proven(client: Client, backend: Backend) -> None:
    assert client.get("/api/v1/kpi").json()["now"]["connected_ratio"] == 0
    states = (
        SchoolStatus.ONLINE,
        SchoolStatus.ON_BACKUP,
        SchoolStatus.DEGRADED,
        SchoolStatus.DOWN,
        SchoolStatus.STOPPED,
    )
    for school, status in zip(backend.registry.schools(), states, strict=False):
        backend.live.on_status(school.id, status, 0)
    now = client.get("/api/v1/kpi").json()["now"]
    assert (now["connected"], now["schools"], now["unmeasured"]) == (3, 6, 2)
    assert now["connected_ratio"] == 0.5
    assert now["by_status"] == dict.fromkeys(SchoolStatus, 1)


def test_without_schools_there_is_no_share(backend: Backend) -> None:
    backend.registry.replace([])
    answer = Client(backend.app).get("/api/v1/kpi?from=0").json()
    assert answer["now"]["connected_ratio"] is None
    assert answer["over"]["connected_ratio"] is None


@pytest.mark.parametrize(
    ("incidents", "lost_h", "measured_h"),
    [
        ([], 0, 48),
        ([outage("a", 1, 3)], 2, 48),
        ([outage("a", 1, 3), outage("a", 2, 5), outage("b", 2, 5)], 7, 48),
        ([outage("a", -5, 1), outage("b", 23, None)], 2, 48),
        ([outage("a", -5, -1), outage("a", 24, 30)], 0, 48),
        ([outage("stranger", 1, 3), outage(None, 1, 3, scope=Scope.PROVIDER)], 0, 48),
        ([outage("a", 1, 3, kind=IncidentKind.ON_BACKUP)], 0, 48),
        ([blind(10, 12)], 0, 44),
        ([blind(10, 12), blind(11, 13), outage("a", 9, 14)], 2, 42),
        ([blind(0, None), outage("a", 1, 3)], 0, 0),
    ],
)
def test_hours(incidents: list[Incident], lost_h: float, measured_h: float) -> None:
    hours = kpi.over(DAY, ["a", "b"], incidents)
    assert hours.lost_hours == pytest.approx(lost_h)
    assert hours.measured_hours == pytest.approx(measured_h)
    expected = None if not measured_h else pytest.approx(1 - lost_h / measured_h)
    assert hours.connected_ratio == expected


def test_a_range_ends_now_and_counts_schools_with_an_agent(
    client: Client, backend: Backend, clock: FakeClock
) -> None:
    school = next(one for one in backend.registry.schools() if one.agent_id)
    backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, HOUR_MS)
    now_ms = clock.now_ms()
    hours = client.get(f"/api/v1/kpi?from={now_ms - 10 * HOUR_MS}&to={now_ms + 50 * HOUR_MS}").json()["over"]
    assert hours["schools"] == 5
    assert (hours["measured_hours"], hours["lost_hours"]) == (50, 1)
    assert hours["to_ms"] == now_ms
    ahead = client.get(f"/api/v1/kpi?from={now_ms + HOUR_MS}&to={now_ms + 2 * HOUR_MS}").json()["over"]
    assert ahead["connected_ratio"] is None


def test_all_pages_of_incidents_are_counted(
    client: Client, backend: Backend, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kpi, "_PAGE", 2)
    schools = [one for one in backend.registry.schools() if one.agent_id]
    for school in schools:
        backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, HOUR_MS)
    hours = client.get(f"/api/v1/kpi?from={clock.now_ms() - 2 * HOUR_MS}").json()["over"]
    assert hours["connected_ratio"] == 0.5
    monkeypatch.setattr(kpi, "MAX_INCIDENTS", 4)
    assert client.get(f"/api/v1/kpi?from={clock.now_ms() - 2 * HOUR_MS}").status_code == 422
