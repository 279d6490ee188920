"""What a speaking school's probes say of its way out: line, DNS, captive portal, international."""

from __future__ import annotations

from schoolpulse.incidents import opening
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard, ProbeSeen
from schoolpulse.incidents.freshness import SLACK_MS, world_ms
from schoolpulse.incidents.policy import MINUTE
from schoolpulse.incidents.state import SchoolState
from schoolpulse.incidents.tracks import (
    BACKUP,
    CAPTIVE,
    DNS,
    INTERNATIONAL,
    LINE,
    SILENCE,
    note_dip,
    recovered,
    suspect,
)

ROUND_MS = 3_000
FORGET_MS = 15 * MINUTE
"""A target not probed for so long is not configured any more."""
NATIONAL, ABROAD, EDGE = "national/address", "international/address", "isp_edge/address"
BEYOND = (EDGE, NATIONAL, ABROAD)
CAPTIVE_KEY = "captive"


def on_heard(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """Follow the probes through a fresh batch, round by round, from old to new."""
    rows = heard.probes
    if not rows:
        return
    rows = tuple(sorted(rows, key=_time))
    first = 0
    for at, row in enumerate(rows):
        if row.at_ms - rows[first].at_ms > ROUND_MS:
            _round(desk, school, heard, rows[first:at])
            first = at
    _round(desk, school, heard, rows[first:])


def _time(probe: ProbeSeen) -> int:
    return probe.at_ms


def _round(desk: Desk, school: SchoolState, heard: Heard, rows: tuple[ProbeSeen, ...]) -> None:
    """One look at everything: a scope is up where any of its targets answers."""
    verdicts: dict[str, bool] = {}
    for row in rows:
        if row.role == "backup":
            continue  # says nothing about the broadband line
        if row.check == "address":
            key = row.scope + "/address"
        elif row.check == "dns":
            key = "dns"
        else:
            verdicts[CAPTIVE_KEY] = verdicts.get(CAPTIVE_KEY, True) and not row.captive
            continue
        verdicts[key] = verdicts.get(key, False) or row.up
    at_ms = world_ms(school, rows[0].at_ms, heard.received_ms) if heard.timed else desk.now_ms
    if at_ms < school.back_ms - SLACK_MS:
        return  # from before it came back: history
    was_dead, dead_ms = _dead(school)
    for key, up in verdicts.items():
        _count(school, key, at_ms, up=up)
    dead, _ = _dead(school)
    if was_dead and not dead:
        recovered(desk, school, LINE, at_ms)
        _dip(desk, school, dead_ms, at_ms)
    _judge(desk, school, at_ms, dead=dead)


def _count(school: SchoolState, key: str, at_ms: int, *, up: bool) -> None:
    """Keep a streak: 1 while up, minus the number of failures in a row else, and since when they are."""
    known = school.targets.get(key)
    if known is None:
        if up:  # what never answered is not known to be broken
            school.targets[key] = [1, at_ms, 0]
    elif up:
        known[0], known[1] = 1, at_ms
    else:
        if known[0] > 0:
            known[0], known[2] = 0, at_ms
        known[0], known[1] = max(known[0] - 1, -9), at_ms


def _dead(school: SchoolState) -> tuple[bool, int]:
    """Whether nothing beyond the gateway answers, and since when."""
    found = [school.targets[key] for key in BEYOND if key in school.targets]
    if not found or any(streak > 0 for streak, _, _ in found):
        return False, 0
    return True, max(since_ms for _, _, since_ms in found)


def _judge(desk: Desk, school: SchoolState, at_ms: int, *, dead: bool) -> None:
    streaks = {}
    for key, (streak, last_ms, _) in list(school.targets.items()):
        if at_ms - last_ms > FORGET_MS:
            del school.targets[key]
        else:
            streaks[key] = streak
    # Nothing beyond the gateway answers and yet the school speaks: over its backup, or some private way.
    if dead and not school.primary_down_ms and max(streaks.get(key, -9) for key in BEYOND) <= -2:
        suspect(desk, school, LINE, _dead(school)[1], desk.policy.path_confirm_ms)
    captive = streaks.get(CAPTIVE_KEY, 1) < 0
    outside = streaks.get(NATIONAL, 0) > 0 or streaks.get(ABROAD, 0) > 0
    conditions = (
        (CAPTIVE, CAPTIVE_KEY, captive and not dead, not captive and not dead),
        (DNS, "dns", streaks.get("dns", 1) < 0 and outside and not captive, streaks.get("dns", 0) > 0),
        (
            INTERNATIONAL,
            ABROAD,
            streaks.get(ABROAD, 1) < 0 and streaks.get(NATIONAL, 0) > 0 and not captive,
            streaks.get(ABROAD, 0) > 0,
        ),
    )
    for key, target, bad, good in conditions:
        if bad and streaks[target] <= -2:
            suspect(desk, school, key, school.targets[target][2], desk.policy.path_confirm_ms)
        elif good:
            recovered(desk, school, key, at_ms)


def _dip(desk: Desk, school: SchoolState, from_ms: int, at_ms: int) -> None:
    if not desk.armed(desk.now_ms) or not note_dip(desk, school, from_ms, at_ms):
        return
    if not any(school.tracks[key].incident for key in (LINE, BACKUP, SILENCE) if key in school.tracks):
        opening.open_flapping(desk, school, LINE)
