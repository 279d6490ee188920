"""The probe against real SNMP agents: net-snmp's, snmpsim with captures, the project's simulator."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pysnmp")

from fakes import FakeClock
from parts.snmp import AUTH, PRIV, USER, SnmpPart, Snmpsim, simulated, snmpd

from schoolpulse_agent.clock import SystemClock
from schoolpulse_agent.errors import SetupError
from schoolpulse_agent.probes.base import Reading, Surroundings
from schoolpulse_agent.probes.snmp.messages import NoAnswer
from schoolpulse_agent.probes.snmp.probe import Own, SnmpProbe
from schoolpulse_agent.probes.snmp.talk import Get
from schoolpulse_agent.settings import Device, SnmpAccess

CAPTURES = Path(__file__).parent / "captures/snmp"
# pysnmp 7.1.21, the last for Python 3.9, takes a mode of AES from where cryptography wants to be rid of it.
pytestmark = pytest.mark.filterwarnings("ignore:CFB has been moved")


@pytest.fixture
def parts() -> Iterator[list[SnmpPart]]:
    started: list[SnmpPart] = []
    yield started
    for part in started:
        part.kill()


@pytest.fixture
def probe_of() -> Iterator[Callable[..., SnmpProbe]]:
    made: list[SnmpProbe] = []

    def make(*devices: Device, clock: Any = None, **own: Any) -> SnmpProbe:
        surroundings = Surroundings((), clock or FakeClock(), Path("/"), Path("/"), devices)
        made.append(SnmpProbe(Own(**own), surroundings))
        return made[-1]

    yield make
    for probe in made:
        probe.close()


def by_device(readings: list[Reading], measurement: str) -> dict[str, dict[str, Any]]:
    return {dict(r.tags)["device"]: dict(r.fields) for r in readings if r.measurement == measurement}


def secrets(folder: Path, **texts: str) -> dict[str, Path]:
    paths = {}
    for name, text in texts.items():
        paths[name] = folder / name
        paths[name].write_text(text + "\n")
        paths[name].chmod(0o600)
    return paths


@pytest.mark.parametrize("version", ["1", "2c", "3"])
def test_net_snmp_tells_of_this_machine(
    probe_of: Callable[..., SnmpProbe], tmp_path: Path, parts: list[SnmpPart], version: str
) -> None:
    part = snmpd(tmp_path)
    parts.append(part)
    part.start()
    access = SnmpAccess(version=version, ports=("*",))
    if version == "3":
        files = secrets(tmp_path, auth=AUTH, priv=PRIV)
        access = SnmpAccess(
            version="3",
            user=USER,
            auth_password_file=files["auth"],
            priv_password_file=files["priv"],
            ports=("*",),
        )
    clock = FakeClock()
    probe = probe_of(
        Device("pc", "host", "snmp", "127.0.0.1", part.port, snmp=access), clock=clock, report_s=1
    )
    probe.measure()
    clock.advance(5)
    readings = probe.measure().readings
    found = by_device(readings, "device")["pc"]
    machine_s = float(Path("/proc/uptime").read_text().split()[0])
    assert found["up"] == 1
    assert found["uptime_s"] == pytest.approx(machine_s, abs=30)
    assert found["rtt_ms"] > 0
    host = by_device(readings, "host")["pc"]
    assert 0 < host["memory_used_ratio"] <= 1
    assert host["processes"] > 0
    (loopback,) = [r for r in readings if r.measurement == "port" and dict(r.tags)["port"] == "lo"]
    assert dict(loopback.fields)["up"] == 1
    assert dict(loopback.fields)["rx_bps"] is not None


@pytest.mark.parametrize("wrong", ["auth", "user"])
def test_a_wrong_key_is_no_answer_to_work_with(
    probe_of: Callable[..., SnmpProbe], tmp_path: Path, parts: list[SnmpPart], wrong: str
) -> None:
    part = snmpd(tmp_path, "SHA-256")
    parts.append(part)
    part.start()
    files = secrets(tmp_path, auth=AUTH if wrong != "auth" else "something else", priv=PRIV)
    user = USER if wrong != "user" else "somebody"
    bad = SnmpAccess("3", "", user, "sha256", files["auth"], "aes", files["priv"])
    good_files = secrets(tmp_path, good_auth=AUTH, good_priv=PRIV)
    good = SnmpAccess("3", "", USER, "sha256", good_files["good_auth"], "aes", good_files["good_priv"])
    probe = probe_of(Device("bad", "host", "snmp", "127.0.0.1", part.port, snmp=bad), timeout_s=0.5, tries=1)
    assert by_device(probe.measure().readings, "device")["bad"]["up"] == 0
    probe = probe_of(Device("good", "host", "snmp", "127.0.0.1", part.port, snmp=good))
    assert by_device(probe.measure().readings, "device")["good"]["up"] == 1


def test_captured_devices_mean_what_the_mibs_say(
    probe_of: Callable[..., SnmpProbe], tmp_path: Path, parts: list[SnmpPart]
) -> None:
    part = Snmpsim(tmp_path, CAPTURES)
    parts.append(part)
    part.start()
    devices = [
        Device(kind, kind, "snmp", "127.0.0.1", part.port, snmp=SnmpAccess("2c", kind))
        for kind in ("ups", "printer", "switch")
    ]
    readings = probe_of(*devices, timeout_s=10).measure().readings
    assert by_device(readings, "device")["ups"]["uptime_s"] == 86_400
    assert by_device(readings, "ups")["ups"] == {
        "on_battery": 1,
        "battery": "low",
        "on_battery_s": 125,
        "remaining_s": 420,
        "charge_ratio": 0.18,
        "battery_v": 47.8,
        "temperature_c": 34,
        "input_v": 0,
        "load_ratio": 0.42,
        "alarms": 2,
    }
    assert by_device(readings, "printer")["printer"] == {
        "state": "idle",
        "errors": "low_paper low_toner jammed",
        "pages": 18_230,
        "supply_ratio": 0.5,
        "paper_ratio": 0.2,
    }
    switch = by_device(readings, "switch")["switch"]
    assert (switch["ports_up"], switch["ports_total"]) == (1, 2)


@pytest.mark.parametrize("kind", ["switch", "access_point", "ups", "printer"])
def test_the_simulators_devices_are_understood(
    probe_of: Callable[..., SnmpProbe], tmp_path: Path, parts: list[SnmpPart], kind: str
) -> None:
    part = simulated(tmp_path, kind)
    parts.append(part)
    part.start()
    probe = probe_of(Device("one", kind, "snmp", "127.0.0.1", part.port), timeout_s=10)
    readings = probe.measure().readings
    assert by_device(readings, "device")["one"]["up"] == 1
    fields = by_device(readings, kind)["one"]
    told = [name for name, value in fields.items() if value is not None]
    assert len(told) >= 2
    if kind == "switch":
        assert fields["ports_total"] == 24


def test_dead_devices_delay_nobody(
    probe_of: Callable[..., SnmpProbe], tmp_path: Path, parts: list[SnmpPart]
) -> None:
    """Fifty devices of which ten are dead, with the settings that ship, in far less than an interval."""
    part = snmpd(tmp_path)
    parts.append(part)
    part.start()
    silent = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(10)]
    for sock in silent:
        sock.bind(("127.0.0.1", 0))
    devices = [
        *(
            Device(f"dead-{at}", "host", "snmp", "127.0.0.1", s.getsockname()[1])
            for at, s in enumerate(silent)
        ),
        *(Device(f"pc-{at}", "host", "snmp", "127.0.0.1", part.port) for at in range(40)),
    ]
    clock = SystemClock()
    rounds = []
    found: dict[str, dict[str, Any]] = {}
    for asked in (devices[10:], devices):
        probe = probe_of(*asked, clock=clock)
        began = clock.monotonic()
        found = by_device(probe.measure().readings, "device")
        rounds.append(clock.monotonic() - began)
    for sock in silent:
        sock.close()
    assert sum(device["up"] for device in found.values()) == 40
    assert {name for name, device in found.items() if not device["up"]} == {f"dead-{at}" for at in range(10)}
    # One after the other the ten dead alone would add 45 s to what the others take, on however slow a
    # machine. (`make bench` has the time on a free one.)
    assert rounds[1] - rounds[0] < 40


def test_what_goes_down_and_comes_back_is_news(
    probe_of: Callable[..., SnmpProbe], tmp_path: Path, parts: list[SnmpPart]
) -> None:
    part = snmpd(tmp_path)
    parts.append(part)
    part.start()
    clock = FakeClock()
    probe = probe_of(
        Device("pc", "host", "snmp", "127.0.0.1", part.port, title="Máy chủ"),
        clock=clock,
        timeout_s=1,
        tries=2,
    )
    first = probe.measure()
    assert first.changes == ()
    assert dict(first.readings[0].tags) == {"device": "pc", "kind": "host", "name": "Máy chủ", "parent": ""}
    clock.advance(5)
    assert probe.measure().readings == []
    part.kill()
    clock.advance(5)
    gone = probe.measure()
    assert by_device(gone.readings, "device")["pc"] == {"up": 0, "uptime_s": None, "rtt_ms": None}
    assert len(gone.changes) == 1
    assert "does not answer" in gone.changes[0]
    part.start()
    clock.advance(5)
    assert probe.measure().changes[0] == "device pc answers"


def test_a_kind_without_a_profile_is_refused_with_what_there_is(probe_of: Callable[..., SnmpProbe]) -> None:
    with pytest.raises(SetupError, match="no SNMP profile") as refused:
        probe_of(Device("cam", "camera", "snmp", "127.0.0.1"))
    assert "ups" in refused.value.hint


def test_an_engine_that_never_comes_back_does_not_keep_the_round(tmp_path: Path) -> None:
    usm = pytest.importorskip("schoolpulse_agent.probes.snmp.usm")
    files = secrets(tmp_path, auth=AUTH)
    access = SnmpAccess(version="3", user=USER, auth_password_file=files["auth"])

    class Silent:
        def send_varbinds(self, *_arguments: object) -> None:
            """Calls nobody back, as after an exception inside pysnmp's own task."""

    talks = usm.SecureTalks(0.01, 1)
    talks._get, talks._longest_s = Silent(), 0.05
    device = Device("pc", "host", "snmp", "127.0.0.1", 9, snmp=access)

    def talk() -> Iterator[Get]:
        yield Get(((1, 3, 6),))

    assert isinstance(talks.run({"pc": (device, talk)})["pc"], NoAnswer)
    talks.close()
