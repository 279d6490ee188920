"""The headline figure: the share of schools now, and of school hours over a range."""

from __future__ import annotations

from fakes import FakeClock
from http_client import Client
from page_backend import HOUR_MS, Backend

from schoolpulse.incidents.model import Cause, IncidentKind, SchoolStatus


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


def test_a_range_ends_now_and_shows_what_nobody_measures(
    client: Client, backend: Backend, clock: FakeClock
) -> None:
    backend.store.silent = [(0, 2**62)]
    school = next(one for one in backend.registry.schools() if one.agent_id)
    incident = backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.LINE_CUT, HOUR_MS)
    now_ms = clock.now_ms()
    address = f"/api/v1/kpi?from={now_ms - 10 * HOUR_MS}&to={now_ms + 50 * HOUR_MS}"
    hours = client.get(address).json()["over"]
    assert (hours["schools"], hours["school_hours"]) == (6, 60)
    assert (hours["measured_hours"], hours["lost_hours"]) == (50, 1), "one school has no agent"
    assert (hours["connected_ratio"], hours["proven_ratio"]) == (0.98, round(49 / 60, 6))
    assert hours["to_ms"] == now_ms
    backend.amends(incident, cause=Cause.UNKNOWN)
    silent = client.get(address).json()["over"]
    assert (silent["measured_hours"], silent["lost_hours"]) == (49, 0), "a silence that nothing explains"
    ahead = client.get(f"/api/v1/kpi?from={now_ms + HOUR_MS}&to={now_ms + 2 * HOUR_MS}").json()["over"]
    assert ahead["connected_ratio"] is None
