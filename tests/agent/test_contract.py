"""What the agent really sends keeps the contract as the collector reads it."""

from __future__ import annotations

from pathlib import Path

import pytest
from fakes import FakeClock

from schoolpulse_agent import wire
from schoolpulse_agent.birth import birth_message
from schoolpulse_agent.clock import boot_id
from schoolpulse_agent.config import parse
from schoolpulse_agent.disk import MemoryDisk
from schoolpulse_agent.holding import Holding
from schoolpulse_agent.probes.base import Surroundings
from schoolpulse_agent.probes.reachability import Own, ReachabilityProbe
from schoolpulse_agent.probes.registry import make_probes
from schoolpulse_agent.probes.targets import DEFAULT_TARGETS
from schoolpulse_agent.recorder import Recorder
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.timekeeper import TimeKeeper

# The agent's wheel is tested without the collector, too.
pytest.importorskip("pydantic")
decode = pytest.importorskip("schoolpulse.contract.decode").decode

AGENT = "thcs-go-vap"
CONFIG = f'[agent]\nid = "{AGENT}"\n[broker]\nurl = "mqtt://127.0.0.1"\n'


def test_a_batch_of_every_probe_is_taken(tmp_path: Path) -> None:
    clock = FakeClock()
    settings = parse(CONFIG.encode())
    probes = make_probes(settings, clock)
    # The default targets are on the Internet: asked on a machine without any route, none answers.
    nowhere = Surroundings(settings.uplinks, clock, tmp_path, tmp_path)
    probes["reachability"] = ReachabilityProbe(Own(DEFAULT_TARGETS, timeout_s=0.1, tries=1), nowhere)
    spool = Spool(tmp_path / "spool", max_bytes=1_000_000)
    keeper = TimeKeeper(clock, is_synced=lambda: True, survives_power_cuts=True, wait_s=0)
    holding = Holding(tmp_path / "unstamped", boot_id(), MemoryDisk())
    recorder = Recorder(spool, holding, keeper, boot_id(), lambda: None)
    for _ in range(2):
        for probe in probes.values():
            recorder.take(probe.measure(), clock.monotonic())
        clock.advance(60)
    recorder.flush()
    recorder.flush()  # an empty one
    topic = wire.topic(AGENT, wire.Kind.TELEMETRY)
    measured = set()
    for seq in spool.pending():
        body = spool.read(seq) or b""
        message = wire.telemetry_message(spool.stream, seq, clock.now_ms(), body, 0)
        taken = decode(topic, message, clock.now_ms())
        measured |= {block.m for block in taken.body.blocks}
    assert measured >= {"system", "wan", "reachability"}
    spool.close()


def test_the_birth_is_taken(tmp_path: Path) -> None:
    settings = parse(CONFIG.encode())
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_text("TP-Link Archer\tC7 v5\0")
    births = []
    for root in (Path("/"), tmp_path):
        payload = wire.dumps(birth_message(settings, boot_id(), FakeClock(), 1, root))
        births.append(decode(wire.topic(AGENT, wire.Kind.BIRTH), payload, FakeClock().now_ms()).body)
    assert [birth.probes for birth in births] == [["system", "interface", "wan", "modem", "reachability"]] * 2
    assert births[1].hardware == "TP-Link ArcherC7 v5"


def test_a_classrooms_agent_is_taken(tmp_path: Path) -> None:
    settings = parse(
        CONFIG.replace("[agent]", '[agent]\nrole = "classroom"', 1).split("[[uplink]]")[0].encode()
    )
    clock = FakeClock()
    measured: set[str] = set()
    for name, probe in make_probes(settings, clock, Path("/")).items():
        readings = probe.measure().readings
        samples = [wire.Sample(r.measurement, clock.now_ms(), r.tags, r.fields) for r in readings]
        body = wire.telemetry_body(boot_id(), "synced", wire.blocks_of(samples))
        message = wire.telemetry_message("ab" * 16, 1, clock.now_ms(), body)
        taken = decode(wire.topic(AGENT, wire.Kind.TELEMETRY), message, clock.now_ms()).body
        measured |= {block.m for block in taken.blocks}
        assert name in {"classroom", "wifi"}
    assert "classroom" in measured
    payload = wire.dumps(birth_message(settings, boot_id(), clock, 1, tmp_path))
    assert decode(wire.topic(AGENT, wire.Kind.BIRTH), payload, clock.now_ms()).body.role == "classroom"
