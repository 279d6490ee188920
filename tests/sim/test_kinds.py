"""Devices say what their kind says: now and then, of themselves, and the same whoever works it out."""

from __future__ import annotations

import json
from collections import defaultdict

from schoolpulse_sim import kinds
from schoolpulse_sim.district import Device, School
from schoolpulse_sim.generate import Plan, traffic
from schoolpulse_sim.scenario import Scenario
from schoolpulse_sim.timing import HOUR, MINUTE

SCENARIO = Scenario.model_validate(
    {
        "scenario": {"title": "kinds", "starts": "2026-10-05T07:00:00+07:00"},
        "district": {"schools": 5, "devices": [30, 40]},
        "event": [{"kind": "power_cut", "at": "1h", "lasts": "20m", "where": {"battery": True, "count": 1}}],
    }
)


def test_each_kind_says_its_own_every_five_minutes() -> None:
    plan = Plan(SCENARIO, 3, length_ms=3 * HOUR)
    schools = {school.agent_id: school for school in plan.district.schools}
    seen: dict[tuple[str, str, str], list[tuple[int, dict[str, float]]]] = defaultdict(list)
    for lines in traffic(plan):
        for _, _, line in lines:
            message = json.loads(line)
            for block in message["payload"].get("blocks", ()) if isinstance(message["payload"], dict) else ():
                for at_ms, tags, fields in block["rows"]:
                    if block["m"] in {"ups", "printer", "projector", "display"}:
                        key = (message["topic"].split("/")[2], block["m"], tags[0])
                        seen[key].append((at_ms, dict(zip(block["fields"], fields, strict=True))))
    wanted = {
        (school.agent_id, device.kind, device.name)
        for school in schools.values()
        for device in school.devices
        if device.kind in {"ups", "printer", "projector", "display"}
    }
    assert seen.keys() == wanted
    assert {kind for _, kind, _ in wanted} == {"ups", "printer", "projector", "display"}
    for (agent, kind, name), rows in seen.items():
        school = schools[agent]
        device = next(one for one in school.devices if one.name == name)
        assert len(rows) > 3 * HOUR / kinds.SAY_EVERY_MS / 2
        for at_ms, fields in rows:
            assert_says(school, device, kind, at_ms, fields)
    batteries = [fields for (_, kind, _), rows in seen.items() if kind == "ups" for _, fields in rows]
    assert {fields["on_battery"] for fields in batteries} == {0, 1}


def assert_says(school: School, device: Device, kind: str, at_ms: int, fields: dict[str, float]) -> None:
    if kind == "projector":
        assert fields["lamp_h"] == kinds.lamp_h(school, device, at_ms)
    if kind in {"projector", "display"}:
        # The clock of a gateway may be off by some seconds: near a lesson's end that matters.
        near = {kinds.is_on(school, device, at_ms + late) for late in (-MINUTE, 0, MINUTE)}
        assert bool(fields["is_on"]) in near
    if kind == "printer":
        assert fields["supply_ratio"] == kinds.supply_ratio(school, device, at_ms)
    if kind == "ups":
        assert fields["charge_ratio"] == kinds.charge_ratio(school, mains=not fields["on_battery"])


def test_displays_are_on_in_lessons_and_never_at_night() -> None:
    plan = Plan(SCENARIO, 3, length_ms=HOUR)
    start = plan.start_ms
    devices = [(school, device) for school in plan.district.schools for device in school.devices]
    on = sum(kinds.is_on(*one, start + 2 * HOUR) for one in devices)
    assert 0 < on < len(devices)
    assert not any(kinds.is_on(*one, start + 16 * HOUR) for one in devices)
