"""What a speaking school's probes say of its way out: line, DNS, captive portal, international."""

from __future__ import annotations

from typing import NamedTuple

from schoolpulse.incidents import opening
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard
from schoolpulse.incidents.freshness import SLACK_MS, world_ms
from schoolpulse.incidents.policy import MINUTE
from schoolpulse.incidents.samples import ProbeSeen
from schoolpulse.incidents.state import SchoolState
from schoolpulse.incidents.tracks import (
    CAPTIVE,
    DNS,
    INTERNATIONAL,
    LINE,
    note_dip,
    recovered,
    suspect,
)

ROUND_MS = 3_000
FORGET_MS = 15 * MINUTE
"""A target not probed for so long is not configured any more."""
MAX_TARGETS = 48
EDGE, NATIONAL, ABROAD = "isp_edge", "national", "international"
_GROUPS = {"dns": DNS, "http": CAPTIVE}
"""What a check by name tells of; a check by address tells of its scope."""


def on_heard(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """Follow the probes through a fresh batch, round by round, from old to new."""
    rows = heard.probes
    if not rows:
        return
    if not school.unwell and all(row.up and not row.captive for row in rows):
        at_ms = world_ms(school, rows[-1].at_ms, heard.received_ms) if heard.timed else desk.now_ms
        backups, groups = school.backups, school.targets
        for row in rows:  # nothing was wrong, and nothing is
            if row.uplink in backups:
                continue
            targets = groups.get(row.scope if row.check == "address" else _GROUPS[row.check])
            known = None if targets is None else targets.get(row.target)
            if known is None:
                _count(school, row, at_ms)
            else:
                known[0], known[1] = 1, at_ms
        return
    rows = tuple(sorted(rows, key=_time))
    first = 0
    for at, row in enumerate(rows):
        if row.at_ms - rows[first].at_ms > ROUND_MS:
            _round(desk, school, heard, rows[first:at])
            first = at
    _round(desk, school, heard, rows[first:])
    school.unwell = any(known[0] < 0 for targets in school.targets.values() for known in targets.values())


def _time(probe: ProbeSeen) -> int:
    return probe.at_ms


def _round(desk: Desk, school: SchoolState, heard: Heard, rows: tuple[ProbeSeen, ...]) -> None:
    """One look at the targets that have something to report; the others are as they were."""
    at_ms = world_ms(school, rows[0].at_ms, heard.received_ms) if heard.timed else desk.now_ms
    if at_ms < school.back_ms - SLACK_MS:
        return  # from before it came back: history
    was_dead = _line(school)
    for row in rows:
        if row.uplink not in school.backups:  # a backup says nothing about the broadband line
            _count(school, row, at_ms)
    dead = _line(school)
    if was_dead.down and not dead.down:
        recovered(desk, school, LINE, at_ms)
        _dip(desk, school, was_dead.since_ms, at_ms)
    _judge(desk, school, at_ms, dead)


def _count(school: SchoolState, row: ProbeSeen, at_ms: int) -> None:
    """Keep a target's streak: 1 while up, minus the failures in a row else; last seen; since when down."""
    group = row.scope if row.check == "address" else _GROUPS[row.check]
    up = not row.captive if group == CAPTIVE else row.up
    targets = school.targets.get(group)
    if targets is None:
        targets = school.targets[group] = {}
    known = targets.get(row.target)
    if known is None:
        if up and len(targets) < MAX_TARGETS:  # what never answered is not known to be broken
            targets[row.target] = [1, at_ms, 0]
    elif up:
        known[0], known[1] = 1, at_ms
    else:
        if known[0] > 0:
            known[0], known[2] = 0, at_ms
        known[0], known[1] = max(known[0] - 1, -9), at_ms


class Verdict(NamedTuple):
    """How a group of targets does: the best of them counts. Unknown is neither up nor down."""

    streak: int = 0
    since_ms: int = 0

    @property
    def up(self) -> bool:
        return self.streak > 0

    @property
    def down(self) -> bool:
        return self.streak < 0


def _verdict(school: SchoolState, *groups: str) -> Verdict:
    found = [known for group in groups for known in school.targets.get(group, {}).values()]
    if not found:
        return Verdict()
    streak = max(known[0] for known in found)
    return Verdict(streak, 0 if streak > 0 else max(known[2] for known in found))


def _line(school: SchoolState) -> Verdict:
    return _verdict(school, EDGE, NATIONAL, ABROAD)


def _judge(desk: Desk, school: SchoolState, at_ms: int, line: Verdict) -> None:
    for targets in school.targets.values():
        for name in [name for name, known in targets.items() if at_ms - known[1] > FORGET_MS]:
            del targets[name]
    # Nothing beyond the gateway answers and yet the school speaks: over its backup, or some private way.
    if line.streak <= -2 and not school.primary_down_ms:
        suspect(desk, school, LINE, line.since_ms, desk.policy.path_confirm_ms)
    national, abroad = _verdict(school, NATIONAL), _verdict(school, ABROAD)
    portal, names = _verdict(school, CAPTIVE), _verdict(school, DNS)
    _follow(desk, school, CAPTIVE, at_ms, portal, bad=portal.down and line.up)
    _follow(desk, school, DNS, at_ms, names, bad=names.down and line.up and not portal.down)
    _follow(desk, school, INTERNATIONAL, at_ms, abroad, bad=abroad.down and national.up and not portal.down)


def _follow(desk: Desk, school: SchoolState, key: str, at_ms: int, found: Verdict, *, bad: bool) -> None:
    if bad and found.streak <= -2:
        suspect(desk, school, key, found.since_ms, desk.policy.path_confirm_ms)
    elif found.up:
        recovered(desk, school, key, at_ms)


def _dip(desk: Desk, school: SchoolState, from_ms: int, at_ms: int) -> None:
    if desk.armed(desk.now_ms) and note_dip(desk, school, from_ms, at_ms):
        opening.open_flapping(desk, school, LINE)
