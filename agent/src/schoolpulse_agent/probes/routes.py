"""The kernel's default routes, read from text."""

from __future__ import annotations

import socket
import struct
from pathlib import Path
from typing import NamedTuple

from schoolpulse_agent.probes.base import file_text

_UP, _REJECT = 0x1, 0x200


class DefaultRoute(NamedTuple):
    """One default route. `gateway` is None on a point-to-point line."""

    interface: str
    gateway: str | None
    metric: int
    is_ipv6: bool = False


def parse_routes(text: str) -> list[DefaultRoute]:
    """Default routes out of ``/proc/net/route``, the preferred first."""
    routes = []
    for line in text.splitlines()[1:]:
        columns = line.split()
        if len(columns) < 8:
            continue
        interface, destination, gateway, flags, metric, mask = (columns[i] for i in (0, 1, 2, 3, 6, 7))
        try:
            if int(destination, 16) or int(mask, 16) or not int(flags, 16) & _UP or int(flags, 16) & _REJECT:
                continue
            # The kernel prints the address as its CPU holds it.
            packed = struct.pack("=I", int(gateway, 16))
            address = socket.inet_ntoa(packed) if any(packed) else None
            routes.append(DefaultRoute(interface, address, int(metric)))
        except ValueError:
            continue
    return sorted(routes, key=lambda route: route.metric)


def parse_ipv6_routes(text: str) -> list[DefaultRoute]:
    """Default routes out of ``/proc/net/ipv6_route``, the preferred first."""
    routes = []
    for line in text.splitlines():
        columns = line.split()
        if len(columns) != 10 or columns[1] != "00" or columns[9] == "lo":
            continue
        try:
            flags = int(columns[8], 16)
            if int(columns[0], 16) or not flags & _UP or flags & _REJECT:
                continue
            packed = bytes.fromhex(columns[4])
            address = socket.inet_ntop(socket.AF_INET6, packed) if any(packed) else None
            routes.append(DefaultRoute(columns[9], address, int(columns[5], 16), is_ipv6=True))
        except ValueError:
            continue
    return sorted(routes, key=lambda route: route.metric)


def default_routes(root: Path) -> list[DefaultRoute]:
    """All default routes of the machine under `root`: IPv4 before IPv6, the preferred first."""
    net = root / "proc/net"
    return parse_routes(file_text(net / "route")) + parse_ipv6_routes(file_text(net / "ipv6_route"))
