"""What goes wrong, when, and to whom: the schedule that a scenario and a seed make.

The schedule is made before anything is simulated and knows nothing of messages. It is the cause; the
truth is written from it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from schoolpulse_sim.district import District, School
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import DISTRICT_WIDE, Event, FaultKind, Rate, Scenario, Where
from schoolpulse_sim.timing import DAY, HOUR, LOCAL_OFFSET_MS, MINUTE, local_midnight

APART_MS = 10 * MINUTE
"""Faults that a rate draws keep so far from one another at one school: each stays one event."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong from `start_ms` to `end_ms`.

    `schools` are the indices it concerns; one but for provider-wide and district-wide faults. `origin`
    names what in the scenario caused it (``event 2``), `number` its place in that.
    """

    origin: str
    number: int
    kind: FaultKind
    start_ms: int
    end_ms: int
    schools: tuple[int, ...]
    provider: str | None = None
    devices: tuple[str, ...] = ()
    loss_ratio: float = 0.0
    extra_ms: float = 0.0
    down_ms: int = 0
    every_ms: int = 0
    jump_s: int = 0
    factor: float = 1.0
    muted: bool = False

    @property
    def id(self) -> str:
        """A name that the seed and the scenario give for ever."""
        return f"{self.origin}-{self.number}".replace(" ", "-")

    def cuts(self) -> Iterator[tuple[int, int]]:
        """When the line is really down: all the time, or the short cuts of a flapping line."""
        if self.kind is not FaultKind.FLAPPING:
            yield self.start_ms, self.end_ms
            return
        at = self.start_ms
        while at < self.end_ms:
            yield at, min(at + self.down_ms, self.end_ms)
            at += self.every_ms


def make_schedule(scenario: Scenario, district: District, start_ms: int, end_ms: int) -> list[Fault]:
    """Every fault that begins in ``[start_ms, end_ms)``, by time of beginning."""
    faults: list[Fault] = []
    for number, event in enumerate(scenario.event, start=1):
        faults += _of_event(event, f"event {number}", district, start_ms)
    busy: dict[int, list[tuple[int, int]]] = {}
    for fault in faults:
        for index in fault.schools:
            busy.setdefault(index, []).append((fault.start_ms - APART_MS, fault.end_ms + APART_MS))
    for number, rate in enumerate(scenario.rate, start=1):
        faults += _of_rate(rate, f"rate {number}", district, (start_ms, end_ms), busy)
    faults = [fault for fault in faults if start_ms <= fault.start_ms < end_ms]
    return sorted(faults, key=lambda fault: (fault.start_ms, fault.origin, fault.number))


def _matches(where: Where, school: School) -> bool:
    return (
        (where.schools is None or school.id in where.schools)
        and (where.backup is None or (school.backup is not None) == where.backup)
        and (where.battery is None or school.battery == where.battery)
        and (where.provider is None or school.provider == where.provider)
        and (where.level is None or school.level == where.level)
    )


def _chosen(what: Event | Rate, district: District, chance: Chance) -> list[School]:
    """The schools of an event: for a provider's outage all of its schools, else one, unless it says more."""
    where = what.where
    schools = [school for school in district.schools if _matches(where, school)]
    if what.kind is FaultKind.PROVIDER_OUTAGE:
        schools = [school for school in schools if school.provider == what.provider]
    if where.share is not None:
        return chance.some(schools, round(where.share * len(schools)))
    if where.count is not None:
        return chance.some(schools, where.count)
    if what.kind is FaultKind.PROVIDER_OUTAGE or where.schools is not None:
        return schools
    return chance.some(schools, 1)


