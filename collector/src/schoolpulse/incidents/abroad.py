"""International only: a sea cable is one note for the whole district, and no school is down for it."""

from __future__ import annotations

from schoolpulse.incidents import grouping
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.model import Cause, IncidentKind, Scope
from schoolpulse.incidents.policy import MINUTE
from schoolpulse.incidents.state import Group, Phase, Track
from schoolpulse.incidents.tracks import INTERNATIONAL

ALONE_MS = 5 * MINUTE
"""After so long a school that is alone with it gets a ticket of its own."""


def confirm(desk: Desk, track: Track) -> bool:
    """Make the school part of the district's note; False where it is alone with it for good."""
    group = next((one for one in desk.state.own.groups.values() if one.key == INTERNATIONAL), None)
    if group is None:
        affected = _affected(desk)
        group = _form(desk, affected) if len(affected) > 1 else None
    if group is not None:
        track.phase, track.due_ms, track.incident = Phase.OPEN, 0, group.incident
        grouping.join(desk, group)
        return True
    if desk.now_ms - track.seen_ms >= ALONE_MS:
        return False
    track.due_ms = desk.now_ms + desk.policy.international_confirm_ms
    return True


def _affected(desk: Desk) -> list[Track]:
    """The tracks of all schools without a way abroad, if these are enough of those that speak."""
    speaking = 0
    tracks = []
    for school in desk.state.schools.values():
        if school.stopped_ms or desk.now_ms - school.heard_ms > desk.policy.silence_after_ms:
            continue
        speaking += 1
        track = school.tracks.get(INTERNATIONAL)
        if track is not None and track.phase is not Phase.HOLD:
            tracks.append(track)
    return tracks if len(tracks) >= desk.policy.international_share * speaking else []


def _form(desk: Desk, tracks: list[Track]) -> Group:
    start = min(track.since_ms for track in tracks)
    incident = desk.open(
        IncidentKind.INTERNATIONAL_ONLY,
        Cause.INTERNATIONAL_CUT,
        scope=Scope.DISTRICT,
        start=start,
        detected_at=min(track.seen_ms for track in tracks),
        evidence=({"fact": "many", "schools": len(tracks), "key": INTERNATIONAL},),
    )
    group = desk.state.own.groups[incident] = Group(incident, Scope.DISTRICT, INTERNATIONAL, start)
    if desk.pages_of_itself(desk.incident(incident)):
        group.page_ms = desk.muted_until(None)
    return group
