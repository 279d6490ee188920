"""A small country in network namespaces: a school's LAN, its gateway, two providers, the nation, the world.

    lan -- gw == isp1 -- national -- world
               \\= isp2 --/

Every cable is a veth pair and can be cut. The gateway's default routes are fibre (metric 10) and mobile (20).
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from parts import REQUIRED, need

_CLONE_NEWNET = 0x40000000
NODES = ("lan", "gw", "isp1", "isp2", "national", "world")
LAN_DEVICE = "10.20.0.50"
NATIONAL, WORLD = "198.51.100.129", "198.51.100.193"
EDGE_1, EDGE_2 = "203.0.113.1", "192.0.2.1"
_CABLES = (
    # name of the cable, end, address, other end, address
    ("lan", "gw", "10.20.0.1/24", "lan", f"{LAN_DEVICE}/24"),
    ("fibre", "gw", "203.0.113.2/30", "isp1", f"{EDGE_1}/30"),
    ("mobile", "gw", "192.0.2.2/30", "isp2", f"{EDGE_2}/30"),
    ("core1", "isp1", "198.51.100.1/30", "national", "198.51.100.2/30"),
    ("core2", "isp2", "198.51.100.5/30", "national", "198.51.100.6/30"),
    ("sea", "national", "198.51.100.9/30", "world", "198.51.100.10/30"),
)
_ROUTES = (
    ("lan", "default", "10.20.0.1"),
    ("isp1", "default", "198.51.100.2"),
    ("isp2", "default", "198.51.100.6"),
    ("national", "203.0.113.0/30", "198.51.100.1"),
    ("national", "192.0.2.0/30", "198.51.100.5"),
    ("national", f"{WORLD}/32", "198.51.100.10"),
    ("world", "default", "198.51.100.9"),
)
_FIBRE_ROUTE = ("default", "via", EDGE_1, "dev", "fibre0", "metric", "10")
_MOBILE_ROUTE = ("default", "via", EDGE_2, "dev", "mobile0", "metric", "20")


class Country:
    """The namespaces, from `start` to `stop`."""

    def __init__(self) -> None:
        self._ip = need("ip")
        self._prefix = f"sp{os.getpid() % 100_000}"

    def start(self) -> None:
        """Build it; skips the test where namespaces are not allowed."""
        try:
            for node in NODES:
                self._run("netns", "add", self.netns(node))
        except subprocess.CalledProcessError:
            message = "network namespaces are not allowed here (needs root)"
            pytest.fail(message) if REQUIRED else pytest.skip(message)
        for node in NODES:
            self.ip(node, "link", "set", "lo", "up")
            self._forward(node)
        for name, end, address, other, other_address in _CABLES:
            peer = ("peer", "name", f"{name}1", "netns", self.netns(other))
            self._run("link", "add", f"{name}0", "netns", self.netns(end), "type", "veth", *peer)
            for node, interface, its in ((end, f"{name}0", address), (other, f"{name}1", other_address)):
                self.ip(node, "addr", "add", its, "dev", interface)
                self.ip(node, "link", "set", interface, "up")
        for node, address in (("national", NATIONAL), ("world", WORLD)):
            self.ip(node, "addr", "add", f"{address}/32", "dev", "lo")
        for node, to, via in _ROUTES:
            self.ip(node, "route", "add", to, "via", via)
        self.ip("gw", "route", "add", *_FIBRE_ROUTE)
        self.ip("gw", "route", "add", *_MOBILE_ROUTE)

    def stop(self) -> None:
        """Remove all of it."""
        for node in NODES:
            with contextlib.suppress(subprocess.CalledProcessError):
                self._run("netns", "del", self.netns(node))

    def netns(self, node: str) -> str:
        """The name of a node's namespace."""
        return f"{self._prefix}-{node}"

    def command(self, node: str, *command: str) -> list[str]:
        """`command` as it runs inside `node`."""
        return [self._ip, "netns", "exec", self.netns(node), *command]

    def ip(self, node: str, *arguments: str) -> None:
        """Run ``ip`` inside `node`."""
        self._run("-n", self.netns(node), *arguments)

    def cut(self, cable: str) -> None:
        """Unplug a cable at its far end: the near end loses its carrier."""
        self.ip(self._far_end(cable), "link", "set", f"{cable}1", "down")

    def mend(self, cable: str) -> None:
        """Plug it in again, with the routes over it that the kernel dropped."""
        far = self._far_end(cable)
        self.ip(far, "link", "set", f"{cable}1", "up")
        for node, to, via in _ROUTES:
            with contextlib.suppress(subprocess.CalledProcessError):
                self.ip(node, "route", "add", to, "via", via)

    def prefer_mobile(self) -> None:
        """What a router's failover does: the fibre's default route goes behind the other one."""
        self.ip("gw", "route", "del", *_FIBRE_ROUTE)
        self.ip("gw", "route", "add", *_FIBRE_ROUTE[:-1], "50")

    def prefer_fibre(self) -> None:
        """And back."""
        self.ip("gw", "route", "del", *_FIBRE_ROUTE[:-1], "50")
        self.ip("gw", "route", "add", *_FIBRE_ROUTE)

    @contextlib.contextmanager
    def inside(self, node: str) -> Iterator[None]:
        """This thread, and what it starts meanwhile, is inside `node`."""
        libc = ctypes.CDLL(None, use_errno=True)

        def enter(path: str) -> None:
            with Path(path).open("rb") as handle:
                if libc.setns(handle.fileno(), _CLONE_NEWNET):
                    raise OSError(ctypes.get_errno(), f"cannot enter {path}")

        with Path("/proc/thread-self/ns/net").open("rb") as home:
            enter(f"/run/netns/{self.netns(node)}")
            try:
                yield
            finally:
                libc.setns(home.fileno(), _CLONE_NEWNET)

    def _far_end(self, cable: str) -> str:
        return next(other for name, _, _, other, _ in _CABLES if name == cable)

    def _forward(self, node: str) -> None:
        with self.inside(node):
            Path("/proc/sys/net/ipv4/ip_forward").write_text("1")

    def _run(self, *arguments: str) -> None:
        command: Sequence[str] = [self._ip, *arguments]
        subprocess.run(command, check=True, capture_output=True)
