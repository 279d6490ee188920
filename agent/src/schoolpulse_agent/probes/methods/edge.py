"""The provider's edge: the first router on the way that is not the school's own.

Echoes to a far address with a time to live of 1 to 4 die at each of the first hops, which say so (ICMP time
exceeded, RFC 792). The school's own routers have private addresses (RFC 1918), the provider's do not;
shared addresses (RFC 6598) are a provider's too. Needs a raw socket.
"""

from __future__ import annotations

import ipaddress
import os
import socket
import time
from collections.abc import Mapping

from schoolpulse_agent.probes.methods import dns, icmp
from schoolpulse_agent.probes.methods.engine import READ, Answer, Question, Steps, Wait, open_socket

HOPS = 4
_PATIENCE_S = 0.3
"""How long a nearer hop that is silent may still come, once a farther one has answered."""
_TIME_EXCEEDED, _ECHO_REPLY = 11, 0
_ICMP_HEADER = 8
_OWN = tuple(ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))


def parse_hop(packet: bytes, identifier: int) -> tuple[str, int] | None:
    """Who sent `packet` (with its IP header), and to which of our echoes; None where it is about none."""
    if len(packet) < 20:
        return None
    start = (packet[0] & 0x0F) * 4
    source, icmp_part = socket.inet_ntoa(packet[12:16]), packet[start:]
    if len(icmp_part) < _ICMP_HEADER:
        return None
    if icmp_part[0] == _TIME_EXCEEDED:
        inner = icmp_part[_ICMP_HEADER:]
        icmp_part = inner[(inner[0] & 0x0F) * 4 :] if inner else b""
    elif icmp_part[0] != _ECHO_REPLY:
        return None
    if len(icmp_part) < _ICMP_HEADER or int.from_bytes(icmp_part[4:6], "big") != identifier:
        return None
    return source, int.from_bytes(icmp_part[6:8], "big")


def choose(hops: Mapping[int, tuple[str, float]], *, final: bool) -> float | None:
    """The round trip to the provider's edge, given who answered at which hop; None while that is not clear.

    Unless `final`, a nearer hop that has not answered may still turn out to be it.
    """
    for ttl in range(1, HOPS + 1):
        if ttl not in hops:
            if not final:
                return None
            continue
        address, rtt_ms = hops[ttl]
        if not any(ipaddress.ip_address(address) in own for own in _OWN):
            return rtt_ms
    return None


def ask(question: Question, until: float) -> Steps[Answer]:
    """Find the provider's edge on the way to `question.address` and say how far it is."""
    resolved = yield from dns.resolve(question.address, question, until)
    if not resolved.addresses:
        return Answer(None, resolved.trouble, method="icmp")
    try:
        sock = open_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP, question.interface)
    except PermissionError:
        return Answer(None, "needs CAP_NET_RAW", method="icmp")
    identifier = int.from_bytes(os.urandom(2), "big")
    hops: dict[int, tuple[str, float]] = {}
    with sock:
        started = time.monotonic()
        for ttl in range(1, HOPS + 1):
            sock.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, ttl)
            sock.sendto(icmp.echo(identifier, ttl), (resolved.addresses[0], 0))
        while (yield Wait(sock, READ, until)):
            hop = parse_hop(sock.recv(2048), identifier)
            if hop is None:
                continue
            hops.setdefault(hop[1], (hop[0], (time.monotonic() - started) * 1000))
            rtt_ms = choose(hops, final=False)
            if rtt_ms is not None:
                return Answer(rtt_ms, method="icmp")
            if choose(hops, final=True) is not None:
                until = min(until, time.monotonic() + _PATIENCE_S)
    rtt_ms = choose(hops, final=True)
    trouble = "" if rtt_ms is not None else "no router of the provider answers"
    return Answer(rtt_ms, trouble, method="icmp")
