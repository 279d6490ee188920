"""A device's interfaces (IF-MIB, RFC 2863): by 64-bit counters, else by 32-bit ones as far as they tell."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Union

from schoolpulse_agent.probes.interface import delta
from schoolpulse_agent.probes.snmp.talk import Column, Talk, walk

_IF = (1, 3, 6, 1, 2, 1, 2, 2, 1)
_IFX = (1, 3, 6, 1, 2, 1, 31, 1, 1, 1)
DESCR, TYPE, SPEED, STATUS = (*_IF, 2), (*_IF, 3), (*_IF, 5), (*_IF, 8)
IN_32, IN_ERRORS, OUT_32, OUT_ERRORS = (*_IF, 10), (*_IF, 14), (*_IF, 16), (*_IF, 20)
NAME, IN_64, OUT_64, HIGH_SPEED = (*_IFX, 1), (*_IFX, 6), (*_IFX, 10), (*_IFX, 15)
_STATIC = (NAME, DESCR, TYPE, HIGH_SPEED, SPEED)
_VIRTUAL = frozenset({24, 53, 131, 135, 136})
"""IANAifType: softwareLoopback, propVirtual, tunnel, l2vlan, l3ipvlan: their traffic is counted elsewhere."""
_UP = 1
_WRAP_32 = 2**32

Counter = Union[int, None]


class Port(NamedTuple):
    """What does not change from poll to poll."""

    name: str
    speed_mbps: float | None
    is_real: bool


class Counts(NamedTuple):
    """One port's counters; `bits` is the width of the octets'."""

    up: bool
    rx_octets: Counter
    tx_octets: Counter
    rx_errors: Counter
    tx_errors: Counter
    bits: int


class Traffic(NamedTuple):
    """What happened on one port between two polls. None is what cannot be told."""

    up: bool
    rx_bps: int | None
    tx_bps: int | None
    rx_errors: int | None
    tx_errors: int | None


def ask_ports() -> Talk[dict[tuple[int, ...], Port]]:
    """The ports by ifIndex."""
    columns = yield from walk(_STATIC)
    return {index: _port(index, columns) for index in columns[TYPE]}


def ask_counts(expected_ports: int | None = None) -> Talk[dict[tuple[int, ...], Counts]]:
    """The counters by ifIndex; those of 32 bits only where a device has no others."""
    columns = yield from walk((STATUS, IN_64, OUT_64, IN_ERRORS, OUT_ERRORS), expected_ports)
    bits = 64
    octets_in, octets_out = columns[IN_64], columns[OUT_64]
    if not octets_in:
        bits = 32
        narrow = yield from walk((IN_32, OUT_32), expected_ports)
        octets_in, octets_out = narrow[IN_32], narrow[OUT_32]
    return {
        index: Counts(
            status == _UP,
            _whole(octets_in, index),
            _whole(octets_out, index),
            _whole(columns[IN_ERRORS], index),
            _whole(columns[OUT_ERRORS], index),
            bits,
        )
        for index, status in columns[STATUS].items()
    }


def traffic(before: Counts, now: Counts, seconds: float, speed_mbps: float | None) -> Traffic:
    """What happened between two polls of a port that was not reset in between.

    A 32-bit counter that may have gone round more than once in the time tells nothing.
    """
    fastest = (speed_mbps or 1000) * 1e6 * 1.1 / 8 * seconds
    moved = []
    for earlier, later in zip(before[1:5], now[1:5]):
        step = None
        if earlier is not None and later is not None and before.bits == now.bits:
            step = delta(earlier, later, fastest)
        moved.append(step)
    rx, tx = (None if now.bits == 32 and fastest >= _WRAP_32 else step for step in moved[:2])
    return Traffic(now.up, _bps(rx, seconds), _bps(tx, seconds), moved[2], moved[3])


def _bps(octets: int | None, seconds: float) -> int | None:
    return None if octets is None else round(octets * 8 / seconds)


def _whole(column: Column, index: tuple[int, ...]) -> int | None:
    value = column.get(index)
    return value if isinstance(value, int) else None


def _port(index: tuple[int, ...], columns: Mapping[tuple[int, ...], Column]) -> Port:
    name = columns[NAME].get(index) or columns[DESCR].get(index)
    text = name.decode("utf-8", "replace") if isinstance(name, bytes) else ""
    text = "".join(c for c in text if c.isprintable())[:64] or ".".join(map(str, index))
    mbps: float | None = _whole(columns[HIGH_SPEED], index)
    if not mbps:
        bps = _whole(columns[SPEED], index)
        mbps = bps / 1e6 if bps else None
    return Port(text, mbps, columns[TYPE].get(index) not in _VIRTUAL)
