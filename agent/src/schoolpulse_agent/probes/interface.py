"""Measurement `interface`: traffic, errors and drops as differences between two looks at the counters."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings, file_text
from schoolpulse_agent.settings import Uplink
from schoolpulse_agent.toml_table import Table
from schoolpulse_agent.wire import FieldValue

MAX_INTERFACES = 16
_WRAP = 2**32
_FASTEST_BPS = 1e9
_RX_BYTES, _RX_ERRORS, _RX_DROPS = 0, 2, 3
_TX_BYTES, _TX_ERRORS, _TX_DROPS = 8, 10, 11


class Counters(NamedTuple):
    """The counters of an interface since it was made."""

    rx_bytes: int
    tx_bytes: int
    rx_errors: int
    tx_errors: int
    rx_drops: int
    tx_drops: int


class Snapshot(NamedTuple):
    """An interface's counters at a second of the steady clock, and which interface that was."""

    at: float
    ifindex: int
    counters: Counters


def parse_net_dev(text: str) -> dict[str, Counters]:
    """Counters by interface out of ``/proc/net/dev``; lines that are none are passed over."""
    found = {}
    for line in text.splitlines():
        name, colon, numbers = line.rpartition(":")
        columns = numbers.split()
        if not colon or len(columns) < 16 or not all(column.isdigit() for column in columns):
            continue
        value = [int(column) for column in columns]
        found[name.strip()] = Counters(
            value[_RX_BYTES],
            value[_TX_BYTES],
            value[_RX_ERRORS],
            value[_TX_ERRORS],
            value[_RX_DROPS],
            value[_TX_DROPS],
        )
    return found


def delta(before: int, now: int, fastest: float) -> int | None:
    """How far a counter went; None where it was reset.

    Old drivers count in 32 bits: a counter that fell from the upper half of 32 bits to where it could have
    come in the time, going on by at most `fastest`, went round; any other that fell began anew.
    """
    if now >= before:
        return now - before
    round_trip = now + _WRAP - before
    return round_trip if _WRAP // 2 <= before < _WRAP and round_trip <= fastest else None


def rates(before: Snapshot, now: Snapshot, speed_mbps: float | None) -> Counters | None:
    """What happened between two snapshots (bytes, and counts); None where they cannot be compared."""
    seconds = now.at - before.at
    if now.ifindex != before.ifindex or seconds <= 0:
        return None  # made anew: a modem that came back, a tunnel
    if now.counters.rx_bytes < before.counters.rx_bytes and now.counters.tx_bytes < before.counters.tx_bytes:
        return None  # both at once do not go round, they are reset
    fastest = (speed_mbps * 1e6 if speed_mbps else _FASTEST_BPS) * 1.1 / 8 * seconds
    deltas = [delta(a, b, fastest) for a, b in zip(before.counters, now.counters)]
    if deltas[0] is None or deltas[1] is None:
        return None
    return Counters(*(0 if value is None else value for value in deltas))


def parse_speed(text: str) -> float | None:
    """Link speed in Mbps out of ``/sys/class/net/*/speed``; -1 and nonsense mean that there is none."""
    return float(text) if text.isdigit() and int(text) < 2**31 else None


class InterfaceProbe:
    """Looks at the kernel's counters."""

    def __init__(self, names: tuple[str, ...], surroundings: Surroundings) -> None:
        self._names = names
        self._uplinks = surroundings.uplinks
        self._clock = surroundings.clock
        self._proc = surroundings.root / "proc"
        self._sys = surroundings.root / "sys/class/net"
        self._before: dict[str, Snapshot] = {}

    def measure(self) -> Round:
        """A reading for each interface that was there in the round before."""
        at = self._clock.monotonic()
        counters = parse_net_dev(file_text(self._proc / "net/dev"))
        now = {
            name: Snapshot(at, self._ifindex(name), counters[name])
            for name in wanted_interfaces(list(counters), self._names, self._uplinks, self._sys)
        }
        readings = [
            self._reading(name, self._before[name], snapshot)
            for name, snapshot in now.items()
            if name in self._before
        ]
        self._before = now
        return Round([reading for reading in readings if reading is not None])

    def _reading(self, name: str, before: Snapshot, now: Snapshot) -> Reading | None:
        speed_mbps = parse_speed(file_text(self._sys / name / "speed"))
        moved = rates(before, now, speed_mbps)
        if moved is None:
            return None
        seconds = now.at - before.at
        fields: tuple[tuple[str, FieldValue], ...] = (
            ("rx_bps", round(moved.rx_bytes * 8 / seconds)),
            ("tx_bps", round(moved.tx_bytes * 8 / seconds)),
            ("rx_errors", moved.rx_errors),
            ("tx_errors", moved.tx_errors),
            ("rx_drops", moved.rx_drops),
            ("tx_drops", moved.tx_drops),
            ("speed_mbps", speed_mbps),
        )
        return Reading("interface", (("name", name),), fields)

    def _ifindex(self, name: str) -> int:
        text = file_text(self._sys / name / "ifindex")
        return int(text) if text.isdigit() else 0


def wanted_interfaces(
    present: list[str], configured: tuple[str, ...], uplinks: tuple[Uplink, ...], sys_net: Path
) -> list[str]:
    """The configured ones; else those of the uplinks, and all that are hardware or a bridge."""
    if configured:
        return [name for name in present if name in configured]
    of_uplinks = {uplink.interface for uplink in uplinks}
    real = [
        name
        for name in present
        if name in of_uplinks
        or (sys_net / name / "device").exists()
        or ((sys_net / name / "bridge").exists() and not name.startswith(("docker", "virbr", "br-")))
        or name == "br-lan"
    ]
    return real[:MAX_INTERFACES]


def _read(table: Table) -> tuple[str, ...]:
    return table.texts("interfaces")


KIND = ProbeKind(interval_s=60, read=_read, create=InterfaceProbe, from_two=True)
