"""Speed tests for Giga and gateways for NetJSON, out of a real store; and the routes' pages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from fakes import FakeClock
from http_client import Client
from page_backend import Backend

from schoolpulse.api.app import create_app
from schoolpulse.local_time import DAY_MS, HOUR_MS
from schoolpulse.registry.models import Line, School
from schoolpulse.reports.giga import measurements
from schoolpulse.reports.netjson import monitoring
from schoolpulse.stores.base import PointBlock
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings

T0 = 20_000 * DAY_MS
LINES = (
    Line(role="primary", provider="VNPT", technology="fibre"),
    Line(role="backup", provider="", technology="4g"),
)
SCHOOL = School(id="a", name="A", level="thcs", agent_id="gw-a", lines=LINES)
OTHER = School(id="b", name="B", level="thcs", agent_id="gw-b", lines=LINES)
NETJSON: dict[str, Any] = {
    # What NetJSON's device-monitoring.json asks of the parts that are used here.
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["DeviceMonitoring"]},
        "general": {"properties": {"local_time": {"type": "integer"}, "uptime": {"type": "integer"}}},
        "resources": {
            "properties": {
                "load": {"type": "array", "items": {"type": "number"}, "minItems": 3, "maxItems": 3}
            }
        },
        "interfaces": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {
                    "name": {"type": "string"},
                    "type": {"type": "string"},
                    "up": {"type": "boolean"},
                    "speed": {"type": ["string", "null"]},
                    "statistics": {"additionalProperties": {"type": "integer"}},
                },
            },
        },
    },
}


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(SqliteSettings.model_validate({"kind": "sqlite", "path": tmp_path / "points.db"}))
    for school in ("a", "b"):
        common = (("school", school), ("agent", f"gw-{school}"))
        made.write(
            [
                PointBlock(
                    "speedtest",
                    common,
                    ["role", "server", "uplink"],
                    ["down_mbps", "up_mbps", "min_rtt_ms", "retrans_ratio", "bytes_used"],
                    [
                        (T0 + HOUR_MS, ["primary", "centre", "eth0"], [94.21, 91.5, 3.2, 0.001, 210_000_000]),
                        (T0 + DAY_MS + HOUR_MS, ["backup", "centre", "wwan0"], [20.0, None, 40.0, 0.0, 1000]),
                    ],
                ),
                PointBlock(
                    "system",
                    common,
                    [],
                    ["uptime_s", "load_1m", "memory_used_ratio"],
                    [(T0 + at * 60_000, [], [1000 + at * 60, 0.5, 0.4]) for at in range(20)],
                ),
                PointBlock(
                    "interface",
                    common,
                    ["name"],
                    ["rx_bps", "tx_bps", "rx_errors", "speed_mbps"],
                    [(T0 + at * 60_000, ["eth0"], [8_000.0, 800.0, 1, 1000]) for at in range(20)],
                ),
            ],
            [],
        )
    yield made
    made.close()


def test_a_speed_test_is_one_record_of_giga(store: SqliteStore) -> None:
    schools = {"a": SCHOOL, "b": OTHER}
    found = measurements(store, schools, T0, T0 + 2 * DAY_MS, "schoolpulse 1")
    assert [(one.school_id, one.device_hardware_id) for one in found] == [
        ("a", "gw-a"),
        ("b", "gw-b"),
        ("a", "gw-a"),
        ("b", "gw-b"),
    ]
    first, third = found[0].model_dump(), found[2].model_dump()
    assert (first["timestamp"], first["download"], first["upload"], first["latency"]) == (
        *("2024-10-04T01:00:00Z", 94_210.0, 91_500.0),
        3.2,
    )
    assert first["client_info"] == {"IP": None, "ASN": None, "ISP": "VNPT"}
    assert first["results"]["bytes_used"] == 210_000_000
    assert (third["upload"], third["results"]["technology"]) == (None, "4g")
    again = measurements(store, {"a": SCHOOL}, T0, T0 + DAY_MS, "schoolpulse 1")
    assert again == [found[0]], "the same test has the same uuid, whoever asks"
    assert len({one.uuid for one in found}) == 4
    assert set(first) == {
        *("timestamp", "uuid", "school_id", "giga_id_school", "device_type", "client_info", "server_info"),
        *("download", "upload", "latency", "results", "country_code", "app_version", "source"),
        *("data_downloaded", "data_uploaded", "device_hardware_id"),
    }


def test_a_gateway_is_netjson(store: SqliteStore) -> None:
    found = [one.model_dump() for one in monitoring(store, SCHOOL, T0, T0 + HOUR_MS)]
    assert len(found) == 4, "twenty minutes of samples"
    for one in found:
        jsonschema.validate(one, NETJSON)
    assert found[0]["general"] == {"local_time": T0 // 1000 + 300, "hostname": "gw-a", "uptime": 1120}
    assert found[0]["resources"] == {"memory_used_ratio": 0.4, "load": [0.5, 0.5, 0.5]}
    [interface] = found[1]["interfaces"]
    assert (interface["name"], interface["type"], interface["speed"]) == ("eth0", "ethernet", "1000")
    assert interface["statistics"] == {"rx_bytes": 600_000, "tx_bytes": 60_000, "rx_errors": 10}, (
        "counted from the begin of the range"
    )


@pytest.fixture
def client(store: SqliteStore) -> Client:
    backend = Backend([SCHOOL, OTHER], FakeClock(T0 + 3 * DAY_MS))
    return Client(create_app(replace(backend.services, store=store)))


def test_pages_lead_from_one_to_the_next(client: Client) -> None:
    address: str | None = f"/api/v1/export/giga?from={T0}&to={T0 + 2 * DAY_MS}"
    pages = []
    while address is not None:
        answer = client.get(address)
        assert answer.status_code == 200
        pages.append(answer.json())
        link = re.fullmatch(r'<(.*)>; rel="next"', answer.headers.get("link", ""))
        address = link[1] if link else None
    assert [len(page) for page in pages] == [2, 2]
    lines = client.get(f"/api/v1/export/giga?from={T0}&to={T0 + 1}&school=a&form=lines")
    assert lines.headers["content-type"] == "application/x-ndjson"
    assert lines.content == b""
    lines = client.get(f"/api/v1/export/netjson/a?from={T0}&to={T0 + HOUR_MS}&form=lines")
    assert [json.loads(line)["type"] for line in lines.content.splitlines()] == ["DeviceMonitoring"] * 4
    assert client.get("/api/v1/export/netjson/nobody").status_code == 404
    assert client.get("/api/v1/export/giga?school=nobody").status_code == 404
    assert client.get(f"/api/v1/export/giga?from={T0 + 9 * DAY_MS}&to={T0 + 10 * DAY_MS}").json() == []
