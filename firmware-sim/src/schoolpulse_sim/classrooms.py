"""Machines in classrooms: when they are on and used, and what they measure of themselves.

Each runs an agent of its own (decision 0107). It is switched on before the first lesson and off after the
last one on the days on which there is school, and it is used in most lessons.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from schoolpulse_agent.probes import classroom as classroom_probe
from schoolpulse_agent.probes import wifi as wifi_probe
from schoolpulse_agent.probes.registry import PROBES as ALL_PROBES
from schoolpulse_agent.settings import CLASSROOM
from schoolpulse_agent.wire import Sample
from schoolpulse_sim.conditions import Change, Conditions
from schoolpulse_sim.district import Classroom, School
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.schooldays import BREAK, LESSON, OPENS_MS, is_school_day, load_at
from schoolpulse_sim.timing import DAY, HOUR, LOCAL_OFFSET_MS, MINUTE, SECOND, local_midnight

PROBES = tuple(name for name, kind in ALL_PROBES.items() if CLASSROOM in kind.roles)
LOOK_MS = round(classroom_probe.KIND.interval_s * SECOND)
WIFI_MS = round(wifi_probe.KIND.interval_s * SECOND)
REPORT_MS = round(classroom_probe.Own().report_s * SECOND)
IDLE_MS = round(classroom_probe.Own().idle_after_s * SECOND)
SHUTS_DOWN_MS = 5 * SECOND
"""From the agent's goodbye until the machine has no power."""
_BOOTS_MS = 40 * SECOND
_SWITCHED_OFF_MS = 16 * HOUR + 40 * MINUTE
_LESSON_MS = 50 * MINUTE


class _Switched(NamedTuple):
    """From `at_ms` on the machine has power, and its agent is meant to run, or not."""

    at_ms: int
    machine: bool
    agent: bool


def timeline_of(
    school: School, room: Classroom, timeline: Sequence[Change], seed: int, end_ms: int
) -> list[Change]:
    """What is so at a classroom's machine, as `make_timeline` says it of the gateway.

    Args:
        school: where it stands.
        room: whose machine.
        timeline: the school's own, whose lines carry it.
        seed: the scenario's.
        end_ms: beyond it nothing more is switched.
    """
    start_ms = timeline[0].at_ms
    switched = list(_switched(room, seed, start_ms, end_ms))
    later = [one.at_ms for one in switched if start_ms < one.at_ms < end_ms]
    moments = sorted({change.at_ms for change in timeline} | {*later})
    found: list[Change] = []
    for at_ms in moments:
        now = next(change.conditions for change in reversed(timeline) if change.at_ms <= at_ms)
        power = next(one for one in reversed(switched) if one.at_ms <= at_ms)
        conditions = Conditions(
            machine=power.machine and now.mains,
            agent=power.agent,
            # The router's own failover is quicker than a machine's patience.
            line=now.machine and (now.line or school.backup is not None),
            broker=now.broker,
            collector=now.collector,
        )
        if not found or found[-1].conditions != conditions:
            found.append(Change(at_ms, conditions))
    return found


