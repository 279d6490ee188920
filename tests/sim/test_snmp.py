"""Simulated devices under net-snmp's own tools, and the physics behind what they answer."""

from __future__ import annotations

import re
import socket
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from parts import free_port, need

from schoolpulse_sim.conditions import Change, Conditions
from schoolpulse_sim.snmp.device import BATTERY_S, BOOT_MS, LiveDevice
from schoolpulse_sim.snmp.profiles import PROFILES, objects_of
from schoolpulse_sim.snmp.server import SnmpServer
from schoolpulse_sim.timing import DAY, HOUR, MINUTE

START = 1_791_241_200_000  # a Tuesday, 07:00 in Viet Nam
V2 = ("-v2c", "-c", "public")
V3 = (
    *("-v3", "-u", "simulated", "-l", "authPriv", "-a", "SHA", "-A", "simulated-auth"),
    *("-x", "AES", "-X", "simulated-priv"),
)
FINE = Conditions()

Snmp = Callable[..., str]


class Now:
    def __init__(self) -> None:
        self.ms = START + HOUR

    def __call__(self) -> int:
        return self.ms


@pytest.fixture
def now() -> Now:
    return Now()


def _device(kind: str, *changes: Change) -> LiveDevice:
    timeline = (Change(START, FINE), *changes) if changes else ()
    return LiveDevice(f"{kind}-1", kind, seed=1, started_ms=START, timeline=timeline)


@pytest.fixture
def serve(now: Now) -> Iterator[Callable[[LiveDevice], Snmp]]:
    servers = []

    def start(device: LiveDevice) -> Snmp:
        port = free_port(socket.SOCK_DGRAM)
        server = SnmpServer(now)
        server.add(device, port)
        server.start()
        servers.append(server)

        def run(tool: str, *arguments: str, expect: int = 0) -> str:
            options = (
                *arguments[:-1],
                "-On",
                "-t",
                "5",
                "-r",
                "1",
                f"127.0.0.1:{port}",
                *arguments[-1].split(),
            )
            done = subprocess.run(
                [need(tool), *options], capture_output=True, text=True, timeout=120, check=False
            )
            assert done.returncode == expect, done.stderr
            return done.stdout + done.stderr

        return run

    yield start
    for server in servers:
        server.stop()


@pytest.mark.real("snmpwalk")
@pytest.mark.parametrize("kind", PROFILES)
@pytest.mark.parametrize("access", [V2, V3], ids=["v2c", "v3"])
def test_a_walk_meets_every_object_in_order(
    kind: str, access: tuple[str, ...], serve: Callable[[LiveDevice], Snmp]
) -> None:
    device = _device(kind)
    snmp = serve(device)
    walked = snmp("snmpwalk", *access, ".1")
    oids = [
        tuple(map(int, line[1:].split(" ")[0].split("."))) for line in walked.splitlines() if " = " in line
    ]
    assert oids[: len(objects_of(device))] == [found.oid for found in objects_of(device)]
    assert "Wrong Type" not in walked
    bulk = snmp("snmpbulkwalk", *access, ".1.3.6.1.2.1.1")
    assert len(bulk.splitlines()) == 7


@pytest.mark.real("snmpget")
@pytest.mark.parametrize("access", [V2, V3, ("-v1", "-c", "public")], ids=["v2c", "v3", "v1"])
def test_a_get_gives_value_and_type(access: tuple[str, ...], serve: Callable[[LiveDevice], Snmp]) -> None:
    snmp = serve(_device("switch"))
    got = snmp("snmpget", *access, ".1.3.6.1.2.1.1.3.0 .1.3.6.1.2.1.2.2.1.10.1 .1.3.6.1.2.1.1.5.0")
    assert "Timeticks: (" in got
    assert "Counter32: " in got
    assert 'STRING: "switch-1"' in got


@pytest.mark.real("snmpget")
def test_what_is_not_there_and_what_is_not_allowed(serve: Callable[[LiveDevice], Snmp]) -> None:
    snmp = serve(_device("ups"))
    assert "No Such Instance" in snmp("snmpget", *V2, ".1.3.6.1.2.1.99.0")
    assert "notWritable" in snmp("snmpset", *V2, ".1.3.6.1.2.1.1.5.0 s other", expect=2)
    assert "Timeout" in snmp(
        "snmpget", "-v2c", "-c", "wrong", "-t", "1", "-r", "0", ".1.3.6.1.2.1.1.5.0", expect=1
    )
    wrong = [
        ("x" if word == "simulated-auth" else word) + ("12345678" if word == "simulated-auth" else "")
        for word in V3
    ]
    refused = snmp("snmpget", *wrong, ".1.3.6.1.2.1.1.5.0", expect=1)
    assert "Authentication failure" in refused


@pytest.mark.real("snmpget")
def test_a_ups_tells_of_the_power_cut_and_a_printer_is_gone(
    serve: Callable[[LiveDevice], Snmp], now: Now
) -> None:
    dark = Change(START + 2 * HOUR, replace(FINE, mains=False))
    light = Change(START + 2 * HOUR + 10 * MINUTE, FINE)
    ups, printer = serve(_device("ups", dark, light)), serve(_device("printer", dark, light))
    source, charge, seconds = ".1.3.6.1.2.1.33.1.4.1.0", ".1.3.6.1.2.1.33.1.2.4.0", ".1.3.6.1.2.1.33.1.2.2.0"
    asked = f"{source} {charge} {seconds}"
    assert _numbers(ups("snmpget", *V2, asked)) == [3, 100, 0]
    now.ms = dark.at_ms + 5 * MINUTE
    assert _numbers(ups("snmpget", *V2, asked)) == [5, 100 - 300 * 100 // BATTERY_S, 300]
    assert "Timeout" in printer("snmpget", *V2, "-t", "1", "-r", "0", ".1.3.6.1.2.1.1.3.0", expect=1)
    now.ms = light.at_ms + BOOT_MS + 60_000
    assert _numbers(ups("snmpget", *V2, asked)) == [3, 100, 0]
    assert re.search(r"Timeticks: \((\d+)\)", printer("snmpget", *V2, ".1.3.6.1.2.1.1.3.0"))[1] == "6000"  # type: ignore[index]  # a missing match fails the test too


def _numbers(text: str) -> list[int]:
    return [int(line.rsplit(" ", 1)[1]) for line in text.splitlines()]


def test_counters_only_grow_and_the_small_ones_go_round() -> None:
    device = _device("switch")
    objects = {found.oid: found for found in objects_of(device)}
    small = objects[1, 3, 6, 1, 2, 1, 2, 2, 1, 16, 1]
    large = objects[1, 3, 6, 1, 2, 1, 31, 1, 1, 1, 10, 1]
    before, wrapped = large.read(START), 0
    for step in range(1, 24 * 6):
        at_ms = START + step * 10 * MINUTE
        now_large, now_small = large.read(at_ms), small.read(at_ms)
        assert isinstance(now_large, int)
        assert isinstance(before, int)
        assert before <= now_large <= before + 1_000_000_000 // 8 * 600
        assert now_small == now_large % 2**32
        wrapped += now_large // 2**32 > before // 2**32
        before = now_large
    assert wrapped


def test_uptime_goes_round_after_497_days() -> None:
    device = _device("switch")
    first = device.uptime_ticks(START)
    assert (
        device.uptime_ticks(START + 497 * DAY) == (first + 497 * DAY // 10) % 2**32 < first + 497 * DAY // 10
    )
