"""Measurement `device` and those of each kind: what changed at once, what did not only now and then.

As with `reachability` (docs/decisions/0100), twenty devices that are fine cost almost nothing on the wire.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from schoolpulse_agent.probes.base import Reading, Round
from schoolpulse_agent.settings import Device
from schoolpulse_agent.wire import FieldValue

DEFAULT_REPORT_S = 300.0


class Look(NamedTuple):
    """What one look at one device saw.

    Args:
        up: whether it answered.
        uptime_s: since when, if it says that.
        rtt_ms: the quickest answer.
        trouble: why there is none.
        readings: what else it says.
        states: those of its fields whose change is news.
        rebooted: it began anew since the last look.
    """

    up: bool
    uptime_s: float | None = None
    rtt_ms: float | None = None
    trouble: str = ""
    readings: tuple[Reading, ...] = ()
    states: tuple[tuple[str, FieldValue], ...] = ()
    rebooted: bool = False


class DeviceReports:
    """Turns looks into readings.

    Args:
        report_s: how often a device to which nothing happens is reported.
    """

    def __init__(self, report_s: float) -> None:
        self._report_s = report_s
        self._before: dict[str, Look] = {}
        self._reported_at: float | None = None

    def round(self, looks: Mapping[str, Look], devices: tuple[Device, ...], at: float) -> Round:
        """What is to be reported of a round of looks. One change brings the state of all devices."""
        ours = [device for device in devices if device.name in looks]
        changes = tuple(change for device in ours for change in self._changes(device, looks[device.name]))
        due = self._reported_at is None or at - self._reported_at >= self._report_s - 0.5
        self._before.update(looks)
        if not changes and not due:
            return Round([])
        if due:
            self._reported_at = at
        readings = [_reading(device, looks[device.name]) for device in ours]
        readings += [reading for device in ours for reading in looks[device.name].readings]
        return Round(readings, changes)

    def _changes(self, device: Device, now: Look) -> list[str]:
        before = self._before.get(device.name)
        if before is None:
            return []
        if before.up != now.up:
            said = "answers" if now.up else f"does not answer: {now.trouble}"
            return [f"device {device.name} {said}"]
        found = [f"device {device.name} has been restarted"] if now.rebooted else []
        known = dict(before.states)
        return found + [
            f"device {device.name}: {name} is {value!r}"
            for name, value in now.states
            if name in known and known[name] != value
        ]


def device_tags(device: Device) -> tuple[tuple[str, str], ...]:
    """The tags of the measurement `device`."""
    return (
        ("device", device.name),
        ("kind", device.kind),
        ("name", device.title),
        ("parent", device.parent),
    )


def _reading(device: Device, look: Look) -> Reading:
    fields: tuple[tuple[str, FieldValue], ...] = (
        ("up", int(look.up)),
        ("uptime_s", None if look.uptime_s is None else round(look.uptime_s)),
        ("rtt_ms", None if look.rtt_ms is None else round(look.rtt_ms, 2)),
    )
    return Reading("device", device_tags(device), fields)
