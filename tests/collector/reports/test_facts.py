"""What is read of the store, and how little: whole days first, hours only where a day has too little."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from page_backend import FakeIncidents, FakeRegistry
from parts.influx import Influx
from report_facts import incident

from schoolpulse.errors import UsageError
from schoolpulse.incidents.model import Cause, Change, IncidentKind, Transition
from schoolpulse.local_time import DAY_MS, HOUR_MS
from schoolpulse.registry.models import School
from schoolpulse.reports import facts
from schoolpulse.reports.facts import Facts, Sources, gather
from schoolpulse.reports.spans import length
from schoolpulse.stores.base import PointBlock, PointStore
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings

T0 = 20_000 * DAY_MS
STEP_MS = 300_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    made = SqliteStore(SqliteSettings.model_validate({"kind": "sqlite", "path": tmp_path / "points.db"}))
    yield made
    made.close()


def put(store: PointStore, measurement: str, field: str, school: str, times: list[int], **tags: str) -> None:
    rows = [(at_ms, list(tags.values()), [float(index % 7)]) for index, at_ms in enumerate(times)]
    store.write([PointBlock(measurement, (("school", school),), list(tags), [field], rows)], [])


def read(store: PointStore, days: int, *schools: str) -> Facts:
    known = [School(id=name, name=name, level="thcs", agent_id=f"gw-{name}") for name in schools]
    sources = Sources(registry=FakeRegistry(known), incidents=FakeIncidents(), store=store)
    return gather(sources, T0, T0 + days * DAY_MS)


def test_hours_without_samples_are_found(store: SqliteStore) -> None:
    gap = range(T0 + DAY_MS + 5 * HOUR_MS, T0 + DAY_MS + 8 * HOUR_MS)
    times = [at for at in range(T0, T0 + 4 * DAY_MS, STEP_MS) if at not in gap]
    times = [at for at in times if not T0 + 2 * DAY_MS <= at < T0 + 3 * DAY_MS]
    put(store, "system", "uptime_s", "a", times)
    put(store, "reachability", "up", "b", list(range(T0, T0 + DAY_MS, STEP_MS)), target="t")
    found = read(store, 4, "a", "b", "c")
    assert found.present is not None
    assert length(found.present["a"]) == 3 * DAY_MS - 3 * HOUR_MS
    assert found.present["a"][0] == (T0, gap.start)
    assert found.present["b"] == [(T0, T0 + DAY_MS)], "by its probes, where it tells nothing of itself"
    assert found.present["c"] == []


def test_a_store_that_has_nothing_says_nothing(store: SqliteStore) -> None:
    assert read(store, 3, "a", "b").present is None
    assert read(store, 3, "a", "b").devices is None


def test_speed_tests_of_the_primary_line_and_devices_of_the_last_day(store: SqliteStore) -> None:
    times = [T0 + HOUR_MS, T0 + DAY_MS]
    put(store, "speedtest", "down_mbps", "a", times, role="primary", server="centre")
    put(store, "speedtest", "up_mbps", "a", times[:1], role="primary", server="centre")
    put(store, "speedtest", "down_mbps", "a", [T0 + 5 * HOUR_MS], role="backup", server="centre")
    for name, at_ms in (("old", T0), ("d1", T0 + DAY_MS + HOUR_MS), ("d2", T0 + DAY_MS + HOUR_MS)):
        put(store, "device", "up", "a", [at_ms], device=name)
    found = read(store, 2, "a", "b")
    assert [tuple(one) for one in found.speed["a"]] == [(times[0], 0.0, 0.0), (times[1], 1.0, None)]
    assert found.devices == {"a": 2}
    alone = read(store, 2, "a")
    assert (alone.speed, alone.devices) == (found.speed, found.devices)


def test_a_long_range_is_asked_in_pieces_and_very_many_schools_one_by_one(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, "system", "uptime_s", "a", list(range(T0, T0 + 3 * DAY_MS, STEP_MS)))
    whole = read(store, 3, "a", "b").present
    monkeypatch.setattr(facts, "ROWS_AT_ONCE", 4)
    assert read(store, 3, "a", "b").present == whole
    monkeypatch.setattr(facts, "TOGETHER", 1)
    assert read(store, 3, "a", "b").present == whole
    assert whole == {"a": [(T0, T0 + 3 * DAY_MS)], "b": []}


def test_all_pages_of_incidents_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = FakeIncidents()
    for number in range(5):
        start_ms = T0 + number * HOUR_MS
        one = incident("a", IncidentKind.OUTAGE, Cause.LINE_CUT, start_ms, start_ms + 1)
        reader.add(Transition(one, 1, Change.OPENED, start_ms, pages=False))
    monkeypatch.setattr(facts, "PAGE", 2)
    assert len(facts.incidents_in(reader, T0, T0 + DAY_MS)) == 5
    monkeypatch.setattr(facts, "MAX_INCIDENTS", 4)
    with pytest.raises(UsageError, match="more than 4 incidents"):
        facts.incidents_in(reader, T0, T0 + DAY_MS)


def test_influxdb_tells_the_same(store: SqliteStore, tmp_path: Path) -> None:
    gap = range(T0 + DAY_MS + 5 * HOUR_MS, T0 + DAY_MS + 8 * HOUR_MS)
    times = [at for at in range(T0, T0 + 3 * DAY_MS, STEP_MS) if at not in gap]
    with Influx(tmp_path / "influx") as part:
        influx = InfluxStore(
            InfluxSettings(kind="influx", url=part.url, rollups_path=tmp_path / "rollups.db")
        )
        one: PointStore
        for one in (store, influx):
            put(one, "system", "uptime_s", "a", times)
            put(one, "system", "uptime_s", "b", times[:50])
            put(one, "speedtest", "down_mbps", "a", [T0, T0 + 6 * HOUR_MS], role="primary", server="centre")
            put(one, "device", "up", "a", [T0 + 3 * DAY_MS - HOUR_MS], device="d1")
            one.maintain(T0 + 4 * DAY_MS)
        expected = read(store, 3, "a", "b")
        assert read(influx, 3, "a", "b") == expected
        influx.close()
    assert expected.present is not None
    assert length(expected.present["a"]) == 3 * DAY_MS - 3 * HOUR_MS
    assert expected.devices == {"a": 1}
    assert len(expected.speed["a"]) == 2