def _of_event(event: Event, origin: str, district: District, start_ms: int) -> Iterator[Fault]:
    chance = Chance(district.seed, origin)
    from_midnight, offset_ms = event.at
    at_ms = (local_midnight(start_ms) if from_midnight else start_ms) + offset_ms
    if event.kind in DISTRICT_WIDE:
        everybody = tuple(school.index for school in district.schools)
        yield _fault(event, origin, 1, (at_ms, at_ms + event.lasts), everybody)
        return
    schools = _chosen(event, district, chance)
    if event.kind is FaultKind.PROVIDER_OUTAGE:
        if schools:
            indices = tuple(school.index for school in schools)
            yield _fault(event, origin, 1, (at_ms, at_ms + event.lasts), indices)
        return
    for number, school in enumerate(schools, start=1):
        begins = at_ms + (int(chance.random() * event.spread) if event.spread else 0)
        devices = _devices(event.kind, school, chance)
        if devices is not None:
            yield _fault(event, origin, number, (begins, begins + event.lasts), (school.index,), devices)


def _of_rate(
    rate: Rate,
    origin: str,
    district: District,
    period: tuple[int, int],
    busy: dict[int, list[tuple[int, int]]],
) -> Iterator[Fault]:
    schools = [school for school in district.schools if _matches(rate.where, school)]
    if rate.kind in DISTRICT_WIDE:
        groups = [tuple(school.index for school in district.schools)]
    elif rate.kind is FaultKind.PROVIDER_OUTAGE:
        groups = [tuple(school.index for school in schools if school.provider == rate.provider)]
    else:
        groups = [(school.index,) for school in schools]
    number = 0
    for group in groups:
        if not group:
            continue
        chance = Chance(district.seed, origin, group[0])
        at_ms = period[0] + round(chance.exponential(DAY / rate.per_school_day))
        while at_ms < period[1]:
            lasts_ms = _drawn_length(rate.lasts, chance)
            devices = _devices(rate.kind, district.schools[group[0]], chance)
            allowed = rate.hours[0] * HOUR <= (at_ms + LOCAL_OFFSET_MS) % DAY < rate.hours[1] * HOUR
            if allowed and devices is not None and _free(busy, group, at_ms, at_ms + lasts_ms):
                number += 1
                yield _fault(rate, origin, number, (at_ms, at_ms + lasts_ms), group, devices)
                for index in group:
                    busy.setdefault(index, []).append((at_ms - APART_MS, at_ms + lasts_ms + APART_MS))
            at_ms += round(chance.exponential(DAY / rate.per_school_day))


def _drawn_length(lasts: tuple[int, int], chance: Chance) -> int:
    """Between the two, the square of an even number: short ones are more frequent."""
    draw = chance.random()
    return lasts[0] + round((lasts[1] - lasts[0]) * draw * draw)


def _free(busy: dict[int, list[tuple[int, int]]], group: Sequence[int], start: int, end: int) -> bool:
    return not any(start < until and since < end for index in group for since, until in busy.get(index, ()))


def _devices(kind: FaultKind, school: School, chance: Chance) -> tuple[str, ...] | None:
    """The devices that fail: one, or a switch before all that hangs on it; None where there is none."""
    if kind is FaultKind.DEVICE_FAILURE:
        names = [device.name for device in school.devices if device.kind != "switch"]
        return (chance.pick(names),) if names else None
    if kind is FaultKind.SWITCH_FAILURE:
        names = [device.name for device in school.devices if device.kind == "switch"]
        if not names:
            return None
        down = [chance.pick(names)]
        for device in school.devices:  # a device stands after its parent
            if device.parent in down:
                down.append(device.name)
        return tuple(down)
    return ()


def _fault(
    what: Event | Rate,
    origin: str,
    number: int,
    period: tuple[int, int],
    schools: tuple[int, ...],
    devices: tuple[str, ...] = (),
) -> Fault:
    return Fault(
        origin=origin,
        number=number,
        kind=what.kind,
        start_ms=period[0],
        end_ms=period[1],
        schools=schools,
        provider=what.provider,
        devices=devices,
        loss_ratio=0.08 if what.loss_ratio is None else what.loss_ratio,
        extra_ms=120.0 if what.extra_ms is None else what.extra_ms,
        down_ms=10_000 if what.down is None else what.down,
        every_ms=20_000 if what.every is None else what.every,
        jump_s=what.jump or 0,
        factor=what.factor or 1.0,
        muted=what.muted,
    )
