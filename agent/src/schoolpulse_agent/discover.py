"""Proposes the device list of a LAN: a ping sweep of our own subnet, its ARP table, a few telling ports.

Only subnets that this machine itself is on, and of those only small ones, are ever asked.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import time
from collections.abc import Hashable
from pathlib import Path
from typing import Any, NamedTuple

from schoolpulse_agent.errors import AgentError
from schoolpulse_agent.probes import neighbours, pjlink
from schoolpulse_agent.probes.base import file_text
from schoolpulse_agent.probes.methods import icmp, tcp
from schoolpulse_agent.probes.methods.engine import Answer, Question, Steps, ask_all

MAX_HOSTS = 1024
AT_ONCE = 64
_TIMEOUT_S = 1.0
_UP, _GATEWAY = 0x1, 0x2
TELLING_PORTS: dict[int, tuple[str, str]] = {
    9100: ("printer", "tcp"),  # raw printing
    631: ("printer", "tcp"),  # IPP
    pjlink.PORT: ("projector", "pjlink"),
    445: ("host", "tcp"),  # Windows' file sharing
    22: ("host", "tcp"),
}
"""Ports that tell the kind of a device, the most telling first."""


class Subnet(NamedTuple):
    """A subnet that this machine is on."""

    interface: str
    network: ipaddress.IPv4Network


class Found(NamedTuple):
    """One device of the LAN."""

    address: str
    mac: str
    kind: str
    method: str
    port: int


def parse_subnets(text: str) -> list[Subnet]:
    """The subnets out of ``/proc/net/route``: routes without a gateway, except the default one."""
    found = []
    for line in text.splitlines()[1:]:
        columns = line.split()
        try:
            destination, flags, mask = (int(columns[at], 16) for at in (1, 3, 7))
        except (ValueError, IndexError):
            continue
        if not mask or not flags & _UP or flags & _GATEWAY:
            continue
        # The kernel prints addresses as its CPU holds them.
        address, bits = (socket.inet_ntoa(struct.pack("=I", number)) for number in (destination, mask))
        found.append(Subnet(columns[0], ipaddress.IPv4Network(f"{address}/{bits}", strict=False)))
    return found


def choose(subnets: list[Subnet], wanted: str, not_on: set[str]) -> list[Subnet]:
    """The subnets to sweep: the `wanted` one, or all private ones that are on no uplink.

    Raises:
        AgentError: none is left, or it is not ours, or too large.
    """
    if wanted:
        chosen = [subnet for subnet in subnets if str(subnet.network) == wanted]
    else:
        chosen = [s for s in subnets if s.network.is_private and s.interface not in not_on]
    if not chosen:
        ours = ", ".join(str(subnet.network) for subnet in subnets) or "on none"
        raise AgentError("no subnet to look at", hint=f"this machine is on {ours}; name one with --subnet")
    large = [s for s in chosen if s.network.num_addresses > MAX_HOSTS]
    if large:
        raise AgentError(f"{large[0].network} has more than {MAX_HOSTS} addresses", hint="name a smaller one")
    return chosen


def sweep(subnets: list[Subnet], root: Path = Path("/")) -> list[Found]:
    """Who is there. Takes some seconds a subnet."""
    addresses = [str(host) for subnet in subnets for host in subnet.network.hosts()]
    alive: set[str] = set()
    for start in range(0, len(addresses), AT_ONCE):
        some = addresses[start : start + AT_ONCE]
        until = time.monotonic() + _TIMEOUT_S
        asked: dict[Hashable, Steps[Answer]] = {one: icmp.ask(Question(one), until) for one in some}
        alive.update(str(one) for one, answer in ask_all(asked).items() if answer.rtt_ms is not None)
    known = {n.address: n.mac for n in neighbours.neighbours(root) if n.address in set(addresses)}
    ours = _own_addresses(subnets)
    there = sorted((alive | known.keys()) - ours, key=ipaddress.IPv4Address)
    return [_guess(address, known.get(address, ""), address in alive) for address in there]


def _guess(address: str, mac: str, pings: bool) -> Found:
    until = time.monotonic() + _TIMEOUT_S
    asked: dict[Hashable, Steps[Answer]] = {
        port: tcp.reach(Question(address), address, port, until) for port in TELLING_PORTS
    }
    answers = ask_all(asked)
    for port, (kind, method) in TELLING_PORTS.items():
        if answers[port].rtt_ms is not None:
            return Found(address, mac, kind, method, port)
    return Found(address, mac, "device", "ping" if pings else "arp", 0)


def _own_addresses(subnets: list[Subnet]) -> set[str]:
    """Our address in each subnet: that from which the kernel would send there."""
    found = set()
    for subnet in subnets:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            try:
                sock.connect((str(subnet.network.network_address + 1), 9))
                found.add(sock.getsockname()[0])
            except OSError:
                continue
    return found


def as_toml(found: list[Found]) -> str:
    """The proposal as sections for the configuration; to be looked through by whoever knows the school."""
    blocks = []
    for at, one in enumerate(found, start=1):
        lines = [
            f"[[device]]  # {one.mac or 'no hardware address known'}",
            f'name = "{one.kind.replace("_", "-")}-{at}"',
            f'kind = "{one.kind}"',
            f'address = "{one.address}"',
            f'method = "{one.method}"',
        ]
        if one.method == "tcp":
            lines.append(f"port = {one.port}")
        blocks.append("\n".join(lines) + "\n")
    return "\n".join(blocks)


def run(wanted: str, uplink_interfaces: set[str], root: Path = Path("/")) -> list[dict[str, Any]]:
    """Sweep and return what was found, as plain data."""
    subnets = parse_subnets(file_text(root / "proc/net/route"))
    return [one._asdict() for one in sweep(choose(subnets, wanted, uplink_interfaces), root)]
