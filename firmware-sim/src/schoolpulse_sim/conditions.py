"""What is so at one school, from each moment to the next: power, line, reach, devices.

Made from the schedule of faults alone. Everything physical that a gateway can feel is a field here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from schoolpulse_sim.district import School
from schoolpulse_sim.faults import Fault
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import FaultKind
from schoolpulse_sim.timing import MINUTE, SECOND

BATTERY_MINUTES = (10, 40)
"""Shortest and longest that a school's battery carries its gateway and switches."""
BLINK_MS = 50 * SECOND
"""From a blink of the power until the gateway has booted."""
_LINE_DOWN = {FaultKind.LINE_CUT, FaultKind.FLAPPING, FaultKind.PROVIDER_OUTAGE, FaultKind.PROVIDER_MOVE}
_MACHINE_DOWN = {FaultKind.GATEWAY_REBOOT, FaultKind.GATEWAY_CRASH}
_AGENT_DOWN = {FaultKind.AGENT_UPDATE, FaultKind.AGENT_STOPPED}
_DECAY_STEPS = 8
"""A degraded line gets worse in so many steps over the first half of its time."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """The physical state that holds until the next change.

    `machine`: the gateway has power and runs; `line`: the primary carries traffic; `carrier`: its port
    shows a link; `mains`: the building has power; `agent`: the agent is meant to run. `loss_ratio` and
    `extra_ms` come on top of the line's own; traffic is `surge` times what the hour has.
    `clock_off_s`: the gateway's clock is wrong by so much; None: it was never set and counts from 1970.
    """

    machine: bool = True
    mains: bool = True
    agent: bool = True
    updates: int = 0
    moves: int = 0
    counter_resets: int = 0
    line: bool = True
    carrier: bool = True
    international: bool = True
    dns: bool = True
    portal: bool = False
    broker: bool = True
    collector: bool = True
    loss_ratio: float = 0.0
    extra_ms: float = 0.0
    surge: float = 1.0
    clock_off_s: int | None = 0
    devices_down: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Change:
    """From `at_ms` on, `conditions` hold."""

    at_ms: int
    conditions: Conditions


def battery_ms(school: School, seed: int) -> int:
    """How long the gateway runs without mains; 0 without a battery."""
    return Chance(seed, "battery", school.index).whole(*BATTERY_MINUTES) * MINUTE if school.battery else 0


def machine_down(fault: Fault, school: School, seed: int) -> tuple[int, int] | None:
    """When this fault keeps the gateway itself from running; None where it does not."""
    if fault.kind in _MACHINE_DOWN:
        return fault.start_ms, fault.end_ms
    if fault.kind is FaultKind.CLOCK_UNSET:  # a clock without a battery is unset because the power blinked
        return fault.start_ms, min(fault.end_ms, fault.start_ms + BLINK_MS)
    if fault.kind is FaultKind.POWER_CUT:
        dies_ms = fault.start_ms + battery_ms(school, seed)
        # A gateway that got its power back still has to boot.
        boots_ms = Chance(seed, "boot", school.index, fault.start_ms).whole(35, 70) * SECOND
        return (dies_ms, fault.end_ms + boots_ms) if dies_ms < fault.end_ms else None
    return None


def make_timeline(school: School, faults: Sequence[Fault], seed: int, start_ms: int) -> list[Change]:
    """The school's conditions from `start_ms` on; the first entry is for then.

    Args:
        school: whose.
        faults: those that concern it, in any order.
        seed: the scenario's.
        start_ms: when the simulation begins; the gateway has been running for a while.
    """
    effects = [effect for fault in faults for effect in _effects(fault, school, seed)]
    moments = sorted({start_ms, *(moment for start, end, _ in effects for moment in (start, end))})
    timeline: list[Change] = []
    for at_ms in moments:
        if at_ms < start_ms:
            continue
        now = Conditions()
        for start, end, effect in effects:
            if start <= at_ms and (at_ms < end or effect.lasting):
                now = effect.on(now)
        if not timeline or timeline[-1].conditions != now:
            timeline.append(Change(at_ms, now))
    return timeline


@dataclass(frozen=True, slots=True)
class _Effect:
    """One fault's part in the conditions; `lasting` ones stay after the fault's end."""

    fault: Fault
    what: str
    carrier_tells: bool = True
    share: float = 1.0

    @property
    def lasting(self) -> bool:
        return self.what in {"updates", "moves", "counter_resets"}

    def on(self, now: Conditions) -> Conditions:
        fault = self.fault
        changes: dict[str, Any]
        match self.what:
            case "line":
                changes = {"line": False, "carrier": now.carrier and not self.carrier_tells}
            case "degraded":
                loss_ratio = max(now.loss_ratio, round(fault.loss_ratio * self.share, 4))
                changes = {"loss_ratio": loss_ratio, "extra_ms": now.extra_ms + fault.extra_ms * self.share}
            case "devices_down":
                changes = {"devices_down": now.devices_down | set(fault.devices)}
            case "updates" | "moves" | "counter_resets":
                changes = {self.what: getattr(now, self.what) + 1}
            case "portal":
                changes = {"portal": True}
            case "surge":
                changes = {"surge": now.surge * fault.factor}
            case "clock_off_s":
                changes = {"clock_off_s": None if fault.kind is FaultKind.CLOCK_UNSET else fault.jump_s}
            case _:
                changes = {self.what: False}
        return replace(now, **changes)


_PLAIN = {
    FaultKind.INTERNATIONAL_CUT: "international",
    FaultKind.DNS_FAILURE: "dns",
    FaultKind.CAPTIVE_PORTAL: "portal",
    FaultKind.BROKER_AWAY: "broker",
    FaultKind.COLLECTOR_AWAY: "collector",
    FaultKind.DEVICE_FAILURE: "devices_down",
    FaultKind.SWITCH_FAILURE: "devices_down",
    FaultKind.CLOCK_UNSET: "clock_off_s",
    FaultKind.CLOCK_JUMP: "clock_off_s",
    FaultKind.COUNTER_RESET: "counter_resets",
    FaultKind.SURGE: "surge",
}


def _effects(fault: Fault, school: School, seed: int) -> list[tuple[int, int, _Effect]]:
    """The stretches of time in which `fault` is felt at `school`, and how."""
    start, end = fault.start_ms, fault.end_ms
    found: list[tuple[int, int, _Effect]] = []
    if fault.kind in _LINE_DOWN:
        # A provider that fails beyond the exchange leaves the fibre lit.
        tells = school.carrier_tells and fault.kind is not FaultKind.PROVIDER_OUTAGE
        found += [(since, until, _Effect(fault, "line", tells)) for since, until in fault.cuts()]
        if fault.kind is FaultKind.PROVIDER_MOVE:
            found.append((end, end, _Effect(fault, "moves")))
    elif fault.kind is FaultKind.POWER_CUT:
        found.append((start, end, _Effect(fault, "mains")))
    elif fault.kind in _AGENT_DOWN:
        found.append((start, end, _Effect(fault, "agent")))
        if fault.kind is FaultKind.AGENT_UPDATE:
            found.append((start, start, _Effect(fault, "updates")))
    elif fault.kind is FaultKind.DEGRADED_LINE:
        step_ms = max(1, (end - start) // 2 // _DECAY_STEPS)
        for step in range(_DECAY_STEPS):
            since = start + step * step_ms
            until = end if step == _DECAY_STEPS - 1 else since + step_ms
            found.append((since, until, _Effect(fault, "degraded", share=(step + 1) / _DECAY_STEPS)))
    elif fault.kind in _PLAIN:
        found.append((start, end, _Effect(fault, _PLAIN[fault.kind])))
    if down := machine_down(fault, school, seed):
        found.append((*down, _Effect(fault, "machine")))
    return found
