"""Sums over many schools or devices, each minute, so that a chart of a year need not read every school.

A year of hours of 200 schools is 1.7 million points for one line in a chart; the same year of 15 wards is
131,000, and of 4 providers 35,000. A sum of sums is exact, so that these are rolled up like everything else
and a share is ``sum(connected) / sum(measured)`` in every tier.

* ``ward_status``: tag ward. ``provider_status``: tag provider.
* ``device_kind``: tag kind; devices of schools that are heard.
* ``device_down``: a point a minute for each device that does not answer, and none for those that do.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from schoolpulse.export.records import BROADBAND, CONNECTED, UNMEASURED, tags_of
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.live import SchoolNow
from schoolpulse.stores.base import PointBlock

SUMS = (
    *("schools", "connected", "broadband", "measured", "open_connected", "open_measured"),
    *("rtt_total_ms", "rtt_schools", "loss_total", "loss_schools"),
)
"""Schools in a state, those two again while schools are open; for a mean, the total and of how many."""
_OF = {
    "measured": ("connected", "broadband", "measured"),
    "open_measured": ("open_connected", "open_measured"),
    "rtt_schools": ("rtt_total_ms", "rtt_schools"),
    "loss_schools": ("loss_total", "loss_schools"),
    "telling": ("telling", "used"),
}
"""What is a part of what. InfluxDB takes 0 / 0 for 0: where there is no whole, nothing is written."""
DEVICE_SUMS = ("devices", "up", "telling", "used")
"""Devices seen, those that answer; those that tell whether they are in use, and those that are."""
DEVICE_TAGS = ("school", "name", "ward", "device", "kind")
UNHEARD = frozenset({SchoolStatus.DOWN, SchoolStatus.STOPPED, SchoolStatus.UNKNOWN})
"""Of schools in these states nobody knows how their devices are."""
NO_WARD = "-"


def school_sums(schools: Sequence[SchoolNow], at_ms: int, *, school_hours: bool) -> list[PointBlock]:
    """How many schools of each ward, and on the primary line of each provider, are how."""
    return [
        PointBlock(measurement, (), (tag,), SUMS, _sums(schools, index, at_ms, school_hours))
        for measurement, tag, index in (("ward_status", "ward", 2), ("provider_status", "provider", 3))
    ]


def _sums(
    schools: Iterable[SchoolNow], index_of_tag: int, at_ms: int, school_hours: bool
) -> list[tuple[int, tuple[str], tuple[float | None, ...]]]:
    found: dict[str, list[float]] = defaultdict(lambda: [0.0] * len(SUMS))
    for now in schools:
        near = now.figures.reachability.get("national") if now.figures else None
        rtt_ms, loss = (near.rtt_ms, near.loss_ratio) if near else (None, None)
        connected, measured = now.status in CONNECTED, now.status not in UNMEASURED
        each = (
            *(1, connected, now.status in BROADBAND, measured),
            *(connected and school_hours, measured and school_hours),
            *(rtt_ms or 0.0, rtt_ms is not None, loss or 0.0, loss is not None),
        )
        total = found[tags_of(now.school)[index_of_tag] or NO_WARD]
        for index, value in enumerate(each):
            total[index] += value
    return [(at_ms, (name,), _parts_of_something(SUMS, total)) for name, total in sorted(found.items())]


def _parts_of_something(fields: Sequence[str], values: Sequence[float]) -> tuple[float | None, ...]:
    """The values without those of which the whole is nothing."""
    told: dict[str, float | None] = dict(zip(fields, values, strict=True))
    for whole, parts in _OF.items():
        if told.get(whole) == 0:
            told |= dict.fromkeys(parts)
    return tuple(told.values())


def kinds_of_devices(schools: Iterable[SchoolNow]) -> dict[tuple[str, str], str]:
    """What each device that was heard of is, by school and device."""
    return {
        (now.school.id, device.name): device.kind
        for now in schools
        if now.figures is not None
        for device in now.figures.devices
    }


def device_sums(schools: Iterable[SchoolNow], at_ms: int) -> list[PointBlock]:
    """How many devices of each kind are up and in use; and which do not answer."""
    kinds: dict[str, list[int]] = defaultdict(lambda: [0] * len(DEVICE_SUMS))
    down = []
    for now in schools:
        if now.figures is None or now.status in UNHEARD:
            continue
        school, name, ward, *_ = tags_of(now.school)
        for device in now.figures.devices:
            kind = device.kind or "-"
            each = (1, device.up, device.in_use is not None, bool(device.in_use))
            kinds[kind] = [total + value for total, value in zip(kinds[kind], each, strict=True)]
            if not device.up:
                down.append((at_ms, (school, name, ward, device.name, kind), (1,)))
    rows = [
        (at_ms, (kind,), _parts_of_something(DEVICE_SUMS, total)) for kind, total in sorted(kinds.items())
    ]
    return [
        PointBlock("device_kind", (), ("kind",), DEVICE_SUMS, rows),
        PointBlock("device_down", (), DEVICE_TAGS, ("down",), down),
    ]
