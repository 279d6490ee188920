"""One device's poll: what is asked each time, and what its answers say beside those of the time before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schoolpulse_agent.probes.base import Reading
from schoolpulse_agent.probes.device_reports import Look
from schoolpulse_agent.probes.snmp import ports
from schoolpulse_agent.probes.snmp.kinds import Kind, value_of
from schoolpulse_agent.probes.snmp.talk import Column, Talk, Value, get, walk
from schoolpulse_agent.probes.snmp.uptime import UptimeTracker
from schoolpulse_agent.settings import Device
from schoolpulse_agent.wire import FieldValue

SYS_UPTIME = (1, 3, 6, 1, 2, 1, 1, 3, 0)
ENGINE_TIME = (1, 3, 6, 1, 6, 3, 10, 2, 1, 3, 0)
PORTS_ANEW_S = 3600.0


class Answered(NamedTuple):
    """Everything that a device said in one poll."""

    scalars: Mapping[tuple[int, ...], Value]
    columns: Mapping[tuple[int, ...], Column]
    ports: Mapping[tuple[int, ...], ports.Port] | None
    counts: Mapping[tuple[int, ...], ports.Counts]


class DevicePoll:
    """What is known of one device from poll to poll."""

    def __init__(self, device: Device, kind: Kind) -> None:
        self._device = device
        self._kind = kind
        self._uptime = UptimeTracker()
        self._ports: Mapping[tuple[int, ...], ports.Port] = {}
        self._ports_at: float | None = None
        self._counts: Mapping[tuple[int, ...], ports.Counts] = {}
        self._counted_at = 0.0
        self._rows: int | None = None

    def talk(self, at: float) -> Talk[Answered]:
        """Ask for everything. Names and speeds of ports, which hardly change, once an hour."""
        kind = self._kind
        wanted = (SYS_UPTIME, ENGINE_TIME, *((kind.uptime,) if kind.uptime else ()), *kind.scalars())
        scalars = yield from get(wanted)
        columns: dict[tuple[int, ...], Column] = {}
        if kind.columns():
            columns = yield from walk(kind.columns(), self._rows)
            self._rows = max(map(len, columns.values()))
        found: dict[tuple[int, ...], ports.Port] | None = None
        counts: dict[tuple[int, ...], ports.Counts] = {}
        if kind.interfaces:
            counts = yield from ports.ask_counts(len(self._counts) or None)
            old = self._ports_at is None or at - self._ports_at >= PORTS_ANEW_S
            if old or counts.keys() != self._ports.keys():
                found = yield from ports.ask_ports()
        return Answered(scalars, columns, found, counts)

    def look(self, answered: Answered, at: float, rtt_ms: float | None) -> Look:
        """What a poll begun at the steady clock's second `at` says."""
        uptime_s, rebooted = self._follow_uptime(answered.scalars, at)
        if answered.ports is not None:
            self._ports, self._ports_at = answered.ports, at
        fields = [
            (field.name, value_of(field, answered.scalars, answered.columns)) for field in self._kind.fields
        ]
        states = tuple(
            pair for field, pair in zip(self._kind.fields, fields) if field.is_state and pair[1] is not None
        )
        readings: list[Reading] = []
        if self._kind.interfaces:
            moved = self._follow_counts(answered.counts, at, rebooted)
            fields += _summary(answered.counts, self._ports, moved)
            readings = self._port_readings(moved)
        tags = (("device", self._device.name),)
        if any(value is not None for _, value in fields):
            readings.insert(0, Reading(self._kind.measurement, tags, tuple(fields)))
        return Look(True, uptime_s, rtt_ms, "", tuple(readings), states, rebooted)

    def _follow_uptime(
        self, scalars: Mapping[tuple[int, ...], Value], at: float
    ) -> tuple[float | None, bool]:
        ticks, engine_s = scalars.get(self._kind.uptime or SYS_UPTIME), scalars.get(ENGINE_TIME)
        if not isinstance(ticks, int):
            ticks = scalars.get(SYS_UPTIME)
        if not isinstance(ticks, int):
            return None, False
        return self._uptime.take(ticks, at, engine_s if isinstance(engine_s, int) else None)

    def _follow_counts(
        self, counts: Mapping[tuple[int, ...], ports.Counts], at: float, rebooted: bool
    ) -> dict[tuple[int, ...], ports.Traffic]:
        before, seconds = self._counts, at - self._counted_at
        self._counts, self._counted_at = counts, at
        if rebooted or seconds <= 0:
            return {}
        moved = {}
        for index, now in counts.items():
            port = self._ports.get(index)
            if port is not None and index in before:
                moved[index] = ports.traffic(before[index], now, seconds, port.speed_mbps)
        return moved

    def _port_readings(self, moved: Mapping[tuple[int, ...], ports.Traffic]) -> list[Reading]:
        wanted = self._device.snmp.ports
        return [
            Reading(
                "port",
                (("device", self._device.name), ("port", self._ports[index].name)),
                (
                    ("up", int(traffic.up)),
                    ("rx_bps", traffic.rx_bps),
                    ("tx_bps", traffic.tx_bps),
                    ("rx_errors", traffic.rx_errors),
                    ("tx_errors", traffic.tx_errors),
                    ("speed_mbps", self._ports[index].speed_mbps),
                ),
            )
            for index, traffic in moved.items()
            if self._ports[index].name in wanted or "*" in wanted
        ]


def _summary(
    counts: Mapping[tuple[int, ...], ports.Counts],
    known: Mapping[tuple[int, ...], ports.Port],
    moved: Mapping[tuple[int, ...], ports.Traffic],
) -> list[tuple[str, FieldValue]]:
    """All hardware ports together: how many are up, and what went through."""
    real = [index for index in counts if index in known and known[index].is_real]
    found = [moved[index] for index in real if index in moved]

    def total(values: list[int | None]) -> int | None:
        told = [value for value in values if value is not None]
        return sum(told) if told else None

    return [
        ("ports_up", sum(counts[index].up for index in real)),
        ("ports_total", len(real)),
        ("rx_bps", total([traffic.rx_bps for traffic in found])),
        ("tx_bps", total([traffic.tx_bps for traffic in found])),
        ("rx_errors", total([traffic.rx_errors for traffic in found])),
        ("tx_errors", total([traffic.tx_errors for traffic in found])),
    ]
