"""A scenario as a readable timeline: what happens to whom, when, and what of it can be found."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from schoolpulse_sim.faults import Fault
from schoolpulse_sim.generate import Plan
from schoolpulse_sim.scenario import FaultKind
from schoolpulse_sim.timing import DAY, HOUR, MINUTE, SECOND, local, local_midnight
from schoolpulse_sim.truth import truths

_WORDS = {
    FaultKind.LINE_CUT: "line cut",
    FaultKind.FLAPPING: "line flaps",
    FaultKind.POWER_CUT: "power cut",
    FaultKind.GATEWAY_REBOOT: "gateway reboots",
    FaultKind.GATEWAY_CRASH: "gateway crashes",
    FaultKind.AGENT_UPDATE: "agent is updated",
    FaultKind.AGENT_STOPPED: "agent is stopped",
    FaultKind.PROVIDER_OUTAGE: "provider outage",
    FaultKind.INTERNATIONAL_CUT: "international cut",
    FaultKind.DNS_FAILURE: "DNS fails",
    FaultKind.CAPTIVE_PORTAL: "captive portal",
    FaultKind.DEGRADED_LINE: "line decays",
    FaultKind.DEVICE_FAILURE: "device fails",
    FaultKind.SWITCH_FAILURE: "switch fails",
    FaultKind.PROVIDER_MOVE: "moves to another provider",
    FaultKind.BROKER_AWAY: "broker is away",
    FaultKind.COLLECTOR_AWAY: "collector is away",
    FaultKind.CLOCK_UNSET: "power blinks, clock starts in 1970",
    FaultKind.CLOCK_JUMP: "clock jumps",
    FaultKind.COUNTER_RESET: "counters are reset",
    FaultKind.SURGE: "traffic surges",
}
_WHY_NOT = {
    "short": "too short to be found",
    "hours": "outside monitored hours",
    "muted": "in a maintenance window",
    "planned": "planned",
    "masked": "hidden by something else",
}


def describe(plan: Plan, *, most: int = 200) -> Iterator[str]:
    """The lines of the timeline, at most `most` events.

    Args:
        plan: the scenario with its seed.
        most: events listed; the rest is counted.
    """
    about, district = plan.scenario.scenario, plan.district
    backups = sum(school.backup is not None for school in district.schools)
    devices = sum(len(school.devices) for school in district.schools)
    yield about.title
    if about.summary:
        yield f"  {about.summary}"
    begins, ends = local(plan.start_ms), local(plan.end_ms)
    yield f"  {begins:%a %Y-%m-%d %H:%M} to {ends:%a %Y-%m-%d %H:%M}, seed {plan.seed}"
    rooms = f", {count} classrooms" if (count := district.agents - len(district.schools)) else ""
    yield f"  {len(district.schools)} schools, {backups} with a backup, {devices} devices{rooms}"
    providers = Counter(school.provider for school in district.schools)
    yield "  " + ", ".join(f"{name} {count}" for name, count in sorted(providers.items()))
    lines = {
        line["id"]: line for line in truths(plan.faults, district, plan.scenario.monitoring, plan.end_ms)
    }
    day_ms = None
    for fault in plan.faults[:most]:
        if day_ms != local_midnight(fault.start_ms):
            day_ms = local_midnight(fault.start_ms)
            yield ""
            yield f"{local(fault.start_ms):%A %Y-%m-%d}"
        yield f"  {local(fault.start_ms):%H:%M:%S}  {_event(plan, fault, lines.get(fault.id))}"
    if len(plan.faults) > most:
        yield f"  ... and {len(plan.faults) - most} more"
    yield ""
    found = sum(bool(line["detectable"]) for line in lines.values())
    yield f"{len(plan.faults)} events, {len(lines)} of them true incidents, {found} of those can be found."


def span_text(span_ms: int) -> str:
    """A span as people say it: ``2 h 5 min``."""
    parts: list[str] = []
    for unit_ms, name in ((DAY, "d"), (HOUR, "h"), (MINUTE, "min"), (SECOND, "s")):
        count, span_ms = divmod(span_ms, unit_ms)
        if count and len(parts) < 2:
            parts.append(f"{count} {name}")
    return " ".join(parts) or "0 s"


def _event(plan: Plan, fault: Fault, line: dict[str, object] | None) -> str:
    schools = plan.district.schools
    if fault.provider and fault.kind is FaultKind.PROVIDER_OUTAGE:
        whom = f"{fault.provider}, {len(fault.schools)} schools"
    elif len(fault.schools) == 1:
        school = schools[fault.schools[0]]
        whom = f"{school.id} ({school.provider}, {school.backup or 'no'} backup)"
        whom += f", {fault.devices[0]}" if fault.devices else ""
    else:
        whom = "everybody"
    told = "no incident"
    if line is not None:
        told = str(line["kind"])
        why_not = line.get("why_not")
        told += f", {_WHY_NOT[str(why_not)]}" if why_not else ""
    return f"{_WORDS[fault.kind]:34} {span_text(fault.end_ms - fault.start_ms):>12}  {whom} [{told}]"
