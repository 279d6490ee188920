"""What the exporter writes, when, and that nothing is forgotten while InfluxDB is away."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse.database import connect
from schoolpulse.errors import StoreUnavailable
from schoolpulse.export import records
from schoolpulse.export.exporter import Exporter
from schoolpulse.export.records import SEVERITY
from schoolpulse.export.tiers import STEPS, tier_table
from schoolpulse.incidents.model import Cause, Change, Incident, IncidentKind, SchoolStatus, Scope, Transition
from schoolpulse.live import LiveView
from schoolpulse.metrics import Metrics
from schoolpulse.registry.models import AreaPeriod, Line, School
from schoolpulse.registry.repository import Registry
from schoolpulse.stores.base import Delivery, PointBlock, Series, SeriesQuery, Window, Written
from schoolpulse.stores.influx_settings import InfluxSettings

NOW_MS = 1_790_000_000_000 // 86_400_000 * 86_400_000
SETTINGS = InfluxSettings(kind="influx", retention_days=90)
SCHOOL = School(
    id="s1",
    name="Trường 1",
    level="thcs",
    area=("TP.HCM", "Phường 3"),
    agent_id="gw-1",
    lines=(Line(role="primary", provider="VNPT", technology="fibre", contracted_down_mbps=200.0),),
)
INCIDENT = Incident(
    id="i1",
    kind=IncidentKind.OUTAGE,
    cause=Cause.UNKNOWN,
    scope=Scope.SCHOOL,
    school="s1",
    provider="VNPT",
    start=NOW_MS - 60_000,
    detected_at=NOW_MS - 50_000,
    confirmed_at=NOW_MS - 30_000,
)


class FakeStore:
    """Keeps points as InfluxDB would: the same series and moment once. Away when told to be."""

    def __init__(self) -> None:
        self.away = False
        self.points: dict[tuple[str, tuple[str | None, ...], int], dict[str, Any]] = {}
        self.speeds: list[Series] = []

    def write(self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery]) -> Written:
        assert not deliveries
        self.write_lasting(blocks)
        return Written(sum(len(block.rows) for block in blocks))

    def write_lasting(self, blocks: Sequence[PointBlock]) -> None:
        if self.away:
            raise StoreUnavailable("away")
        for block in blocks:
            for at_ms, tags, values in block.rows:
                fields = dict(zip(block.field_keys, values, strict=True))
                self.points.setdefault((block.measurement, tuple(tags), at_ms), {}).update(fields)

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        return self.speeds if query.field == "down_mbps" else []

    def of(self, measurement: str) -> list[dict[str, Any]]:
        return [
            fields
            for (name, _, _), fields in sorted(self.points.items(), key=lambda p: p[0][2])
            if name == measurement
        ]


class FakeIncidents:
    """What the repository remembers of the time before."""

    def __init__(self, *found: Incident) -> None:
        self._found = found

    def list(self, *, from_ms: int | None = None, limit: int = 100) -> Sequence[Incident]:
        return [one for one in self._found if one.start >= (from_ms or 0)][:limit]


class Setup:
    """An exporter with its seams."""

    def __init__(self, folder: Path, *before: Incident) -> None:
        self.clock = FakeClock(NOW_MS)
        self.store = FakeStore()
        registry = Registry(connect(f"sqlite:///{folder}/state.db"))
        registry.upsert([SCHOOL])
        self.live = LiveView(registry, self.clock)
        self.exporter = Exporter(
            store=self.store,
            settings=SETTINGS,
            live=self.live,
            incidents=FakeIncidents(*before),
            metrics=Metrics(),
        )

    def turn(self, status: SchoolStatus) -> None:
        for listener in (self.live, self.exporter):
            listener.on_status("s1", status, self.clock.now_ms())

    def tell(self, incident: Incident, change: Change) -> None:
        for listener in (self.live, self.exporter):
            listener.on_transition(Transition(incident, 1, change, self.clock.now_ms(), pages=True))

    def export(self) -> None:
        self.exporter.export(self.clock.now_ms())


@pytest.fixture
def setup(tmp_path: Path) -> Setup:
    return Setup(tmp_path)


def test_each_minute_a_state_and_each_change_at_its_moment(setup: Setup) -> None:
    setup.export()
    setup.export()
    assert [one["code"] for one in setup.store.of("status")] == [SEVERITY[SchoolStatus.UNKNOWN]]
    setup.clock.advance(20)
    setup.turn(SchoolStatus.ONLINE)
    setup.clock.advance(25)
    setup.turn(SchoolStatus.DOWN)
    setup.export()
    assert [one["code"] for one in setup.store.of("status")] == [4, 0, 5]
    assert "connected" not in setup.store.of("status")[1]  # a minute is counted once
    setup.clock.advance(60)
    setup.export()
    last = setup.store.of("status")[-1]
    assert (last["code"], last["connected"], last["measured"]) == (5, False, True)


def test_an_incident_is_one_point_that_changes(setup: Setup) -> None:
    setup.tell(INCIDENT, Change.OPENED)
    setup.export()
    (found,) = setup.store.of("incident")
    assert (found["open"], found["detect_s"], found["name"], found["ward"]) == (
        True,
        30.0,
        "Trường 1",
        "Phường 3",
    )
    setup.clock.advance(120)
    setup.export()
    assert setup.store.of("incident")[0]["duration_s"] == 180.0
    closed = replace(INCIDENT, cause=Cause.POWER_CUT, end=NOW_MS + 130_000, resolved_at=NOW_MS + 140_000)
    setup.tell(closed, Change.RESOLVED)
    setup.export()
    (found,) = setup.store.of("incident")
    assert (found["open"], found["duration_s"], found["cause"]) == (False, 190.0, "power_cut")
    assert found["title_vi"] == "Mất kết nối: mất điện tại trường"
    assert found["title_en"] == "Connection lost: power cut at the school"


def test_what_happened_before_a_school_moved_stays_with_its_old_ward() -> None:
    moved_ms = NOW_MS - 45_000
    areas = (AreaPeriod(("TP.HCM", "Gò Vấp", "Phường 10"), None, moved_ms), AreaPeriod(SCHOOL.area, moved_ms))
    school = replace(SCHOOL, areas=areas)
    later = replace(INCIDENT, id="i2", start=moved_ms)
    block = records.incidents([INCIDENT, later], {"s1": school}, NOW_MS)
    ward = block.field_keys.index("ward")
    assert [values[ward] for _, _, values in block.rows] == ["Phường 10", "Phường 3"]
    speeds = records.speeds({"s1": {moved_ms - 1: (90.0, None), moved_ms: (90.0, None)}}, [school])
    assert [tags[2] for _, tags, _ in speeds.rows] == ["Phường 10", "Phường 3"]


def test_nothing_is_forgotten_while_the_database_is_away(setup: Setup) -> None:
    setup.store.away = True
    setup.turn(SchoolStatus.DOWN)
    setup.tell(INCIDENT, Change.OPENED)
    with pytest.raises(StoreUnavailable):
        setup.export()
    closed = replace(INCIDENT, end=NOW_MS + 1, resolved_at=NOW_MS + 2)
    setup.tell(closed, Change.RESOLVED)
    setup.store.away = False
    setup.export()
    assert [one["open"] for one in setup.store.of("incident")] == [False]
    assert SEVERITY[SchoolStatus.DOWN] in {one["code"] for one in setup.store.of("status")}


def test_what_happened_before_a_restart_is_written_again(tmp_path: Path) -> None:
    setup = Setup(tmp_path, INCIDENT)
    setup.export()
    assert [one["id"] for one in setup.store.of("incident")] == ["i1"]


def test_names_and_speeds_stand_beside_the_contract(setup: Setup) -> None:
    at_ms = NOW_MS - 3_600_000
    setup.store.speeds = [
        Series({"school": "s1", "role": "primary"}, [Window(at_ms, 150.0, 150.0, 150.0, 1)]),
        Series({"school": "s1", "role": "backup"}, [Window(at_ms, 9.0, 9.0, 9.0, 1)]),
    ]
    setup.export()
    (speed,) = setup.store.of("line_speed")
    assert (speed["down_mbps"], speed["down_ratio"], speed["up_ratio"]) == (150.0, 0.75, None)
    (school,) = setup.store.of("school")
    assert (school["label"], school["provider"]) == ("Trường 1 [s1]", "VNPT")
    assert len(setup.store.of("tier")) == len(STEPS)


def test_the_tiers_cover_every_range_and_none_is_older_than_it_keeps() -> None:
    table = tier_table(SETTINGS, NOW_MS)
    rows: list[dict[str, Any]] = [
        dict(zip(table.field_keys, values, strict=True)) for _, _, values in table.rows
    ]
    assert [row["upto_ms"] for row in rows] == sorted(row["upto_ms"] for row in rows)
    assert [row["oldest_ms"] for row in rows] == sorted((row["oldest_ms"] for row in rows), reverse=True)
    times = [at_ms for at_ms, _, _ in table.rows]
    assert times == sorted(times, reverse=True)  # the finest is the newest, which is asked first
    assert all(row["high"].endswith('"') for row in rows)
