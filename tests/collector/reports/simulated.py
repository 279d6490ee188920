"""A simulated district on the record: its traffic through the real engine, and the real embedded store."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from fakes import FakeClock

from schoolpulse.database import connect
from schoolpulse.errors import Rejected
from schoolpulse.incidents.mutes import SchoolCalendar
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.recording import read_line
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.messages import Received
from schoolpulse.metrics import Metrics
from schoolpulse.registry.csv_file import read_schools
from schoolpulse.registry.repository import Registry
from schoolpulse.reports.facts import Sources
from schoolpulse.reports.maker import Reports
from schoolpulse.stores.sink import StoreSink
from schoolpulse.stores.sqlite import SqliteStore
from schoolpulse.stores.sqlite_settings import SqliteSettings
from schoolpulse_sim.generate import Plan, traffic
from schoolpulse_sim.scenario import Scenario

GROUP = 2_000


@dataclass(frozen=True, slots=True)
class Recorded:
    """What was heard of `plan`, and what really happened."""

    plan: Plan
    truths: list[dict[str, Any]]
    sources: Sources

    def reports(self, now_ms: int | None = None, calendar: SchoolCalendar | None = None) -> Reports:
        """Reports as somebody makes them at `now_ms`; when the simulation has ended without."""
        return Reports(self.sources, FakeClock(self.plan.end_ms if now_ms is None else now_ms), calendar)


@contextmanager
def recorded(scenario: dict[str, Any], seed: int, folder: Path) -> Iterator[Recorded]:
    """Play a scenario and put down what a collector would."""
    plan = Plan(Scenario.model_validate(scenario), seed)
    database = connect(f"sqlite:///{folder / 'state.db'}")
    registry = Registry(database)
    registry.upsert(read_schools(plan.district.registry_csv()))
    clock = FakeClock(plan.start_ms)
    store = SqliteStore(
        SqliteSettings.model_validate({"kind": "sqlite", "path": folder / "points.db"}), clock
    )
    incidents = IncidentSink(policy=Policy(), registry=registry, sql_engine=database)
    points = StoreSink(
        store=store,
        identify=lambda agent_id, _: found.id if (found := registry.school_of(agent_id)) else None,
        load_cursor=lambda: 0,
        save_cursor=lambda _: None,
        put_aside=lambda *_: None,
        metrics=Metrics(),
        clock=clock,
    )
    for group in _groups(plan):
        through = group[-1].position
        incidents.process(group, through)
        points.process(group, through)
    incidents.idle(plan.end_ms)
    store.maintain(plan.end_ms)
    sources = Sources(
        registry=registry,
        incidents=(repository := IncidentRepository(database)),
        store=store,
        first_seen=repository.first_seen_all,
    )
    truths = [json.loads(line) for line in plan.truth_text().splitlines()]
    try:
        yield Recorded(plan, truths, sources)
    finally:
        store.close()
        database.dispose()


def _groups(plan: Plan) -> Iterator[list[Received]]:
    group: list[Received] = []
    for position, line in enumerate((line for lines in traffic(plan, "evidence") for line in lines), start=1):
        try:
            group.append(read_line(line[-1], position))
        except Rejected:
            continue
        if len(group) >= GROUP:
            yield group
            group = []
    if group:
        yield group


def at(text: str) -> datetime:
    """A moment of Vietnam's clock."""
    return datetime.fromisoformat(f"{text}+07:00")
