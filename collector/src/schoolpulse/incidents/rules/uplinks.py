"""Which uplink carries the school: primary down while it speaks means that the backup does."""

from __future__ import annotations

from itertools import pairwise

from schoolpulse.incidents import opening
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard
from schoolpulse.incidents.freshness import SLACK_MS, world_ms
from schoolpulse.incidents.samples import UplinkSeen
from schoolpulse.incidents.state import SchoolState
from schoolpulse.incidents.tracks import BACKUP, LINE, note_dip, recovered, suspect

ROUND_MS = 3_000
"""Rows so near one another are one look at all uplinks."""


def on_overtaken(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """A batch that a later one overtook, on a network that mixes them up: what it says is so now, too.

    Only where it is of these seconds, and nothing newer is known of the uplinks.
    """
    newest_ms = world_ms(school, max(row.at_ms for row in heard.uplinks), heard.received_ms)
    if (
        heard.timed
        and heard.boot == school.boot
        and desk.now_ms - newest_ms <= desk.policy.late_after_ms
        and newest_ms > school.uplinks_ms
    ):
        on_heard(desk, school, heard)


def on_heard(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """Follow the uplinks through a fresh batch, round by round."""
    rows = heard.uplinks
    school.uplinks_ms = world_ms(school, rows[-1].at_ms, heard.received_ms) if heard.timed else desk.now_ms
    if not school.primary_down_ms and BACKUP not in school.tracks and _as_ever(school, rows):
        return
    if any(row.at_ms < before.at_ms for before, row in pairwise(rows)):
        rows = tuple(sorted(rows))
    first = 0
    for at, row in enumerate(rows):
        if row.at_ms - rows[first].at_ms > ROUND_MS:
            _round(desk, school, heard, rows[first:at])
            first = at
    _round(desk, school, heard, rows[first:])


def _as_ever(school: SchoolState, rows: tuple[UplinkSeen, ...]) -> bool:
    """Whether every row says what it always says: the primary carries the school, no backup does."""
    for row in rows:
        if row.role == "backup":
            if row.active or row.name not in school.backups:
                return False
        elif row.active is not True or row.carrier is False:
            return False
    return True


def _round(desk: Desk, school: SchoolState, heard: Heard, rows: tuple[UplinkSeen, ...]) -> None:
    primary_active = primary_carrier = backup_active = None
    for row in rows:
        if row.role == "backup":
            if row.name not in school.backups:
                school.backups = [*school.backups[-7:], row.name]
            backup_active = row.active or backup_active
        else:
            primary_active, primary_carrier = row.active, row.carrier
    down = primary_carrier is False or (backup_active is True and primary_active is not True)
    up = primary_active is True and primary_carrier is not False
    at_ms = world_ms(school, rows[0].at_ms, heard.received_ms) if heard.timed else desk.now_ms
    if at_ms < school.back_ms - SLACK_MS and backup_active is not True:
        return  # from before it came back: history
    if down:
        school.primary_down_ms = school.primary_down_ms or at_ms
        suspect(desk, school, BACKUP, at_ms, desk.policy.backup_confirm_ms)
    elif up:
        school.primary_down_ms = 0
        dropped = recovered(desk, school, BACKUP, at_ms)
        if (
            dropped is not None
            and desk.armed(desk.now_ms)
            and note_dip(desk, school, dropped.since_ms, at_ms)
        ):
            # Without a backup there was nothing in between: what it says now it kept until it was back.
            opening.open_flapping(desk, school, BACKUP if school.backups else LINE)
