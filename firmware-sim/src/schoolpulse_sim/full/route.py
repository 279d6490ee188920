"""Which uplink a school's router uses from when on, and what carries packets then."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from schoolpulse_sim.conditions import Change, Conditions
from schoolpulse_sim.district import School
from schoolpulse_sim.meter import BACKUP, PRIMARY
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.timing import SECOND


class Route(NamedTuple):
    """From `at_ms` on."""

    at_ms: int
    conditions: Conditions
    active: str
    passable: frozenset[str]


def make_routes(school: School, timeline: Sequence[Change], seed: int) -> list[Route]:
    """The school's conditions with the router's own failover worked in, by time."""
    chance = Chance(seed, "route", school.index)
    routes: list[Route] = []
    active, switch_ms = PRIMARY, 0
    ends = [change.at_ms for change in timeline[1:]] + [2**63]
    for change, end_ms in zip(timeline, ends, strict=True):
        now = change.conditions
        if not now.machine:
            active, switch_ms = PRIMARY, 0
        routes.append(_route(school, change.at_ms, now, active))
        wanted = BACKUP if school.backup and now.machine and not now.line else PRIMARY
        if wanted == active:
            switch_ms = 0
            continue
        if not switch_ms:
            seconds = chance.between(3, 8) if wanted == BACKUP else chance.between(8, 15)
            switch_ms = change.at_ms + int(seconds * SECOND)
        if switch_ms < end_ms:
            active = wanted
            routes.append(_route(school, max(switch_ms, change.at_ms), now, active))
            switch_ms = 0
    return routes


def _route(school: School, at_ms: int, now: Conditions, active: str) -> Route:
    passable = set()
    if now.machine and now.broker:
        if now.line:
            passable.add(PRIMARY)
        if school.backup and active == BACKUP:
            passable.add(BACKUP)
    return Route(at_ms, now, active, frozenset(passable))
