"""A simulated district pushed through the collector's own parts into a real InfluxDB, and what is true of it.

No broker: the simulator's lines are decoded and given to the same sinks, in virtual time, as the collector
gives them; the exporter and the rollups run by the same clock.
"""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fakes import FakeClock
from parts.influx import Influx

from schoolpulse.contract.models import Block, Telemetry
from schoolpulse.database import connect
from schoolpulse.export.exporter import Exporter
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.recording import read_line
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.sink import IncidentSink
from schoolpulse.live import LiveView
from schoolpulse.messages import Received
from schoolpulse.metrics import Metrics
from schoolpulse.registry.csv_file import read_schools
from schoolpulse.registry.repository import Registry
from schoolpulse.stores.influx import InfluxStore
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.sink import StoreSink
from schoolpulse_sim.generate import Plan, traffic
from schoolpulse_sim.scenario import Scenario
from schoolpulse_sim.truth import truths

DATABASE = "monitoring"
SCHOOLS = 12
STEP_MS = 30_000
LENGTH_MS = 100 * 60_000
SPEED = {"down_mbps": 71.5, "up_mbps": 33.0}


@dataclass(frozen=True)
class District:
    """The district as it is at `now_ms`, in `influx`."""

    influx: Influx
    plan: Plan
    registry: Registry
    metrics: Metrics
    now_ms: int

    @property
    def truth(self) -> list[Mapping[str, Any]]:
        """What really happened."""
        plan = self.plan
        return list(truths(plan.faults, plan.district, plan.scenario.monitoring, plan.end_ms))

    def schools_with(self, kind: str, *, backup: bool) -> set[str]:
        """Schools that something happens to now."""
        has = {school.id: school.backup is not None for school in self.plan.district.schools}
        return {
            one["school"]
            for one in self.truth
            if one["kind"] == kind and one["end"] is None and has[one["school"]] is backup
        }


def scenario(starts: str) -> Scenario:
    """A district in which something of every kind goes on at the end."""
    return Scenario.model_validate(
        {
            "scenario": {"title": "for dashboards", "starts": starts},
            "district": {"schools": SCHOOLS, "devices": [18, 26]},
            "event": [
                {"kind": "line_cut", "at": "20m", "lasts": "15m", "where": {"backup": False}},
                {
                    "kind": "power_cut",
                    "at": "40m",
                    "lasts": "12m",
                    "where": {"battery": False, "backup": False},
                },
                {"kind": "line_cut", "at": "80m", "lasts": "3h", "where": {"backup": False, "count": 2}},
                {"kind": "line_cut", "at": "75m", "lasts": "3h", "where": {"backup": True, "count": 2}},
                {"kind": "device_failure", "at": "50m", "lasts": "3h", "where": {"backup": True, "count": 3}},
            ],
        }
    )


def fill(influx: Influx, folder: Path, starts_ms: int) -> District:
    """Let `LENGTH_MS` of the district pass."""
    starts = dt.datetime.fromtimestamp(starts_ms / 1000, dt.UTC).isoformat()
    plan = Plan(scenario(starts), seed=5, length_ms=LENGTH_MS)
    clock = FakeClock(plan.start_ms)
    sql = connect(f"sqlite:///{folder}/state.db")
    registry = Registry(sql)
    registry.upsert(read_schools(plan.district.registry_csv(), parent_area=("TP.HCM", "Gò Vấp")))
    settings = InfluxSettings(
        kind="influx", url=influx.url, database=DATABASE, rollups_path=folder / "rollups.db"
    )
    store, metrics = InfluxStore(settings, clock), Metrics()
    live = LiveView(registry, clock)
    repository = IncidentRepository(sql)
    exporter = Exporter(store=store, settings=settings, live=live, incidents=repository, metrics=metrics)
    incidents = IncidentSink(
        policy=Policy(), registry=registry, sql_engine=sql, metrics=metrics, listeners=[live, exporter]
    )
    cursor = [0]
    sink = StoreSink(
        store=store,
        identify=lambda agent, _: school.id if (school := registry.school_of(agent)) else None,
        load_cursor=lambda: cursor[0],
        save_cursor=functools.partial(cursor.__setitem__, 0),
        put_aside=lambda *_: None,
        metrics=metrics,
        clock=clock,
        export=exporter.export,
    )
    metrics.broker_connected.set(1)
    metrics.quarantined.labels("bad_json").inc(3)
    metrics.webhook_attempts.labels("delivered").inc(2)
    waiting: list[Received] = []
    more = list(extras(plan))
    lines = (line for chunk in traffic(plan) for line in chunk)
    for number, line in enumerate(lines, start=100):
        message = read_line(line[-1], number)
        while message.received_ms >= clock.now_ms() + STEP_MS:
            clock.advance(STEP_MS / 1000)
            for one in (sink, incidents, live):
                one.process(waiting, number - 1)
                one.idle(clock.now_ms())
                metrics.sink_position.labels(one.name).set(number)
            metrics.journal_position.set(number)
            waiting = []
            metrics.journalled.inc()
        while more and more[0].received_ms <= message.received_ms:
            sink.process([more.pop(0)], 0)  # the store alone: the incidents do not ask for them
        waiting.append(message)
    for one in (sink, incidents, live):
        one.process(waiting, 10**9)
        one.idle(clock.now_ms())
    clock.advance(61)  # the minute after the last message
    sink.idle(clock.now_ms())
    now_ms = clock.now_ms()
    store.maintain(now_ms + 2 * 3_600_000)  # so that the last windows are rolled up too
    while store.rollups is not None and len(store.rollups.marks):
        store.maintain(now_ms + 2 * 3_600_000)
    store.close()
    return District(influx, plan, registry, metrics, now_ms)


def extras(plan: Plan) -> Sequence[Received]:
    """What the simulator does not measure and the agent does: speed tests, a classroom's machine."""
    found: list[Received] = []
    for seq, minute in enumerate((20, LENGTH_MS // 60_000 - 5), start=1):
        at_ms = plan.start_ms + minute * 60_000
        for number, school in enumerate(plan.district.schools):
            speed = block("speedtest", {"uplink": "wan", "role": "primary"}, SPEED, at_ms)
            used = block("classroom", {}, {"in_use": float(number % 3 == 0), "used_ratio": 0.5}, at_ms)
            batch = Telemetry(
                v=1, stream="extra", seq=seq, boot="b", clock="synced", sent_at=at_ms, blocks=[speed, used]
            )
            found.append(Received(len(found) + 1, at_ms, school.agent_id, batch))
    return found


def block(name: str, tags: Mapping[str, str], fields: Mapping[str, float], at_ms: int) -> Block:
    """One row."""
    return Block(
        m=name, tags=list(tags), fields=list(fields), rows=[(at_ms, [*tags.values()], [*fields.values()])]
    )
