"""PJLink against somebody else's projector: the emulator of pjlink-advance, which wants Python 3.13."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip(
    "pjlink_advance", reason="an emulator from PyPI, for Python 3.13 (make agent-matrix has it)"
)

from fakes import FakeClock
from parts import Part, free_port

from schoolpulse_agent.probes.base import Round, Surroundings
from schoolpulse_agent.probes.device import DeviceProbe, Own
from schoolpulse_agent.settings import Device

PASSWORD = "mat-khau-may-chieu"


@pytest.fixture(params=["", PASSWORD], ids=["open", "password"])
def emulator(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Part, str]]:
    port = free_port()
    command = [sys.executable, "-m", "pjlink_advance.emulator", "--host", "127.0.0.1", "--port", str(port)]
    command += ["--transition-delay", "0", *(["--password", request.param] if request.param else [])]
    part = Part(command, port, tmp_path / "emulator.log")
    part.start()
    yield part, request.param
    part.kill()


def measure(probe: DeviceProbe, measurement: str) -> tuple[Round, dict[str, object]]:
    found = probe.measure()
    return found, {k: v for r in found.readings if r.measurement == measurement for k, v in r.fields}


def test_another_makers_projector_says_how_it_is(emulator: tuple[Part, str], tmp_path: Path) -> None:
    part, password = emulator
    secret = tmp_path / "secret"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    file = secret if password else None
    device = Device("p1", "projector", "pjlink", "127.0.0.1", part.port, password_file=file)
    clock = FakeClock()
    probe = DeviceProbe(Own(timeout_s=20), Surroundings((), clock, Path("/"), Path("/"), (device,)))
    _, found = measure(probe, "projector")
    assert found == {
        "power": "off",
        "is_on": 0,
        "errors": "",
        "lamp_h": 1200,
        "lamps_on": 0,
        "filter_h": 300,
    }
    if password:
        return
    with socket.create_connection(("127.0.0.1", part.port), timeout=20) as remote:
        remote.recv(64)
        remote.sendall(b"%1POWR 1\r")
        assert b"POWR=OK" in remote.recv(64)
    clock.advance(60)
    switched, found = measure(probe, "projector")
    assert found["is_on"] == 1
    assert any("power is" in change for change in switched.changes)
