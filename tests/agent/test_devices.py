"""Plain devices, PJLink and discovery: real sockets on loopback; a projector by the specification."""

from __future__ import annotations

import hashlib
import ipaddress
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse_agent.discover import Found, Subnet, as_toml, choose, parse_subnets
from schoolpulse_agent.errors import AgentError
from schoolpulse_agent.probes.base import Round, Surroundings
from schoolpulse_agent.probes.device import DeviceProbe, Own
from schoolpulse_agent.probes.neighbours import parse_arp
from schoolpulse_agent.probes.pjlink import PjlinkTrouble, greeting, parse_answer, parse_errors, parse_lamps
from schoolpulse_agent.settings import Device

CAPTURES = Path(__file__).parent / "captures"


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


class Projector:
    """A PJLink device as the specification describes it; `answers` by command."""

    def __init__(self, answers: dict[str, str], password: str = "") -> None:
        self.answers = answers
        self.password = password
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown(socket.SHUT_RDWR)
        self._server.close()
        self._thread.join(30)

    def _serve(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            with client:
                self._talk(client)

    def _talk(self, client: socket.socket) -> None:
        salt = "498e4a67"
        client.sendall(f"PJLINK 1 {salt}\r".encode() if self.password else b"PJLINK 0\r")
        proof = _md5(salt + self.password) if self.password else ""
        rest = b""
        while piece := client.recv(1024):
            *lines, rest = (rest + piece).split(b"\r")
            for line in lines:
                text = line.decode()
                if not text.startswith(proof):
                    client.sendall(b"PJLINK ERRA\r")
                    return
                text = text[len(proof) :]
                proof = ""
                command = text.removesuffix(" ?")
                client.sendall(f"{command}={self.answers.get(command, 'ERR1')}\r".encode())


@pytest.fixture
def projector() -> Iterator[Callable[..., Projector]]:
    made: list[Projector] = []

    def make(answers: dict[str, str], password: str = "") -> Projector:
        made.append(Projector(answers, password))
        return made[-1]

    yield make
    for one in made:
        one.close()


def probe_of(
    *devices: Device, clock: FakeClock | None = None, root: Path = Path("/"), **own: Any
) -> DeviceProbe:
    own = {"timeout_s": 0.5, "tries": 1} | own
    return DeviceProbe(Own(**own), Surroundings((), clock or FakeClock(), root, root, devices))


def fields(found: Round, measurement: str) -> dict[str, dict[str, Any]]:
    rows = [reading for reading in found.readings if reading.measurement == measurement]
    return {dict(row.tags)["device"]: dict(row.fields) for row in rows}


CLASS_2 = {
    "%1POWR": "1",
    "%1ERST": "010002",
    "%1LAMP": "1250 1 300 0",
    "%1CLSS": "2",
    "%2FILT": "420",
}


# ---- PJLink


@pytest.mark.parametrize("password", ["", "JBMIAProjectorLink"])
def test_a_projector_of_class_2_says_how_it_is(
    tmp_path: Path, projector: Callable[..., Projector], password: str
) -> None:
    secret = tmp_path / "secret"
    secret.write_text(password + "\n")
    secret.chmod(0o600)
    one = projector(CLASS_2, password)
    device = Device(
        "p1", "projector", "pjlink", "127.0.0.1", one.port, password_file=secret if password else None
    )
    found = probe_of(device).measure()
    assert fields(found, "device")["p1"]["up"] == 1
    assert fields(found, "projector")["p1"] == {
        "power": "on",
        "is_on": 1,
        "errors": "lamp_warning other",
        "lamp_h": 1250,
        "lamps_on": 1,
        "filter_h": 420,
    }


def test_a_display_of_class_1_without_lamps(projector: Callable[..., Projector]) -> None:
    one = projector({"%1POWR": "0", "%1ERST": "000000", "%1LAMP": "ERR1", "%1CLSS": "1"})
    found = probe_of(Device("d1", "display", "pjlink", "127.0.0.1", one.port)).measure()
    assert fields(found, "display")["d1"] == {
        "power": "off",
        "is_on": 0,
        "errors": "",
        "lamp_h": None,
        "lamps_on": None,
        "filter_h": None,
    }


def test_switching_on_and_failing_is_news(projector: Callable[..., Projector]) -> None:
    one = projector(dict(CLASS_2))
    probe = probe_of(Device("p1", "projector", "pjlink", "127.0.0.1", one.port))
    assert probe.measure().changes == ()
    assert probe.measure().readings == []
    one.answers["%1POWR"], one.answers["%1ERST"] = "2", "020000"
    assert probe.measure().changes == ("device p1: power is 'cooling'", "device p1: errors is 'lamp'")


def test_a_wrong_password_is_said_and_the_device_is_up(
    tmp_path: Path, projector: Callable[..., Projector]
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("wrong\n")
    secret.chmod(0o600)
    one = projector(CLASS_2, "right")
    for password_file in (None, secret):
        device = Device("p1", "projector", "pjlink", "127.0.0.1", one.port, password_file=password_file)
        found = probe_of(device).measure()
        assert fields(found, "device")["p1"]["up"] == 1
        assert fields(found, "projector") == {}


def test_the_specifications_example_of_a_password() -> None:
    assert greeting("PJLINK 1 498e4a67", "JBMIAProjectorLink") == "5d8409bc1c3fa39749434aa3a5c38682"
    assert greeting("PJLINK 0", "") == ""
    for line, password in (("PJLINK 1 498e4a67", ""), ("HTTP/1.1 400", ""), ("", "")):
        with pytest.raises(PjlinkTrouble):
            greeting(line, password)


def test_answers_that_are_none() -> None:
    assert parse_answer("%1POWR=ERR3", "%1POWR") is None
    assert parse_answer("%1powr=1", "%1POWR") == "1"
    for line in ("PJLINK ERRA", "%1LAMP=1", "nonsense"):
        with pytest.raises(PjlinkTrouble):
            parse_answer(line, "%1POWR")
    assert parse_errors("12000") == ""
    assert [parse_lamps(text) for text in ("", "1 2 3", "x 1", "99999 0")] == [None, None, None, (99999, 0)]


# ---- plain devices


def test_ping_tcp_and_what_is_not_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_server(("127.0.0.1", 0)) as closed:
        port, refused = int(server.getsockname()[1]), int(closed.getsockname()[1])
        closed.close()
        found = probe_of(
            Device("pinged", "host", "ping", "127.0.0.1"),
            Device("served", "printer", "tcp", "127.0.0.1", port),
            Device("refusing", "printer", "tcp", "127.0.0.1", refused),
            Device("unknown", "host", "ping", "no-such-host.invalid"),
        ).measure()
    ups = {name: row["up"] for name, row in fields(found, "device").items()}
    assert ups == {"pinged": 1, "served": 1, "refusing": 1, "unknown": 0}
    assert fields(found, "device")["served"]["rtt_ms"] >= 0


def test_neighbours_of_a_router() -> None:
    found = parse_arp((CAPTURES / "arp.txt").read_text())
    assert [(one.address, one.mac) for one in found] == [
        ("192.168.1.20", "3c:2a:f4:11:22:33"),
        ("192.168.1.22", "b8:27:eb:44:55:66"),
    ]
    assert parse_arp("") == []


def test_a_neighbour_is_up_while_the_kernel_knows_it(tmp_path: Path) -> None:
    arp = tmp_path / "proc/net/arp"
    arp.parent.mkdir(parents=True)
    arp.write_text("head\n127.0.0.1 0x1 0x2 02:00:00:00:00:01 * br-lan\n")
    probe = probe_of(Device("tv", "display", "arp", "127.0.0.1"), root=tmp_path)
    assert fields(probe.measure(), "device")["tv"] == {"up": 1, "uptime_s": None, "rtt_ms": None}
    arp.write_text("head\n127.0.0.1 0x1 0x0 00:00:00:00:00:00 * br-lan\n")
    gone = probe.measure()
    assert gone.changes == ("device tv does not answer: no answer to ARP",)


def test_what_stays_as_it_is_is_told_now_and_then() -> None:
    clock = FakeClock()
    probe = probe_of(Device("pc", "host", "ping", "127.0.0.1"), clock=clock, report_s=300)
    assert len(probe.measure().readings) == 1
    for _ in range(4):
        clock.advance(60)
        assert probe.measure().readings == []
    clock.advance(60)
    assert len(probe.measure().readings) == 1


# ---- discovery

ROUTES = """Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0101A8C0 0003 0 0 0 00000000 0 0 0
eth0 0001A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0
br-lan 0000000A 00000000 0001 0 0 0 00F0FFFF 0 0 0
br-big 000010AC 00000000 0001 0 0 0 0000F0FF 0 0 0
"""


def test_only_our_own_small_subnets_are_swept() -> None:
    subnets = parse_subnets(ROUTES)
    assert [(s.interface, str(s.network)) for s in subnets] == [
        ("eth0", "192.168.1.0/24"),
        ("br-lan", "10.0.0.0/20"),
        ("br-big", "172.16.0.0/12"),
    ]
    small = [Subnet("br-lan", ipaddress.IPv4Network("10.0.0.0/24")), subnets[0]]
    assert choose(small, "", {"eth0"}) == small[:1]
    assert choose(small, "192.168.1.0/24", {"eth0"}) == small[1:]
    for wanted, not_on in (("8.8.8.0/24", {"eth0"}), ("", {"eth0", "br-lan"})):
        with pytest.raises(AgentError, match="no subnet"):
            choose(small, wanted, not_on)
    with pytest.raises(AgentError, match="more than 1024"):
        choose(subnets, "172.16.0.0/12", set())


def test_the_proposal_is_a_configuration() -> None:
    from schoolpulse_agent.config import parse  # noqa: PLC0415 - beside its use

    text = as_toml(
        [
            Found("192.168.1.9", "3c:2a:f4:11:22:33", "printer", "tcp", 9100),
            Found("192.168.1.10", "", "device", "ping", 0),
        ]
    )
    base = '[agent]\nid = "x"\n[broker]\nurl = "mqtt://127.0.0.1"\n'
    devices = parse((base + text).encode()).devices
    assert [(d.name, d.kind, d.method, d.port) for d in devices] == [
        ("printer-1", "printer", "tcp", 9100),
        ("device-2", "device", "ping", 0),
    ]
