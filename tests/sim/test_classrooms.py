"""Simulated classrooms: the shape of the real probes, the school's calendar, nobody's outage."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse.contract.decode import decode
from schoolpulse.contract.models import Birth, State, Telemetry
from schoolpulse_agent import wire
from schoolpulse_agent.birth import birth_message
from schoolpulse_agent.config import parse
from schoolpulse_agent.probes.registry import make_probes
from schoolpulse_sim.__main__ import main
from schoolpulse_sim.generate import Plan, school_traffic, traffic
from schoolpulse_sim.scenario import Scenario
from schoolpulse_sim.timing import DAY, HOUR, MINUTE, local

CONFIG = '[agent]\nid = "phong-7a1"\nrole = "classroom"\n[broker]\nurl = "mqtt://127.0.0.1"\n'
WEEKEND = {"title": "a weekend comes", "starts": "2026-10-09T00:00:00+07:00", "lasts": "3d"}
Shapes = dict[str, tuple[list[str], list[str]]]


def scenario(**district: Any) -> Scenario:
    return Scenario.model_validate(
        {"scenario": WEEKEND, "district": {"schools": 4, "devices": [0, 0], **district}}
    )


@pytest.fixture(scope="module")
def weekend() -> Plan:
    """Friday to Sunday at four schools with two classrooms each."""
    return Plan(scenario(classrooms=[2, 2]), 5)


@pytest.fixture(scope="module")
def messages(weekend: Plan) -> dict[str, list[tuple[int, Any]]]:
    """What the collector makes of the classrooms' messages, by agent."""
    found = defaultdict(list)
    for school in weekend.district.schools:
        _gateway, *rooms = school_traffic(weekend, school, "full")
        for at_ms, _, line in (one for room in rooms for one in room.until(weekend.end_ms)):
            record = json.loads(line)
            taken = decode(record["topic"], wire.dumps(record["payload"]), at_ms)
            found[taken.agent_id].append((at_ms, taken.body))
    return found


def shapes_of(batches: list[Telemetry]) -> Shapes:
    return {block.m: (block.tags, block.fields) for batch in batches for block in batch.blocks}


def test_it_sends_what_the_real_probes_send(
    messages: dict[str, list[tuple[int, Any]]], tmp_path: Path
) -> None:
    settings = parse(CONFIG.encode())
    (tmp_path / "proc/net").mkdir(parents=True)
    (tmp_path / "proc/net/wireless").write_text("a\nb\n wlan0: 0000   60.  -50.  -256  0 0 0 0 0 0\n")
    (tmp_path / "proc/uptime").write_text("5400.1 1.0")
    clock = FakeClock()
    probes = make_probes(settings, clock, tmp_path)
    readings = [reading for probe in probes.values() for reading in probe.measure().readings]
    samples = [wire.Sample(one.measurement, clock.now_ms(), one.tags, one.fields) for one in readings]
    body = wire.telemetry_message(
        "s", 1, clock.now_ms(), wire.telemetry_body("b", "synced", wire.blocks_of(samples))
    )
    real = shapes_of([Telemetry.model_validate_json(body)])
    assert set(real) == {"classroom", "wifi"}
    assert len(messages) == 8
    for said in messages.values():
        assert shapes_of([body for _, body in said if isinstance(body, Telemetry)]) == real
    [birth, *_] = [body for _, body in messages["pc-sim-0001-1"] if isinstance(body, Birth)]
    theirs = birth_message(settings, "b", clock, 1, tmp_path)
    assert (birth.role, birth.probes, birth.uplinks) == (theirs["role"], theirs["probes"], theirs["uplinks"])


def test_a_weekend_is_dark_and_nobodys_outage(
    weekend: Plan, messages: dict[str, list[tuple[int, Any]]]
) -> None:
    ends = set()
    for said in messages.values():
        times = [local(at_ms) for at_ms, _ in said]
        assert {time.day for time in times} == {9}, "Friday, and neither Saturday nor Sunday"
        assert min(times).hour >= 6
        assert max(times).hour < 18
        last = said[-1][1]
        assert isinstance(last, State)
        assert not last.online
        ends.add(last.reason)
    assert ends == {"shutdown", None}, "some pull the plug"
    assert weekend.truth_text() == ""


def test_it_is_used_in_lessons_and_reports_the_share(messages: dict[str, list[tuple[int, Any]]]) -> None:
    rows = [
        (at_ms, dict(zip(block.fields, values, strict=True)))
        for said in messages.values()
        for _, body in said
        if isinstance(body, Telemetry)
        for block in body.blocks
        if block.m == "classroom"
        for at_ms, _, values in block.rows
    ]
    assert len(rows) > 8 * 9 * HOUR / (5 * MINUTE), "each five minutes"
    used = sum(bool(fields["in_use"]) for _, fields in rows) / len(rows)
    assert 0.2 < used < 0.9
    assert {fields["used_ratio"] for _, fields in rows} > {0.0, 1.0}
    boots = [fields for _, fields in rows if fields["cpu_used_ratio"] is None]
    assert len(boots) == 8, "the first report after a start has nothing to compare with"


def test_gateways_and_files_stay_as_they_are(tmp_path: Path) -> None:
    def lines(plan: Plan) -> list[bytes]:
        return [line for part in traffic(plan) for _, _, line in part if b"/pc-sim-" not in line]

    without, with_rooms = (
        Plan(scenario(classrooms=rooms), 5, length_ms=DAY // 4) for rooms in ([0, 0], [1, 3])
    )
    assert lines(without) == lines(with_rooms)
    assert without.district.registry_csv() == with_rooms.district.registry_csv()
    files = [tmp_path / "events.jsonl", tmp_path / "rooms.csv"]
    arguments = ["generate", "--scenario", "smart-classrooms", "--days", "0.01", "--schools", "9"]
    assert main([*arguments, "--events", str(files[0]), "--classrooms", str(files[1])]) == 0
    named = {row["agent_id"] for row in csv.DictReader(files[1].read_text("utf-8-sig").splitlines())}
    topics = {json.loads(line)["topic"].split("/")[2] for line in files[0].read_text().splitlines()[1:]}
    assert named == {agent_id for agent_id in topics if agent_id.startswith("pc-")}
    assert 0 < len(named) <= 9
