"""Parts of a report from what was tallied: sums, medians and shares, rounded as every form shows them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from statistics import median
from typing import NamedTuple

from schoolpulse.incidents.model import IncidentKind
from schoolpulse.local_time import HOUR_MS
from schoolpulse.registry.models import Line, School
from schoolpulse.reports.facts import SpeedTest
from schoolpulse.reports.model import Devices, Group, Hours, Outages, Speed
from schoolpulse.reports.tally import CLASSES, Fault, Tally

SPEED_OK_RATIO = 0.8


def hours(ms: float) -> float:
    """Hours of milliseconds, to 3.6 s."""
    return round(ms / HOUR_MS, 3)


def ratio(part: float, whole: float) -> float | None:
    """A share, to one in a million; None of nothing."""
    return round(part / whole, 6) if whole > 0 else None


def middle(values: Sequence[float], digits: int = 1) -> float | None:
    """The median; None of nothing."""
    return round(median(values), digits) if values else None


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key to sort names by, with numbers as numbers: ``Phường 3`` before ``Phường 10``."""
    parts = re.split(r"([0-9]{1,9})", name)
    return [(part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in parts]


class Delivered(NamedTuple):
    """A speed test, and its shares of what was contracted on its day."""

    test: SpeedTest
    down_ratio: float | None
    up_ratio: float | None


def delivered(test: SpeedTest, line: Line | None) -> Delivered:
    """`test` beside the contract of `line`."""
    down = line.contracted_down_mbps if line is not None else None
    up = line.contracted_up_mbps if line is not None else None
    return Delivered(
        test,
        test.down_mbps / down if down and test.down_mbps is not None else None,
        test.up_mbps / up if up and test.up_mbps is not None else None,
    )


@dataclass(slots=True)
class Piece:
    """What one school, or one school's days with one provider, give to a group."""

    school: School
    tally: Tally
    faults: Sequence[Fault]
    tests: Sequence[Delivered]
    devices: int | None
    contract: Line | None = None
    below: bool = field(init=False)
    """Whether the median of its tests is too far below the contract."""

    def __post_init__(self) -> None:
        share = middle([one.down_ratio for one in self.tests if one.down_ratio is not None], 6)
        self.below = share is not None and share < SPEED_OK_RATIO


def hours_part(tally: Tally) -> Hours:
    """The hours of a tally."""
    parts = {name: hours(tally.parts[name]) for name in CLASSES}
    return Hours(
        hours=hours(tally.total),
        measured_hours=hours(tally.measured),
        broadband_hours=hours(tally.broadband),
        backup_hours=parts["backup"],
        lost_hours=parts["lost"],
        degraded_hours=parts["degraded"],
        line_fault_hours=hours(tally.line_fault),
        no_agent_hours=parts["no_agent"],
        before_hours=parts["before"],
        blind_hours=parts["blind"],
        stopped_hours=parts["stopped"],
        silent_hours=parts["silent"],
        by_technology={name: hours(ms) for name, ms in sorted(tally.technology.items()) if ms},
        connected_ratio=ratio(tally.connected, tally.measured),
        broadband_ratio=ratio(tally.broadband, tally.measured),
        measured_ratio=ratio(tally.measured, tally.total),
        proven_ratio=ratio(tally.connected, tally.total),
    )


def detect_s(fault: Fault) -> float:
    """From the true begin of an incident until it was confirmed, seconds."""
    return max(0, fault.incident.confirmed_at - fault.incident.start) / 1000


def repair_hours(faults: Iterable[Fault]) -> list[float]:
    """From begin to end of those that are over."""
    return [
        (fault.incident.end - fault.incident.start) / HOUR_MS
        for fault in faults
        if fault.incident.end is not None
    ]


def outages_part(faults: Iterable[Fault]) -> Outages:
    """The outages among `faults`."""
    found = [fault for fault in faults if fault.is_lost]
    detected = sorted(detect_s(fault) for fault in found)
    return Outages(
        count=len(found),
        longest_hours=max((hours(fault.ms) for fault in found), default=None),
        detect_median_s=middle(detected),
        detect_p95_s=round(detected[min(len(detected) - 1, int(len(detected) * 0.95))], 1)
        if detected
        else None,
        repair_median_hours=middle(repair_hours(found), 3),
    )


def speed_part(pieces: Sequence[Piece]) -> Speed:
    """What was delivered against what was contracted."""
    tests = [one for piece in pieces for one in piece.tests]
    contract = pieces[0].contract if len(pieces) == 1 else None
    return Speed(
        tests=len(tests),
        down_mbps=middle([down for (_, down, _), _, _ in tests if down is not None]),
        up_mbps=middle([up for (_, _, up), _, _ in tests if up is not None]),
        contracted_down_mbps=contract.contracted_down_mbps if contract else None,
        contracted_up_mbps=contract.contracted_up_mbps if contract else None,
        down_ratio=middle([share for _, share, _ in tests if share is not None], 6),
        up_ratio=middle([share for _, _, share in tests if share is not None], 6),
        schools_tested=sum(bool(piece.tests) for piece in pieces),
        schools_below=sum(piece.below for piece in pieces),
    )


def devices_part(pieces: Sequence[Piece]) -> Devices:
    """Devices, and their hours down by the incidents' record."""
    known = [piece.devices for piece in pieces if piece.devices is not None]
    faults = [
        fault for piece in pieces for fault in piece.faults if fault.incident.kind is IncidentKind.DEVICE_DOWN
    ]
    down_ms = sum(fault.ms for fault in faults)
    whole_ms = sum((piece.devices or 0) * piece.tally.measured for piece in pieces)
    share = ratio(max(0, whole_ms - down_ms), whole_ms)
    return Devices(
        seen=sum(known) if known else None, failures=len(faults), down_hours=hours(down_ms), up_ratio=share
    )


def carried_by(tally: Tally) -> str | None:
    """The technology of most connected hours, where most of what was measured was connected."""
    if not is_connected(tally) or not tally.technology:
        return None
    return max(sorted(tally.technology), key=lambda name: tally.technology[name])


def is_connected(tally: Tally) -> bool:
    """Whether it is proven to have broadband or 4G/5G: most of its measured hours."""
    return tally.connected * 2 > tally.measured > 0


def group_part(key: str, name: str, depth: int, pieces: Sequence[Piece]) -> Group:
    """The figures of `pieces` together; several of one school count as one school."""
    whole = Tally()
    schools: dict[str, Tally] = {}
    for piece in pieces:
        whole.add(piece.tally)
        schools.setdefault(piece.school.id, Tally()).add(piece.tally)
    connected = sum(is_connected(tally) for tally in schools.values())
    technologies: dict[str, int] = {}
    for tally in schools.values():
        if (technology := carried_by(tally)) is not None:
            technologies[technology] = technologies.get(technology, 0) + 1
    return Group(
        key=key,
        name=name,
        depth=depth,
        schools=len(schools),
        schools_measured=sum(tally.measured > 0 for tally in schools.values()),
        schools_connected=connected,
        connected_schools_ratio=ratio(connected, len(schools)),
        schools_by_technology=dict(sorted(technologies.items())),
        hours=hours_part(whole),
        outages=outages_part(fault for piece in pieces for fault in piece.faults),
        speed=speed_part(pieces),
        devices=devices_part(pieces),
    )
