"""Measurement `wan`: which way out the school uses, and whether each line has a carrier."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings, file_text
from schoolpulse_agent.probes.routes import DefaultRoute, default_routes
from schoolpulse_agent.settings import Uplink
from schoolpulse_agent.toml_table import Table

DEFAULT_REPORT_S = 60.0
_TECHNOLOGIES = {"wwan": "mobile", "wlan": "wifi"}


class LineState(NamedTuple):
    """One uplink now."""

    uplink: Uplink
    interface: str
    active: bool
    carrier: bool
    technology: str


def located(uplinks: tuple[Uplink, ...], routes: list[DefaultRoute], known: str) -> tuple[Uplink, ...]:
    """`uplinks` with an interface each: one without takes that of the default route, or the last known."""
    found = routes[0].interface if routes else known
    return tuple(u if u.interface else u._replace(interface=found) for u in uplinks)


def active_uplink(uplinks: tuple[Uplink, ...], routes: list[DefaultRoute]) -> Uplink | None:
    """The uplink that traffic takes now: that of the preferred default route, if it is one of ours."""
    by_interface = {uplink.interface: uplink for uplink in uplinks}
    return next((by_interface[r.interface] for r in routes if r.interface in by_interface), None)


def has_carrier(folder: Path) -> bool:
    """Whether the interface described in `folder` (``/sys/class/net/<name>``) is up with a signal.

    Point-to-point and mobile interfaces have no carrier of their own; they are there, or not.
    """
    carrier = file_text(folder / "carrier")
    if carrier:
        return carrier == "1"
    return file_text(folder / "operstate") in {"up", "unknown"}


def technology(uplink: Uplink, folder: Path, generation: str = "") -> str:
    """What the line is made of: as configured, as its modem says, or as the kernel says of its interface."""
    if uplink.technology or generation:
        return uplink.technology or generation
    for line in file_text(folder / "uevent").splitlines():
        key, _, value = line.partition("=")
        if key == "DEVTYPE":
            return _TECHNOLOGIES.get(value, "unknown")
    return "unknown"


class WanProbe:
    """Looks at routes and carriers; reports every change at once and otherwise now and then."""

    def __init__(self, report_s: float, surroundings: Surroundings) -> None:
        self._report_s = report_s
        self._uplinks = surroundings.uplinks
        self._clock = surroundings.clock
        self._root = surroundings.root
        self._generations = surroundings.generations
        self._interface = ""
        self._before: dict[str, LineState] = {}
        self._reported_at: float | None = None

    def measure(self) -> Round:
        """A reading for each uplink if anything changed or the last report is old."""
        now = self._clock.monotonic()
        states = {state.uplink.name: state for state in self._look()}
        changes = self._changes(states)
        was, is_now = _active(self._before), _active(states)
        path_changed = bool(self._before) and was != is_now and bool(is_now)
        self._before = states
        if not changes and self._reported_at is not None and now - self._reported_at < self._report_s:
            return Round([])
        self._reported_at = now
        return Round([_reading(state) for state in states.values()], changes, path_changed)

    def _look(self) -> list[LineState]:
        routes = default_routes(self._root)
        uplinks = located(self._uplinks, routes, self._interface)
        self._interface = routes[0].interface if routes else self._interface
        active = active_uplink(uplinks, routes)
        sys_net = self._root / "sys/class/net"
        return [
            LineState(
                uplink,
                uplink.interface,
                uplink == active,
                bool(uplink.interface) and has_carrier(sys_net / uplink.interface),
                technology(
                    uplink, sys_net / uplink.interface, (self._generations or {}).get(uplink.name, "")
                ),
            )
            for uplink in uplinks
        ]

    def _changes(self, states: dict[str, LineState]) -> tuple[str, ...]:
        said = []
        for name, now in states.items():
            before = self._before.get(name)
            if before is not None and before.active != now.active:
                said.append(f"uplink {name} is {'in use' if now.active else 'not in use any more'}")
            if before is not None and before.carrier != now.carrier:
                said.append(f"uplink {name} has {'its carrier back' if now.carrier else 'lost its carrier'}")
        return tuple(said)


def _active(states: dict[str, LineState]) -> str:
    return next((name for name, state in states.items() if state.active), "")


def _reading(state: LineState) -> Reading:
    tags = (
        ("uplink", state.uplink.name),
        ("role", state.uplink.role),
        ("technology", state.technology),
        ("interface", state.interface),
    )
    return Reading("wan", tags, (("active", int(state.active)), ("carrier", int(state.carrier))))


def _read(table: Table) -> float:
    return table.number("report_s", DEFAULT_REPORT_S, 1, 3600)


KIND = ProbeKind(interval_s=5, read=_read, create=WanProbe)