def _switched(room: Classroom, seed: int, start_ms: int, end_ms: int) -> Iterator[_Switched]:
    """By time, from before `start_ms` on. Who is in a hurry pulls the plug."""
    midnight_ms = local_midnight(start_ms)
    yield _Switched(midnight_ms, room.always_on, room.always_on)
    while midnight_ms < end_ms and not room.always_on:
        if is_school_day((midnight_ms + LOCAL_OFFSET_MS) // DAY):
            chance = Chance(seed, "switch", room.agent_id, midnight_ms)
            on_ms = midnight_ms + OPENS_MS + chance.whole(0, 25 * 60) * SECOND
            off_ms = midnight_ms + _SWITCHED_OFF_MS + chance.whole(0, 50 * 60) * SECOND
            yield _Switched(on_ms + _BOOTS_MS, machine=True, agent=True)
            if chance.happens(0.75):
                yield _Switched(off_ms, machine=True, agent=False)
            yield _Switched(off_ms + SHUTS_DOWN_MS, machine=False, agent=False)
        midnight_ms += DAY


def is_taught(school: School, room: Classroom, at_ms: int) -> bool:
    """Whether somebody teaches with it: in three of four lessons, at night too where it is always on."""
    number = school.index + room.number
    if room.always_on:
        own_ms = at_ms + number * 7 * MINUTE  # not every bell rings at once
        return own_ms % _LESSON_MS < _LESSON_MS - 15 * MINUTE and (own_ms // _LESSON_MS + number) % 4 != 0
    lesson = load_at(at_ms, school.level) > (BREAK + LESSON) / 2
    return lesson and (at_ms // _LESSON_MS + number) % 4 != 0


class Machine:
    """What the probes of a classroom's machine say: the measurements, fields and rhythm of the real ones.

    Args:
        school: where it stands.
        room: whose machine.
        chance: for what varies from sample to sample.
        boot_ms: when it was switched on.
    """

    def __init__(self, school: School, room: Classroom, chance: Chance, boot_ms: int) -> None:
        self._school = school
        self._room = room
        self._chance = chance
        self.booted(boot_ms)

    def booted(self, at_ms: int) -> None:
        """It has just been switched on."""
        self.boot_ms = at_ms
        self._reported_ms: int | None = None
        self._looks: list[bool] = []

    def uptime_s(self, at_ms: int) -> float:
        """Since it was switched on."""
        return (at_ms - self.boot_ms) / 1000

    def look(self, at_ms: int) -> tuple[list[Sample], bool]:
        """One round: what it says, and whether that cannot wait, since use begins or ends."""
        in_use = self._in_use(at_ms)
        changed = bool(self._looks) and self._looks[-1] != in_use
        self._looks.append(in_use)
        first = self._reported_ms is None
        due = self._reported_ms is None or at_ms - self._reported_ms >= REPORT_MS - SECOND // 2
        samples = [self._wifi(at_ms)]
        if due or changed:
            # As in the probe, the share is of the looks since the last report.
            since = self._looks if first else self._looks[1:]
            samples.insert(0, self._report(at_ms, in_use, since, first=first))
            self._reported_ms, self._looks = at_ms, [in_use]
        return samples, changed

    def _in_use(self, at_ms: int) -> bool:
        """Somebody was at it within the time after which the probe takes it for idle."""
        moments = range(max(self.boot_ms, at_ms - IDLE_MS), at_ms + 1, LOOK_MS)
        return any(is_taught(self._school, self._room, moment) for moment in moments)

    def _report(self, at_ms: int, in_use: bool, looks: Sequence[bool], *, first: bool) -> Sample:
        draw = self._chance.random
        busy = 0.25 if in_use else 0.03
        fields = (
            ("uptime_s", self.uptime_s(at_ms)),
            ("load_1m", round(busy * 2 + 0.2 * draw(), 2)),
            ("cpu_used_ratio", None if first else round(busy + 0.1 * draw(), 4)),
            ("memory_used_ratio", round(0.35 + busy + 0.05 * draw(), 4)),
            ("disk_used_ratio", round(0.3 + self._room.number % 5 / 20, 4)),
            ("temperature_c", round(38 + 40 * busy + 3 * draw(), 1)),
            ("display_on", 1),
            ("in_use", int(in_use)),
            ("used_ratio", round(sum(looks) / len(looks), 2)),
        )
        return Sample("classroom", at_ms, (), fields)

    def _wifi(self, at_ms: int) -> Sample:
        signal_dbm = self._room.signal_dbm + round(4 * self._chance.random()) - 2
        quick = max(0.05, min(1.0, (signal_dbm + 88) / 30))
        fields = (
            ("associated", 1),
            ("signal_dbm", float(signal_dbm)),
            ("noise_dbm", None),
            ("rx_mbps", round(650 * quick, 1)),
            ("tx_mbps", round(526.5 * quick, 1)),
        )
        return Sample("wifi", at_ms, (("interface", "wlan0"),), fields)
