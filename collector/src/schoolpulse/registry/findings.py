"""Where what is measured is not what is recorded. Pure: both sides in, deviations out."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from schoolpulse.registry.models import Device, Line, Role, School

FindingKind = Literal[
    "no_agent",
    "no_line",
    "speed_below_contract",
    "technology_differs",
    "device_not_recorded",
    "device_never_seen",
    "device_kind_differs",
]
KINDS: tuple[FindingKind, ...] = get_args(FindingKind)
BELOW = 0.8
"""Of what was contracted; a median below that is a deviation."""
MIN_TESTS = 4
"""Fewer say nothing: a day has about four."""


@dataclass(frozen=True, slots=True)
class Speed:
    """The median of `tests` speed tests, Mbps; None where there were none."""

    tests: int
    down_mbps: float | None
    up_mbps: float | None

    @classmethod
    def of(cls, down: Sequence[float], up: Sequence[float]) -> Speed:
        """From every test's result."""
        return cls(
            len(down), statistics.median(down) if down else None, statistics.median(up) if up else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What is measured of a school: speeds and technology by role, kinds of devices by name."""

    speeds: Mapping[Role, Speed] = field(default_factory=dict)
    technologies: Mapping[Role, str] = field(default_factory=dict)
    devices: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One deviation. `subject` is a role or a device; `tests` counts what a speed is the median of."""

    kind: FindingKind
    school_id: str
    subject: str = ""
    recorded: str = ""
    measured: str = ""
    tests: int | None = None


def findings(school: School, devices: Sequence[Device], measured: Measured) -> Iterator[Finding]:
    """Every deviation of an open school."""
    if school.agent_id is None:
        yield Finding(kind="no_agent", school_id=school.id)
    elif school.line("primary") is None:
        yield Finding(kind="no_line", school_id=school.id, subject="primary")
    for line in school.lines:
        yield from line_findings(school.id, line, measured)
    yield from _device_findings(school.id, devices, measured.devices)


def line_findings(school_id: str, line: Line, measured: Measured) -> Iterator[Finding]:
    """What deviates of one line."""
    speed = measured.speeds.get(line.role)
    if speed is not None and speed.tests >= MIN_TESTS:
        pairs = (
            ("down", line.contracted_down_mbps, speed.down_mbps),
            ("up", line.contracted_up_mbps, speed.up_mbps),
        )
        for way, contracted, found in pairs:
            if contracted and found is not None and found < BELOW * contracted:
                yield Finding(
                    kind="speed_below_contract",
                    school_id=school_id,
                    subject=f"{line.role} {way}",
                    recorded=f"{line.technology} {contracted:g} Mbps",
                    measured=f"{found:.3g} Mbps",
                    tests=speed.tests,
                )
    technology = measured.technologies.get(line.role, "unknown")
    if "unknown" not in (technology, line.technology) and technology != line.technology:
        yield Finding(
            kind="technology_differs",
            school_id=school_id,
            subject=line.role,
            recorded=line.technology,
            measured=technology,
        )


def _device_findings(
    school_id: str, devices: Sequence[Device], measured: Mapping[str, str]
) -> Iterator[Finding]:
    recorded = {device.device_id: device for device in devices}
    for name in sorted({*recorded, *measured}):
        device, kind = recorded.get(name), measured.get(name)
        if device is None:
            yield Finding(
                kind="device_not_recorded", school_id=school_id, subject=name, measured=measured[name]
            )
        elif kind is None:
            yield Finding(kind="device_never_seen", school_id=school_id, subject=name, recorded=device.kind)
        elif kind and kind != device.kind:
            yield Finding(
                kind="device_kind_differs",
                school_id=school_id,
                subject=name,
                recorded=device.kind,
                measured=kind,
            )
