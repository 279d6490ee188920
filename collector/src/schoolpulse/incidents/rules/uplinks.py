"""Which uplink carries the school: primary down while it speaks means that the backup does."""

from __future__ import annotations

from itertools import pairwise

from schoolpulse.incidents import opening
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard
from schoolpulse.incidents.freshness import SLACK_MS, world_ms
from schoolpulse.incidents.samples import UplinkSeen
from schoolpulse.incidents.state import SchoolState
from schoolpulse.incidents.tracks import BACKUP, note_dip, recovered, suspect

ROUND_MS = 3_000
"""Rows so near one another are one look at all uplinks."""


def on_heard(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """Follow the uplinks through a fresh batch, round by round."""
    rows = heard.uplinks
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
            opening.open_flapping(desk, school, BACKUP)
