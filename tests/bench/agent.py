"""The agent at its default settings with 20 devices: memory, CPU, bytes on the wire and on flash.

Two agents run side by side against a broker with TLS, one with ten of its devices asked by SNMP v2c. What
they take a day is scaled from ``SCHOOLPULSE_BENCH_AGENT_S`` (180) seconds, begun when the first, busier
rounds are over. Bytes on the wire are those of TLS records both ways and, beside them, with 52 bytes of TCP
and IP a segment.
"""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
from parts import free_port, need
from parts.confirmer import Confirmer
from parts.mosquitto import Mosquitto
from parts.snmp import snmpd

from bench import _agent_fleet
from bench._cpu import process_cpu_s
from schoolpulse.ndt7 import tcp_info

BUSY_START_S = 75.0
"""The first six rounds of each target are reported one by one."""
DAY_S = 86_400.0
SEGMENT_HEADER_BYTES = 52
_CONFIG = """
[agent]
id = "{name}"
state_dir = "{folder}/{name}"
[broker]
url = "mqtts://localhost:{port}"
ca_file = "{folder}/cert.pem"
reconnect_spread_s = 0.2
"""
_PLAIN = '[[device]]\nname = "pc-{at}"\nkind = "host"\naddress = "127.0.0.1"\n'
_SNMP = (
    '[[device]]\nname = "snmp-{at}"\nkind = "host"\nmethod = "snmp"\naddress = "127.0.0.1"\nport = {port}\n'
)


class _Meter:
    """Passes one agent's connection on to the broker and counts what goes by."""

    def __init__(self, broker_port: int) -> None:
        self.moved = 0
        self._segments_before = 0
        self._agent: socket.socket | None = None
        self._broker_port = broker_port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def segments(self) -> int:
        """TCP segments both ways, with and without a load."""
        return tcp_info.segments(self._agent) if self._agent is not None else 0

    def _accept(self) -> None:
        while True:
            agent, _ = self._listener.accept()
            self._agent = agent
            broker = socket.create_connection(("127.0.0.1", self._broker_port))
            for sock in (agent, broker):
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for one, other in ((agent, broker), (broker, agent)):
                threading.Thread(target=self._pass, args=(one, other), daemon=True).start()

    def _pass(self, one: socket.socket, other: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := one.recv(65_536):
                self.moved += len(piece)
                other.sendall(piece)


def _certificate(folder: Path) -> None:
    command = [need("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj"]
    command += ["/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(command, check=True, capture_output=True)


def _start(folder: Path, name: str, port: int, devices: str) -> subprocess.Popen[bytes]:
    config = folder / f"{name}.toml"
    config.write_text(_CONFIG.format(name=name, folder=folder, port=port) + devices)
    # As the packages start it: by its script, and with the environment of the unit.
    command = [str(Path(sys.executable).with_name("schoolpulse-agent")), "run", "--config", str(config)]
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stderr=log, env={**os.environ, "MALLOC_ARENA_MAX": "1"})


def run() -> Iterator[dict[str, Any]]:
    """What one agent takes a day; fifty SNMP devices; a week offline; a thousand agents at a new broker."""
    yield _a_day()
    yield _agent_fleet.poll_fifty()
    yield _agent_fleet.week_offline()
    yield _agent_fleet.reconnect()


def _a_day() -> dict[str, Any]:
    seconds = float(os.environ.get("SCHOOLPULSE_BENCH_AGENT_S", "180"))
    with tempfile.TemporaryDirectory() as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        _certificate(folder)
        certificates = (
            f"cafile {folder}/cert.pem",
            f"certfile {folder}/cert.pem",
            f"keyfile {folder}/key.pem",
        )
        plain_port = free_port()
        secure = Mosquitto(folder, *certificates, "user root", f"listener {plain_port} 127.0.0.1")
        secure.start()
        stack.callback(secure.kill)
        devices = snmpd(folder)
        devices.start()
        stack.callback(devices.kill)
        collector = Confirmer(plain_port)
        stack.callback(collector.close)
        meter = _Meter(secure.port)
        plain = "".join(_PLAIN.format(at=at) for at in range(20))
        mixed = "".join(_PLAIN.format(at=at) for at in range(10))
        mixed += "".join(_SNMP.format(at=at, port=devices.port) for at in range(10))
        began = time.monotonic()
        agents = [_start(folder, "plain", meter.port, plain)]
        for agent in agents:
            stack.callback(agent.kill)
        collector.wait_until(lambda: bool(collector.of_kind("telemetry")))
        first_s = time.monotonic() - began
        agents.append(_start(folder, "mixed", secure.port, mixed))
        stack.callback(agents[1].kill)
        time.sleep(BUSY_START_S)
        return _measure(agents, meter, seconds) | {"first_publish_s": round(first_s, 2)}


def _measure(agents: list[subprocess.Popen[bytes]], meter: _Meter, seconds: float) -> dict[str, Any]:
    processes = [psutil.Process(agent.pid) for agent in agents]
    moved, segments = meter.moved, meter.segments
    cpu_s = [process_cpu_s(agent.pid) for agent in agents]
    written = processes[0].io_counters().write_bytes
    time.sleep(seconds)
    a_day = DAY_S / seconds
    wire = (meter.moved - moved) * a_day
    headers = (meter.segments - segments) * SEGMENT_HEADER_BYTES * a_day
    used = [process_cpu_s(agent.pid) - before for agent, before in zip(agents, cpu_s, strict=True)]
    return {
        "figure": "a_day",
        "rss_mb": round(processes[0].memory_info().rss / 1e6, 1),
        "rss_snmp_mb": round(processes[1].memory_info().rss / 1e6, 1),
        "cpu_ratio": round(used[0] / seconds, 5),
        "cpu_snmp_ratio": round(used[1] / seconds, 5),
        "wire_mb_per_day": round(wire / 1e6, 2),
        "wire_with_ip_mb_per_day": round((wire + headers) / 1e6, 2),
        "flash_mb_per_day": round((processes[0].io_counters().write_bytes - written) * a_day / 1e6, 2),
        "measured_s": seconds,
    }
