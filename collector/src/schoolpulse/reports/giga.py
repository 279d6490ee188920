"""Speed tests as Giga's measurement records, for whoever joins them with Giga Meter's.

Giga counts in kbit/s and milliseconds, and its times are ISO 8601 in UTC. What nobody here knows stays null:
the addresses of a school (they are not collected) and Giga's own id of it.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.registry.models import School
from schoolpulse.reports.facts import SeriesReader
from schoolpulse.stores.base import SeriesQuery

STEP_MS = 300_000
"""Tests lie at least 36 minutes apart, so a window of five minutes is one test."""
FIELDS = ("down_mbps", "up_mbps", "min_rtt_ms", "retrans_ratio", "bytes_used")
TAGS = ("school", "agent", "role", "server", "uplink")
_NAMESPACE = uuid.UUID("6f1b7c2e-3d54-4c6e-9b8a-0d6f5a1e7c11")


class ClientInfo(BaseModel):
    """Giga's ``client_info``; no address of a school is kept."""

    model_config = ConfigDict(frozen=True)

    IP: str | None = None
    ASN: str | None = None
    ISP: str | None = Field(examples=["VNPT"])


class GigaMeasurement(BaseModel):
    """One speed test."""

    model_config = ConfigDict(frozen=True)

    timestamp: str = Field(examples=["2026-03-02T01:05:00Z"])
    uuid: str = Field(description="The same for the same test, whenever it is exported")
    school_id: str
    giga_id_school: str | None = None
    device_type: str = "gateway"
    client_info: ClientInfo
    server_info: dict[str, str | None]
    download: float | None = Field(description="kbit/s", examples=[94210.5])
    upload: float | None = Field(description="kbit/s")
    latency: float | None = Field(description="ms, the least of the test")
    results: dict[str, Any] = Field(description="What else the test tells: ndt7's figures and the line's")
    country_code: str = "VN"
    app_version: str
    source: str = "SchoolPulse"
    data_downloaded: int | None = Field(
        default=None, description="Not told apart; `results.bytes_used` is both"
    )
    data_uploaded: int | None = None
    device_hardware_id: str = Field(description="The agent's id")


def measurements(
    store: SeriesReader, schools: Mapping[str, School], from_ms: int, to_ms: int, version: str
) -> list[GigaMeasurement]:
    """The tests of `schools` in ``[from_ms, to_ms)``, by time.

    Raises:
        StoreUnavailable: the store cannot answer now.
        UsageError: there are more series than an answer holds.
    """
    tests: dict[tuple[int, tuple[str, ...]], dict[str, float]] = {}
    for name in FIELDS:
        tags = {"school": next(iter(schools))} if len(schools) == 1 else {}
        for series in store.query(SeriesQuery("speedtest", name, from_ms, to_ms, STEP_MS, tags, TAGS)):
            labels = tuple(series.tags[tag] for tag in TAGS)
            for window in series.windows:
                tests.setdefault((window.at_ms, labels), {})[name] = window.mean
    return list(_records(tests, schools, version))


def _records(
    tests: Mapping[tuple[int, tuple[str, ...]], Mapping[str, float]],
    schools: Mapping[str, School],
    version: str,
) -> Iterator[GigaMeasurement]:
    for (at_ms, labels), values in sorted(tests.items()):
        name, agent, role, server, uplink = labels
        school = schools.get(name)
        if school is None:
            continue
        line = school.line("backup" if role == "backup" else "primary", at_ms)
        yield GigaMeasurement(
            timestamp=datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            uuid=str(uuid.uuid5(_NAMESPACE, f"{at_ms}/{'/'.join(labels)}")),
            school_id=school.id,
            client_info=ClientInfo(ISP=line.provider or None if line else None),
            server_info={"Hostname": server or None},
            download=_kbit(values.get("down_mbps")),
            upload=_kbit(values.get("up_mbps")),
            latency=values.get("min_rtt_ms"),
            results={
                "retrans_ratio": values.get("retrans_ratio"),
                "bytes_used": values.get("bytes_used"),
                "uplink": uplink or None,
                "role": role or "primary",
                "technology": line.technology if line else None,
            },
            app_version=version,
            device_hardware_id=agent,
        )


def _kbit(mbit: float | None) -> float | None:
    return round(mbit * 1000, 1) if mbit is not None else None
