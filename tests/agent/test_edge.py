"""The provider's edge is told from the school's own routers, whoever answers first."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from fakes import FakeClock

from schoolpulse_agent.probes.base import Surroundings
from schoolpulse_agent.probes.methods import icmp
from schoolpulse_agent.probes.methods.edge import choose, parse_hop
from schoolpulse_agent.probes.reachability import Own, ReachabilityProbe
from schoolpulse_agent.probes.targets import BACKUP_INTERVAL_S, DEFAULT_TARGETS, Target, for_uplinks
from schoolpulse_agent.settings import Uplink

IDENTIFIER = 0x1234


def ip_header(source: str) -> bytes:
    return bytes([0x45]) + bytes(11) + socket.inet_aton(source) + socket.inet_aton("203.0.113.2")


def exceeded(source: str, ttl: int, identifier: int = IDENTIFIER) -> bytes:
    """What a router sends when one of our echoes dies in it."""
    inner = ip_header("203.0.113.2") + icmp.echo(identifier, ttl)
    return ip_header(source) + bytes([11, 0]) + bytes(6) + inner[:28]


def test_who_tells_of_which_echo() -> None:
    assert parse_hop(exceeded("100.64.0.1", 2), IDENTIFIER) == ("100.64.0.1", 2)
    reply = ip_header("203.119.73.105") + b"\0" + icmp.echo(IDENTIFIER, 4)[1:]
    assert parse_hop(reply, IDENTIFIER) == ("203.119.73.105", 4)
    for other in (exceeded("100.64.0.1", 2, 99), ip_header("1.1.1.1") + bytes([3]) + bytes(40), b"", b"\x45"):
        assert parse_hop(other, IDENTIFIER) is None
    for cut in range(len(exceeded("100.64.0.1", 2)) - 1):
        assert parse_hop(exceeded("100.64.0.1", 2)[:cut], IDENTIFIER) in {None, ("100.64.0.1", 2)}


@pytest.mark.parametrize(
    ("hops", "final", "expected"),
    [
        ({1: "100.64.0.1"}, False, 1.0),  # the gateway holds the line itself
        ({1: "192.168.1.1", 2: "100.64.0.1"}, False, 2.0),  # behind the provider's modem
        ({2: "100.64.0.1"}, False, None),  # the first hop may be a modem or the edge: wait for it
        ({2: "100.64.0.1"}, True, 2.0),
        ({1: "192.168.1.1", 2: "10.0.0.1"}, True, None),
        ({}, True, None),
    ],
)
def test_the_first_router_that_is_not_the_schools(
    hops: dict[int, str], final: bool, expected: float | None
) -> None:
    timed = {ttl: (address, float(ttl)) for ttl, address in hops.items()}
    assert choose(timed, final=final) == expected


def test_several_lines_are_each_asked_for_their_edge() -> None:
    lines = (Uplink("wan", "primary", "eth0"), Uplink("lte", "backup", "wwan0"))
    targets = for_uplinks(lines)
    assert len({target.key for target in targets}) == len(targets) == len(DEFAULT_TARGETS) + 2
    edges = {target.uplink: target.interval_s for target in targets if target.name == "isp-edge"}
    assert edges == {"wan": 0.0, "lte": BACKUP_INTERVAL_S}


def test_an_edge_that_never_answered_is_no_evidence(tmp_path: Path) -> None:
    gone = Uplink("lte", "backup", "no-such-dev0")
    target = Target("isp-edge", "isp_edge", "edge", "127.0.0.1", uplink="lte")
    own = Own((target,), timeout_s=0.1, tries=1)
    probe = ReachabilityProbe(own, Surroundings((gone,), FakeClock(), tmp_path, tmp_path))
    assert probe.measure().readings == []
