"""Full fidelity: real agent processes, whose line and power are really cut."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from parts.mosquitto import Mosquitto

from schoolpulse_agent import wire
from schoolpulse_agent.spool import Spool
from schoolpulse_sim.full.district import FullDistrict
from schoolpulse_sim.net import Broker
from schoolpulse_sim.scenario import Scenario

pytestmark = pytest.mark.real("mosquitto")

CUTS = Scenario.model_validate(
    {
        "scenario": {"title": "two cuts and a blackout"},
        "district": {"schools": 12, "devices": [2, 3], "battery_share": 0},
        "agent": {"probe": "1s", "batch": "2s", "keepalive": "5s", "reconnect_spread": "1s"},
        "event": [
            {"kind": "line_cut", "at": "8s", "lasts": "20s", "where": {"schools": ["sim-0001"]}},
            {"kind": "line_cut", "at": "8s", "lasts": "20s", "where": {"schools": ["sim-0002"]}},
            {"kind": "gateway_crash", "at": "8s", "lasts": "15s", "where": {"schools": ["sim-0003"]}},
        ],
    }
)


def _seed() -> int:
    """A seed whose first school has a backup and whose second has none."""
    from schoolpulse_sim.district import make_district  # noqa: PLC0415 - only here

    for seed in range(1, 100):
        first, second = make_district(CUTS.district, seed).schools[:2]
        if first.backup and not second.backup:
            return seed
    raise AssertionError("no such district in a hundred")


def test_real_agents_live_through_cuts_and_a_crash(broker: Mosquitto, listener: Any, tmp_path: Path) -> None:
    scenario = CUTS.sized(3)
    district = FullDistrict(scenario, Broker.of(broker.url), tmp_path, seed=_seed())
    backed, bare, crashed = (school.agent_id for school in district.district.schools)
    district.start()
    try:
        listener.wait_for(
            lambda: all(listener.of(who, wire.Kind.BIRTH) for who in (backed, bare, crashed)), 120
        )

        listener.wait_for(lambda: _uses_backup(listener, backed), 120)
        listener.wait_for(lambda: not listener.of(bare, wire.Kind.STATE)[-1]["online"], 120)
        assert "reason" not in listener.of(bare, wire.Kind.STATE)[-1]
        listener.wait_for(lambda: listener.of(bare, wire.Kind.STATE)[-1]["online"], 120)
        listener.wait_for(
            lambda: len({birth["boot"] for birth in listener.of(crashed, wire.Kind.BIRTH)}) == 2, 120
        )
        listener.wait_for(lambda: _failed(listener, bare) >= 3, 120)
    finally:
        district.stop()
    assert district.error is None
    for who in (backed, bare, crashed):
        listener.wait_for(lambda who=who: listener.of(who, wire.Kind.STATE)[-1].get("reason") == "shutdown")
        spool = Spool(tmp_path / who / "state" / "spool", max_bytes=20_000_000)
        for stream in _streams(listener, who):
            # What was not confirmed before the goodbye is not lost: the spool on disk still owes it.
            seqs = {seq for of_stream, seq in listener.batches if of_stream == stream}
            seqs |= set(spool.pending(stream))
            assert seqs == set(range(1, max(seqs) + 1)), "a batch that was persisted is missing"
        spool.close()
    births = listener.of(crashed, wire.Kind.BIRTH)
    assert births[-1]["uptime_s"] < 120 < births[0]["uptime_s"]
    assert [line["kind"] for line in district.truth] == ["on_backup", "outage", "outage"]


def _streams(listener: Any, who: str) -> set[str]:
    return {batch["stream"] for batch in listener.of(who, wire.Kind.TELEMETRY)}


def _rows(listener: Any, who: str, measurement: str) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    return [
        (dict(zip(block["tags"], tags, strict=True)), dict(zip(block["fields"], fields, strict=True)))
        for batch in listener.of(who, wire.Kind.TELEMETRY)
        for block in batch["blocks"]
        if block["m"] == measurement
        for _, tags, fields in block["rows"]
    ]


def _uses_backup(listener: Any, who: str) -> bool:
    return any(tags["role"] == "backup" and fields["active"] for tags, fields in _rows(listener, who, "wan"))


def _failed(listener: Any, who: str) -> int:
    rows = _rows(listener, who, "reachability")
    return sum(tags["scope"] == "isp_edge" and not fields["up"] for tags, fields in rows)
