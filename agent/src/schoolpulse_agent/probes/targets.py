"""Whom the probe `reachability` asks: as configured, or a set that makes sense anywhere in Viet Nam."""

from __future__ import annotations

from typing import NamedTuple
from urllib.parse import urlsplit

from schoolpulse_agent.probes.methods import METHODS
from schoolpulse_agent.probes.methods.engine import family_of, split_port
from schoolpulse_agent.settings import Uplink
from schoolpulse_agent.toml_table import Table

SCOPES = ("lan_gateway", "isp_edge", "national", "international")
GATEWAY = "gateway"
RESOLVER = "resolver"
MAX_TARGETS = 32
_NAME = "[a-z0-9][a-z0-9_-]{0,31}"
_HOST = r"[A-Za-z0-9._:\[\]-]{1,253}"


class Target(NamedTuple):
    """Section ``[[probes.reachability.target]]``.

    `interval_s` of 0 is the probe's own. `uplink` binds it to one of the lines; empty takes the one in use.
    """

    name: str
    scope: str
    method: str
    address: str
    interval_s: float = 0.0
    uplink: str = ""
    query: str = ""

    @property
    def key(self) -> tuple[str, str]:
        """What tells it from the others."""
        return self.name, self.uplink


DEFAULT_TARGETS = (
    Target("gateway", "lan_gateway", "icmp", GATEWAY),
    Target("isp-edge", "isp_edge", "edge", "203.119.73.105"),
    # Name servers of the country's own domain, run by VNNIC in Viet Nam; name servers take TCP (RFC 7766).
    Target("vnnic-b", "national", "tcp", "203.119.73.105:53"),
    Target("vnnic-g", "national", "tcp", "203.119.68.69:53"),
    Target("resolver", "national", "dns", RESOLVER, query="vnnic.vn"),
    Target("cloudflare", "international", "icmp", "1.1.1.1"),
    Target("google-dns", "international", "icmp", "8.8.8.8"),
    Target("portal-check", "international", "http", "http://connectivitycheck.gstatic.com/generate_204", 60),
)
"""By address, so that a dead resolver does not look like a dead line; by name once each for DNS and HTTP."""


ON_EACH_UPLINK = ("isp-edge", "vnnic-b")
BACKUP_INTERVAL_S = 60.0


def for_uplinks(uplinks: tuple[Uplink, ...]) -> tuple[Target, ...]:
    """The default targets, where there are several lines: the nearest two are asked over each of them.

    Over a backup only once a minute: it may be paid for by the megabyte.
    """
    unbound = [target for target in DEFAULT_TARGETS if target.name not in ON_EACH_UPLINK]
    bound = [
        target._replace(uplink=uplink.name, interval_s=BACKUP_INTERVAL_S if uplink.role == "backup" else 0.0)
        for uplink in uplinks
        for target in DEFAULT_TARGETS
        if target.name in ON_EACH_UPLINK
    ]
    return (*unbound, *bound)


def read_targets(table: Table) -> tuple[Target, ...]:
    """The targets in the section `table`; the default ones where none is configured."""
    targets: list[Target] = []
    for entry in table.tables("target"):
        target = Target(
            name=entry.text("name", required=True, matching=_NAME),
            scope=entry.choice("scope", "", SCOPES, required=True),
            method=entry.choice("method", "", tuple(METHODS), required=True),
            address=entry.text("address", required=True),
            interval_s=entry.number("interval_s", 0, 1, 86_400),
            uplink=entry.text("uplink", matching=_NAME),
            query=entry.text("query", matching="[A-Za-z0-9._-]{1,253}"),
        )
        if target.name and target.key in (other.key for other in targets):
            entry.wrong("name", f"{target.name!r} stands twice", "names must differ, or their uplinks")
        if target.address and target.method:
            _check_address(entry, target)
        entry.done()
        targets.append(target)
    if len(targets) > MAX_TARGETS:
        table.wrong("target", f"{len(targets)} targets are too many", f"at most {MAX_TARGETS}")
    return tuple(targets) or DEFAULT_TARGETS


def _check_address(entry: Table, target: Target) -> None:
    trouble = address_trouble(target.method, target.address)
    if trouble:
        entry.wrong("address", f"{target.address[:60]!r} {trouble[0]}", trouble[1])


def address_trouble(method: str, address: str) -> tuple[str, str] | None:
    """What is wrong with `address` for `method`, and a hint; None where nothing is."""
    if method == "http":
        parts = urlsplit(address)
        try:
            ok = parts.scheme == "http" and bool(parts.hostname) and (parts.port or 80) > 0
        except ValueError:
            ok = False
        return (
            None if ok else ("is no http address", "like http://connectivitycheck.gstatic.com/generate_204")
        )
    if method in {"icmp", "edge"}:
        fine = (address == GATEWAY and method == "icmp") or (":" not in address or family_of(address) != 0)
        return None if fine else ("is no host", 'a name, an address, or "gateway"')
    try:
        host, _ = split_port(address, 1)
    except ValueError:
        return ("has no good port", "like vnexpress.net:443")
    if method == "dns" and host != RESOLVER and not family_of(host):
        return ("is no address of a name server", 'like 203.119.73.105, or "resolver"')
    return None
