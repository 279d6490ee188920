"""The truth: what really happened, written from the schedule of faults and from nothing else.

One JSON object a line, as the public face promises: ``id kind cause scope school provider device start
end detectable``. Beside those: ``why_not`` where `detectable` is false (``short``, ``hours``, ``muted``,
``planned``, ``masked``), ``schools`` of what concerns several, ``fault`` (the scenario's own word).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from schoolpulse_sim.conditions import machine_down
from schoolpulse_sim.district import District, School
from schoolpulse_sim.faults import Fault
from schoolpulse_sim.scenario import FaultKind, Monitoring
from schoolpulse_sim.schooldays import open_ms

_WORDS: dict[FaultKind, tuple[str, str, str]] = {
    FaultKind.LINE_CUT: ("outage", "line_cut", "school"),
    FaultKind.FLAPPING: ("outage", "line_cut", "school"),
    FaultKind.PROVIDER_MOVE: ("outage", "line_cut", "school"),
    FaultKind.POWER_CUT: ("outage", "power_cut", "school"),
    FaultKind.GATEWAY_REBOOT: ("outage", "gateway_reboot", "school"),
    FaultKind.GATEWAY_CRASH: ("outage", "gateway_crash", "school"),
    FaultKind.CLOCK_UNSET: ("outage", "gateway_reboot", "school"),
    FaultKind.AGENT_UPDATE: ("outage", "agent_stopped", "school"),
    FaultKind.AGENT_STOPPED: ("outage", "agent_stopped", "school"),
    FaultKind.PROVIDER_OUTAGE: ("outage", "provider_outage", "provider"),
    FaultKind.INTERNATIONAL_CUT: ("international_only", "international_cut", "district"),
    FaultKind.DNS_FAILURE: ("dns_only", "dns_failure", "school"),
    FaultKind.CAPTIVE_PORTAL: ("captive_portal", "captive_portal", "school"),
    FaultKind.DEGRADED_LINE: ("degraded", "degraded_line", "school"),
    FaultKind.DEVICE_FAILURE: ("device_down", "device_failure", "school"),
    FaultKind.SWITCH_FAILURE: ("device_down", "parent_device_failure", "school"),
    FaultKind.BROKER_AWAY: ("blind", "monitoring_blind", "self"),
    FaultKind.COLLECTOR_AWAY: ("blind", "monitoring_blind", "self"),
}
"""Kind, cause and scope of each fault; what is not here is no incident, and a page for it is false."""

_SILENCING = {
    FaultKind.POWER_CUT,
    FaultKind.GATEWAY_REBOOT,
    FaultKind.GATEWAY_CRASH,
    FaultKind.AGENT_STOPPED,
    FaultKind.AGENT_UPDATE,
    FaultKind.BROKER_AWAY,
    FaultKind.COLLECTOR_AWAY,
}
_ON_THE_LINE = {FaultKind.LINE_CUT, FaultKind.PROVIDER_OUTAGE, FaultKind.PROVIDER_MOVE}


def truths(
    faults: Sequence[Fault], district: District, monitoring: Monitoring, end_ms: int
) -> list[dict[str, Any]]:
    """The lines of ``truth.jsonl``, by start.

    Args:
        faults: the schedule.
        district: whom they hit.
        monitoring: what can be found at all.
        end_ms: when the simulation ends; what lasts longer has no end yet.
    """
    lines = [line for fault in faults for line in _lines(fault, faults, district, monitoring)]
    for line in lines:
        if line["end"] > end_ms:
            line["end"] = None
    return sorted(lines, key=lambda line: (line["start"], line["id"]))


def to_text(lines: Iterable[dict[str, Any]]) -> str:
    """`lines` as JSON lines."""
    return "".join(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n" for line in lines)


def _lines(
    fault: Fault, faults: Sequence[Fault], district: District, monitoring: Monitoring
) -> Iterator[dict[str, Any]]:
    if fault.kind not in _WORDS or not fault.schools:
        return
    kind, cause, scope = _WORDS[fault.kind]
    school = district.schools[fault.schools[0]] if scope == "school" else None
    start, end = fault.start_ms, fault.end_ms
    if school is not None and fault.kind in {FaultKind.POWER_CUT, FaultKind.CLOCK_UNSET}:
        down = machine_down(fault, school, district.seed)
        if down is None:  # the battery carried it: nothing was out
            return
        start, end = down[0], min(end, down[1])
    if school is not None and school.backup and fault.kind in {*_ON_THE_LINE, FaultKind.FLAPPING}:
        kind = "on_backup"
    why_not = _why_not(fault, (start, end), faults, monitoring, school)
    line: dict[str, Any] = {
        "id": fault.id,
        "kind": kind,
        "cause": cause,
        "scope": scope,
        "school": school.id if school else None,
        "provider": fault.provider if scope == "provider" else None,
        "device": fault.devices[0] if fault.devices else None,
        "start": start,
        "end": end,
        "detectable": why_not is None,
        "fault": fault.kind.value,
    }
    if why_not is not None:
        line["why_not"] = why_not
    if scope != "school":
        line["schools"] = [district.schools[index].id for index in fault.schools]
    yield line


def _why_not(
    fault: Fault,
    period: tuple[int, int],
    faults: Sequence[Fault],
    monitoring: Monitoring,
    school: School | None,
) -> str | None:
    """Why nobody has to find it, or None."""
    if fault.muted:
        return "muted"
    if fault.kind in {FaultKind.AGENT_UPDATE, FaultKind.AGENT_STOPPED}:
        return "planned"
    needed_ms = {
        FaultKind.DEGRADED_LINE: monitoring.shortest_degraded,
        FaultKind.DEVICE_FAILURE: monitoring.shortest_device,
        FaultKind.SWITCH_FAILURE: monitoring.shortest_device,
    }.get(fault.kind, monitoring.shortest)
    if period[1] - period[0] < needed_ms:
        return "short"
    if monitoring.hours == "school" and open_ms(*period) < needed_ms:
        return "hours"
    if school is not None and _visible_ms(fault, period, faults, school) < needed_ms:
        return "masked"
    return None


def _visible_ms(fault: Fault, period: tuple[int, int], faults: Sequence[Fault], school: School) -> int:
    """How much of `period` no other fault at `school` hid."""
    hiding = set(_SILENCING)
    if not school.backup or fault.kind in _ON_THE_LINE:
        hiding |= _ON_THE_LINE
    hidden = sorted(
        (other.start_ms, other.end_ms)
        for other in faults
        if other is not fault
        and other.kind in hiding
        and school.index in other.schools
        and (other.start_ms, other.id) < (period[0] + 1, fault.id)
    )
    visible, at = 0, period[0]
    for start, end in hidden:
        visible += max(0, min(start, period[1]) - at)
        at = max(at, min(end, period[1]))
    return visible + period[1] - at
