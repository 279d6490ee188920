"""Why a school was silent: told from its boot id, its uptime and what it measured meanwhile.

Evidence comes when the school is back, and for a week's backlog long after. It corrects the record of an
incident (cause, start, end) and never opens or closes one.
"""

from __future__ import annotations

from typing import NamedTuple

from schoolpulse.incidents import grouping
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard
from schoolpulse.incidents.freshness import world_ms
from schoolpulse.incidents.model import Cause
from schoolpulse.incidents.policy import SECOND, Policy
from schoolpulse.incidents.samples import ProbeSeen
from schoolpulse.incidents.state import Case, SchoolState

BEYOND = ("isp_edge", "national", "international")
"""Scopes behind the gateway, from near to far."""
DEVICES_ENOUGH = 3
BEFORE_MS = 60 * SECOND
"""Samples from so long before the silence still tell how it began."""


class Explanation(NamedTuple):
    """What the evidence says. Times of the world; `end` is None while it lasts."""

    cause: Cause
    start: int
    end: int | None


def returned(desk: Desk, school: SchoolState) -> None:
    """The school speaks again: its boot and session are compared with those before."""
    case = school.case
    if case is None:
        return
    track = school.tracks.get("silence")
    if case.to_ms and not (track is not None and track.incident == case.incident):
        return
    case.to_ms = desk.now_ms
    case.boot_after = school.boot
    case.session_after = school.session
    case.due_ms = desk.now_ms + desk.policy.settle_ms


def booted(desk: Desk, school: SchoolState, booted_ms: int) -> None:
    """The machine says since when it is up."""
    school.booted_ms = booted_ms
    case = school.case
    if case is not None and case.to_ms and school.boot == case.boot_after and not case.booted_ms:
        case.booted_ms = booted_ms
        case.due_ms = desk.now_ms + desk.policy.settle_ms


def devices(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """What the devices behind the gateway say first after its return: whether they had power meanwhile."""
    case = school.case
    if case is None or not case.to_ms or case.devices_booted or case.devices_stayed:
        return
    booted = [
        world_ms(school, row.booted_ms, heard.received_ms)
        for row in heard.devices_up
        if row.booted_ms is not None
    ]
    if len(booted) >= DEVICES_ENOUGH:
        case.devices_booted = sum(at_ms > case.from_ms for at_ms in booted)
        case.devices_stayed = len(booted) - case.devices_booted
        case.due_ms = desk.now_ms + desk.policy.settle_ms


def learn(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """Take from a batch, late or not, what was measured during the silence."""
    case = school.case
    if case is None or not heard.timed:
        return
    if case.to_ms and desk.now_ms - case.to_ms > desk.policy.explain_ms:
        desk.forget(case.incident)
        school.case = None
        return
    first, last = case.from_ms - BEFORE_MS, case.to_ms or desk.now_ms
    news = False
    for probe in heard.probes:
        at_ms = world_ms(school, probe.at_ms, heard.received_ms)
        if first <= at_ms <= last:
            _count(case, probe, at_ms, before=heard.boot == case.boot_before)
            news = True
    if news and case.to_ms:
        case.due_ms = desk.now_ms + desk.policy.settle_ms


def _count(case: Case, probe: ProbeSeen, at_ms: int, *, before: bool) -> None:
    if before and at_ms > case.alive_ms:
        case.alive_ms = at_ms
    if probe.check != "address":
        return
    if probe.up:
        if at_ms > case.from_ms:
            case.answered[probe.scope] = case.answered.get(probe.scope, 0) + 1
            case.measured += 1
        return
    case.failed[probe.scope] = case.failed.get(probe.scope, 0) + 1
    case.measured += 1
    if probe.scope in BEYOND:
        case.first_fail_ms = min(case.first_fail_ms or at_ms, at_ms)
        case.last_fail_ms = max(case.last_fail_ms, at_ms)


def explain(case: Case, policy: Policy) -> Explanation:
    """The cause of one silence, as far as its evidence goes."""
    end = case.to_ms or None
    start = case.from_ms
    if case.first_fail_ms:
        start = max(case.first_fail_ms, start - BEFORE_MS)
    if end is None:
        return Explanation(Cause.UNKNOWN, start, end)
    if case.boot_after and case.boot_before and case.boot_after != case.boot_before:
        cause = _of_new_boot(case, policy)
        if cause is not Cause.LINE_CUT:  # else the line was down long before the power
            start = max(case.from_ms, min(case.alive_ms, end))
        return Explanation(cause, start, end)
    return Explanation(_of_same_boot(case), start, end)


def _of_same_boot(case: Case) -> Cause:
    if case.failed.get("lan_gateway", 0) > case.answered.get("lan_gateway", 0):
        return Cause.GATEWAY_CRASH  # of the gateway before the agent
    if any(case.failed.get(scope) for scope in BEYOND):
        return Cause.LINE_CUT
    if not case.measured and case.session_after != case.session_before:
        return Cause.AGENT_STOPPED
    return Cause.UNKNOWN


def _of_new_boot(case: Case, policy: Policy) -> Cause:
    died_ms = max(case.from_ms, min(case.alive_ms, case.to_ms))
    if case.first_fail_ms and died_ms - case.first_fail_ms > 2 * policy.silence_confirm_ms + 20 * SECOND:
        # It measured a dead line for a while before it was restarted.
        return Cause.LINE_CUT
    booted, stayed = case.devices_booted, case.devices_stayed
    if case.mains_lost or booted > stayed:
        return Cause.POWER_CUT
    if not case.booted_ms:
        return Cause.UNKNOWN
    if case.booted_ms - died_ms <= policy.reboot_dark_ms:
        return Cause.GATEWAY_REBOOT
    return Cause.GATEWAY_CRASH if stayed > booted else Cause.POWER_CUT


def fire(desk: Desk, school: SchoolState) -> None:
    """The evidence has settled: amend the incident where it now says more."""
    case = school.case
    if case is None:
        return
    case.due_ms = 0
    entry = desk.state.incidents.get(case.incident)
    if entry is None:
        school.case = None
        return
    incident = entry.incident
    found = explain(case, desk.policy)
    changes: dict[str, object] = {}
    if found.cause is not Cause.UNKNOWN and not (
        incident.cause is Cause.PROVIDER_OUTAGE and found.cause is Cause.LINE_CUT
    ):
        changes["cause"] = found.cause
    if abs(found.start - incident.start) > SECOND:
        changes["start"] = found.start
    if incident.end is not None and changes.get("start", incident.start) > incident.end:  # type: ignore[operator]  # both are times
        changes.pop("start", None)
    if changes.get("cause") is Cause.POWER_CUT and incident.cause is not Cause.POWER_CUT:
        grouping.lost_power(desk, incident)
    if changes:
        desk.amend(
            case.incident,
            {
                "fact": "explained",
                "new_boot": case.boot_after != case.boot_before,
                "failed": sum(case.failed.values()),
                "answered": sum(case.answered.values()),
                "booted_ms": case.booted_ms or None,
            },
            **changes,
        )
