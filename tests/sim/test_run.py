"""A district over real MQTT: wills, failover, backlog, an orderly end."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parts.mosquitto import Mosquitto
from pydantic import BaseModel

from schoolpulse.contract.models import Birth, State, Telemetry
from schoolpulse_agent import wire
from schoolpulse_sim.run import Simulation
from schoolpulse_sim.scenario import Scenario

pytestmark = pytest.mark.real("mosquitto")

CUTS = Scenario.model_validate(
    {
        "scenario": {"title": "two cuts"},
        "district": {"schools": 8, "devices": [2, 4]},
        "agent": {"probe": "1s", "batch": "1s", "keepalive": "5s", "reconnect_spread": "2s"},
        "event": [
            {"kind": "line_cut", "at": "3s", "lasts": "14s", "where": {"backup": True}},
            {"kind": "line_cut", "at": "3s", "lasts": "14s", "where": {"backup": False}},
        ],
    }
)
_MODELS: dict[wire.Kind, type[BaseModel]] = {
    wire.Kind.STATE: State,
    wire.Kind.BIRTH: Birth,
    wire.Kind.TELEMETRY: Telemetry,
}


def _wan(batch: dict[str, Any]) -> dict[str, list[int]]:
    """The last [active, carrier] of each uplink that a batch tells of."""
    rows: list[Any] = next((block["rows"] for block in batch["blocks"] if block["m"] == "wan"), [])
    return {tags[0]: fields for _, tags, fields in rows}


@pytest.mark.parametrize("version", [5, 4])
def test_cut_lines_show_as_they_would(broker: Mosquitto, listener: Any, version: int) -> None:
    from schoolpulse_sim.net import Broker  # noqa: PLC0415 - only where there is a broker

    simulation = Simulation(CUTS, Broker.of(broker.url, version=version), seed=3)
    simulation.start()
    assert simulation.wait_ready(60)
    with_backup, without = (
        simulation.district.schools[fault.schools[0]].agent_id for fault in simulation.faults
    )

    listener.wait_for(
        lambda: any(
            _wan(batch).get("wwan") == [1, 1] for batch in listener.of(with_backup, wire.Kind.TELEMETRY)
        )
    )
    listener.wait_for(lambda: not listener.of(without, wire.Kind.STATE)[-1]["online"])
    will = listener.of(without, wire.Kind.STATE)[-1]
    assert "at" not in will
    assert "reason" not in will
    listener.wait_for(lambda: listener.of(without, wire.Kind.STATE)[-1]["online"])
    back = listener.of(without, wire.Kind.STATE)[-1]
    assert back["session"] > will["session"]
    assert back["boot"] == will["boot"]

    simulation.stop()
    assert simulation.error is None
    stats = simulation.stats()
    assert stats["unconfirmed"] == stats["discarded"] == 0
    assert stats["batches_made"] == stats["batches_confirmed"] == len(listener.batches)
    for _, kind, body in listener.messages:
        _MODELS[kind].model_validate_json(json.dumps(body))
    for school in simulation.district.schools:
        assert listener.of(school.agent_id, wire.Kind.STATE)[-1]["reason"] == "shutdown"
    assert _failed_probes(listener.of(without, wire.Kind.TELEMETRY)) > 3
    kinds = [(line["kind"], line["end"] is not None) for line in simulation.truth]
    assert kinds == [("on_backup", True), ("outage", True)]


def _failed_probes(batches: list[dict[str, Any]]) -> int:
    """Rounds in the backlog whose probe of the provider's edge failed."""
    return sum(
        fields[0] == 0
        for batch in batches
        for block in batch["blocks"]
        if block["m"] == "reachability" and "rtt_ms" in block["fields"]
        for _, tags, fields in block["rows"]
        if tags[1] == "isp_edge"
    )


def test_the_command_ends_in_order(broker: Mosquitto, listener: Any, tmp_path: Path) -> None:
    truth, registry, summary = (tmp_path / name for name in ("truth.jsonl", "registry.csv", "summary.json"))
    command = [sys.executable, "-m", "schoolpulse_sim", "run", "--scenario", "demo", "--schools", "5"]
    command += ["--broker", broker.url, "--truth", str(truth), "--registry", str(registry)]
    command += ["--summary", str(summary), "--duration", "120"]  # ends by itself should this test fail
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["ready"] is True
    listener.wait_for(lambda: len(listener.batches) >= 5)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    figures = json.loads(out)
    assert json.loads(summary.read_text()) == figures
    assert figures["batches_confirmed"] == figures["batches_made"]
    assert len(registry.read_bytes().splitlines()) == 6
    assert truth.exists()


def test_poison_comes_beside_the_good(broker: Mosquitto, listener: Any) -> None:
    poisoned = Scenario.model_validate(
        {
            "scenario": {"title": "poison"},
            "district": {"schools": 2, "devices": [0, 0]},
            "messages": {"malformed_per_school_day": 1000},
            "agent": {"probe": "1s", "batch": "1s"},
        }
    )
    # A thousand a day is one in 86 s; the seed's first one comes early enough.
    simulation = Simulation(poisoned, broker.url, seed=5)
    simulation.start()
    listener.wait_for(lambda: listener.broken, 240)
    simulation.stop()
    assert simulation.error is None
    assert len(listener.batches) > 2
