"""``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

from http_client import Client
from page_backend import Backend
from prometheus_client.parser import text_string_to_metric_families

from schoolpulse.incidents.model import SchoolStatus


def test_alive(client: Client) -> None:
    assert client.get("/healthz").json() == {"status": "ok", "version": "0.0.test"}


def test_ready_says_what_is_not(client: Client, backend: Backend) -> None:
    assert client.get("/readyz").status_code == 200
    backend.parts["store"] = "InfluxDB does not answer"
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "not ready",
        "parts": {"journal": "ok", "store": "InfluxDB does not answer"},
    }


def test_metrics_are_what_prometheus_reads(client: Client, backend: Backend) -> None:
    backend.services.metrics.quarantined.labels("bad_json").inc(3)
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    found = {
        sample.name: sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }
    assert found["schoolpulse_quarantined_messages_total"] == 3


def test_metrics_count_schools_by_state(client: Client, backend: Backend) -> None:
    school = backend.registry.schools()[0]
    backend.live.on_status(school.id, SchoolStatus.DOWN, 0)
    found = {
        sample.labels["status"]: sample.value
        for family in text_string_to_metric_families(client.get("/metrics").text)
        for sample in family.samples
        if sample.name == "schoolpulse_schools"
    }
    assert found == dict.fromkeys(SchoolStatus, 0) | {SchoolStatus.DOWN: 1, SchoolStatus.UNKNOWN: 5}
