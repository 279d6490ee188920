"""The real agent on a gateway with two lines in a small country whose cables are really cut."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from parts.confirmer import Confirmer
from parts.mosquitto import Mosquitto
from parts.network import LAN_DEVICE, NATIONAL, WORLD, Country

from schoolpulse_agent import discover

CONFIG = """
[agent]
id = "thcs-go-vap"
state_dir = "{folder}/state"
[broker]
url = "mqtt://{broker}"
reconnect_spread_s = 0.2
keepalive_s = 5
[batch]
interval_s = 1

[[uplink]]
name = "wan"
interface = "fibre0"
technology = "fibre"
[[uplink]]
name = "lte"
role = "backup"
interface = "mobile0"
technology = "4g"

[probes.wan]
interval_s = 1
[probes.device]
interval_s = 1
timeout_s = 0.5
tries = 2
[probes.reachability]
interval_s = 1
timeout_s = 0.5
tries = 2

[[device]]
name = "pc-1"
kind = "host"
address = "{device}"
"""
ROUND_MS, PATIENCE_MS = 1000, 15_000
TARGETS = (("edge", "isp_edge", "edge"), ("national", "national", "icmp"), ("world", "international", "icmp"))


def config_text(folder: Path, broker: str) -> str:
    text = CONFIG.format(folder=folder, broker=broker, device=LAN_DEVICE)
    for name, scope, method in TARGETS:
        address = NATIONAL if name == "national" else WORLD
        for uplink in ("wan", "lte"):
            text += (
                f'[[probes.reachability.target]]\nname = "{name}"\nscope = "{scope}"\nmethod = "{method}"\n'
                f'address = "{address}"\nuplink = "{uplink}"\n'
            )
    return text


class Evidence:
    """What the collector knows of the school by the newest of everything."""

    def __init__(self, collector: Confirmer) -> None:
        self.collector = collector

    def now(self) -> dict[str, int]:
        """0 or 1 by ``target/uplink``, ``active/uplink``, ``carrier/uplink`` and ``device/name``."""
        newest: dict[str, tuple[int, int]] = {}

        def say(what: str, at_ms: int, value: int) -> None:
            if at_ms >= newest.get(what, (0, 0))[0]:
                newest[what] = (at_ms, value)

        for batch in self.collector.of_kind("telemetry"):
            for block in batch["blocks"]:
                for at_ms, tag_values, field_values in block["rows"]:
                    tags = dict(zip(block["tags"], tag_values))  # noqa: B905  # strict came with Python 3.10
                    fields = dict(zip(block["fields"], field_values))  # noqa: B905  # the same
                    if block["m"] == "reachability":
                        say(f"{tags['target']}/{tags['uplink']}", at_ms, fields["up"])
                    elif block["m"] == "wan":
                        say(f"active/{tags['uplink']}", at_ms, fields["active"])
                        say(f"carrier/{tags['uplink']}", at_ms, fields["carrier"])
                    elif block["m"] == "device":
                        say(f"device/{tags['device']}", at_ms, fields["up"])
        return {what: value for what, (_, value) in newest.items()}

    def when(self, field: str, uplink: str, value: int, after_ms: int) -> int:
        """The time of the first `wan` row after `after_ms` in which `field` of `uplink` is `value`."""
        blocks = (b for batch in self.collector.of_kind("telemetry") for b in batch["blocks"])
        found: list[int] = [
            row[0]
            for block in blocks
            if block["m"] == "wan"
            for row in block["rows"]
            if row[0] >= after_ms
            and row[1][block["tags"].index("uplink")] == uplink
            and row[2][block["fields"].index(field)] == value
        ]
        return min(found)

    def wait_for(self, **expected: Any) -> None:
        """Wait until the evidence says `expected` (``__`` is the slash), and of all else that it is fine."""
        wanted = {"/".join(key.split("__")): value for key, value in expected.items()}
        everything = [f"{name}/{uplink}" for name, _, _ in TARGETS for uplink in ("wan", "lte")]
        everything += ["carrier/wan", "carrier/lte", "device/pc-1"]
        full = dict.fromkeys(everything, 1) | wanted

        def holds() -> bool:
            now = self.now()
            return all(now.get(what) == value for what, value in full.items())

        try:
            self.collector.wait_until(holds, 90)
        except AssertionError:
            now = self.now()
            raise AssertionError({k: (now.get(k), v) for k, v in full.items() if now.get(k) != v}) from None


@pytest.fixture
def country() -> Iterator[Country]:
    one = Country()
    try:
        one.start()
        yield one
    finally:
        one.stop()


@pytest.fixture
def evidence(country: Country, tmp_path: Path) -> Iterator[Evidence]:
    """What the agent on the gateway tells a collector in the middle of the country."""
    with country.inside("national"):
        broker = Mosquitto(tmp_path, f"listener 1884 {NATIONAL}", "user root")
        broker.start()
        collector = Confirmer(broker.port)
    config = tmp_path / "agent.toml"
    config.write_text(config_text(tmp_path, f"{NATIONAL}:1884"))
    command = country.command("gw", sys.executable, "-m", "schoolpulse_agent", "run", "--config", str(config))
    with (tmp_path / "agent.log").open("wb") as log:
        agent = subprocess.Popen(command, stderr=log)
        try:
            yield Evidence(collector)
        finally:
            agent.terminate()
            agent.wait(60)
            collector.close()
            broker.kill()
    assert "Traceback" not in (tmp_path / "agent.log").read_text()


def test_each_cable_that_is_cut_is_the_one_that_is_named(country: Country, evidence: Evidence) -> None:
    evidence.wait_for(active__wan=1, active__lte=0)
    country.cut("sea")
    evidence.wait_for(world__wan=0, world__lte=0)
    country.mend("sea")
    evidence.wait_for()
    country.cut(
        "core1"
    )  # behind the provider's edge, which goes on answering; the broker is out of reach too
    country.prefer_mobile()
    evidence.wait_for(national__wan=0, world__wan=0, active__wan=0, active__lte=1)
    country.mend("core1")
    country.prefer_fibre()
    evidence.wait_for(active__wan=1, active__lte=0)
    country.cut("lan")
    evidence.wait_for(**{"device__pc-1": 0})
    country.mend("lan")
    evidence.wait_for()


def test_the_line_itself_failover_to_the_backup_and_back(country: Country, evidence: Evidence) -> None:
    evidence.wait_for(active__wan=1, active__lte=0)
    cut_ms = time.time_ns() // 1_000_000
    country.cut("fibre")
    country.ip(
        "gw", "route", "del", "default", "dev", "fibre0"
    )  # as a router's failover does on a lost carrier
    dead = {"edge__wan": 0, "national__wan": 0, "world__wan": 0, "carrier__wan": 0}
    evidence.wait_for(active__wan=0, active__lte=1, **dead)
    # The next round of the probe sees it: a second, and what a busy machine adds.
    assert evidence.when("active", "lte", 1, cut_ms) - cut_ms < ROUND_MS + PATIENCE_MS
    country.mend("fibre")
    mended_ms = time.time_ns() // 1_000_000
    country.ip("gw", "route", "add", "default", "via", "203.0.113.1", "dev", "fibre0", "metric", "10")
    evidence.wait_for(active__wan=1, active__lte=0)
    assert evidence.when("active", "wan", 1, mended_ms) - mended_ms < ROUND_MS + PATIENCE_MS
    sessions = [state["session"] for state in evidence.collector.of_kind("state") if state["online"]]
    assert len(sessions) >= 3  # a connection over each path, not one that hangs in the old one


def test_discovery_finds_who_is_on_the_lan_and_asks_nobody_else(country: Country) -> None:
    with country.inside("gw"):
        found = discover.run("", {"fibre0", "mobile0"}, Path("/"))
    (device,) = found
    assert device["address"] == LAN_DEVICE
    assert device["mac"]
