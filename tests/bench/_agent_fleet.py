"""What a thousand agents do to a broker that comes back, and what fifty SNMP devices cost one agent."""

from __future__ import annotations

import logging
import re
import resource
import socket
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from parts.mosquitto import Mosquitto
from parts.snmp import snmpd
from virtual_agent import DAY_S, VirtualAgent

from schoolpulse_agent.clock import SystemClock
from schoolpulse_agent.disk import MemoryDisk
from schoolpulse_agent.probes.base import Surroundings
from schoolpulse_agent.probes.snmp.probe import Own, SnmpProbe
from schoolpulse_agent.publisher import Publisher
from schoolpulse_agent.sessions import Sessions
from schoolpulse_agent.settings import Device, SpoolSettings, broker_at
from schoolpulse_agent.spool import Spool

AGENTS = 1000
AWAY_S = 5.0
START_WITHIN_S = 30.0
LONGEST_S = 240.0
_CONNECTED = re.compile(r"^(\d+): New client connected", re.MULTILINE)
DEAD, ALIVE = 10, 40


def reconnect() -> dict[str, Any]:
    """The busiest second at a mosquitto that was killed and started again under `AGENTS` agents."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    threading.stack_size(256 * 1024)
    logging.getLogger("schoolpulse_agent").setLevel(logging.CRITICAL)  # a thousand say the same
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder, "connection_messages true", "log_type notice", "log_dest stderr")
        broker.start()
        agents = [_agent(broker.url, at) for at in range(AGENTS)]
        try:
            for at, agent in enumerate(agents):
                agent.start()
                time.sleep(START_WITHIN_S / AGENTS if at else 0)
            _wait_for_all(agents)
            broker.kill()
            time.sleep(AWAY_S)
            log_bytes = broker.log.stat().st_size
            broker.start()
            began = time.monotonic()
            _wait_for_all(agents)
            took_s = time.monotonic() - began
            with broker.log.open("rb") as log:
                log.seek(log_bytes if broker.log.stat().st_size >= log_bytes else 0)
                seconds = Counter(_CONNECTED.findall(log.read().decode()))
        finally:
            for agent in agents:
                threading.Thread(target=agent.stop).start()
            broker.kill()
    threading.stack_size(0)
    busiest = max(seconds.values())
    return {
        "figure": "reconnect",
        "agents": AGENTS,
        "broker_away_s": AWAY_S,
        "connections": sum(seconds.values()),
        "busiest_second_ratio": round(busiest / AGENTS, 4),
        "all_back_s": round(took_s, 1),
    }


def _agent(url: str, at: int) -> Publisher:
    disk, clock = MemoryDisk(), SystemClock()
    spool = Spool(Path(f"/agent-{at}"), max_bytes=1_000_000, disk=disk)
    sessions = Sessions(Path(f"/agent-{at}/session"), clock, disk)
    return Publisher(
        broker_at(url), f"agent-{at}", spool, lambda session: {"session": session}, sessions=sessions
    )


def _wait_for_all(agents: list[Publisher]) -> None:
    until = time.monotonic() + LONGEST_S
    while not all(agent.connected for agent in agents):
        if time.monotonic() > until:
            raise TimeoutError(f"{sum(agent.connected for agent in agents)} of {len(agents)} are connected")
        time.sleep(0.2)


def poll_fifty() -> dict[str, Any]:
    """One round over fifty devices by SNMP v2c with the settings that ship, `DEAD` of them dead."""
    with tempfile.TemporaryDirectory() as name:
        part = snmpd(Path(name))
        part.start()
        silent = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(DEAD)]
        for sock in silent:
            sock.bind(("127.0.0.1", 0))
        ports = [sock.getsockname()[1] for sock in silent] + [part.port] * ALIVE
        devices = tuple(Device(f"d-{at}", "host", "snmp", "127.0.0.1", port) for at, port in enumerate(ports))
        probe = SnmpProbe(Own(), Surroundings((), SystemClock(), Path("/"), Path("/"), devices))
        began = time.monotonic()
        readings = probe.measure().readings
        took_s = time.monotonic() - began
        probe.close()
        for sock in silent:
            sock.close()
        part.kill()
    up = sum(dict(reading.fields)["up"] == 1 for reading in readings if reading.measurement == "device")
    return {"figure": "snmp_fifty", "devices": len(devices), "answered": up, "poll_s": round(took_s, 2)}


def week_offline() -> dict[str, Any]:
    """Megabytes that a week without a line leaves in the spool: a virtual day of each kind, seven times."""
    found: dict[str, float] = {}
    for kind, online in (
        ("dead", lambda second: second < 3600),
        ("flapping", lambda second: second < 3600 or int(second / 150) % 2 == 0),
    ):
        with tempfile.TemporaryDirectory() as name:
            agent = VirtualAgent(Path(name), online, MemoryDisk())
            agent.run_until(3600)
            before = agent.spool.stats.bytes
            agent.run_until(3600 + DAY_S)
            found[f"{kind}_mb"] = round((agent.spool.stats.bytes - before) * 7 / 1e6, 2)
    return {"figure": "week_offline", **found, "spool_mb": SpoolSettings().max_bytes / 1e6}
