"""Pages that are owed: what was muted when it was opened is paged when the mute is over and it still lasts.

A school's own incident waits on its track (`opening.fire`). Here are those that have none: the incidents of
many, and our own blindness; and what happens to all of them when maintenance windows change.
"""

from __future__ import annotations

from collections.abc import Sequence

from schoolpulse.incidents import grouping
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.state import Group, Phase
from schoolpulse.incidents.tracks import INTERNATIONAL

STILL = "still_down"


def of_group(desk: Desk, group: Group) -> None:
    """Page an incident of many, unless every school that is still down in it is muted still."""
    group.page_ms = 0
    if not desk.pages_of_itself(desk.incident(group.incident)):
        return
    down = () if group.key == INTERNATIONAL else _down(desk, group)
    if not down and group.key != INTERNATIONAL:
        group.page_ms = max(group.due_ms, desk.now_ms + 1)  # nobody now: it may yet begin again
    elif desk.muted(None, down) is not None:
        group.page_ms = desk.muted_until(None, down)
    else:
        desk.page(group.incident, STILL)


def of_blindness(desk: Desk) -> None:
    """Page our own blindness, unless it is muted still."""
    own = desk.state.own
    own.blind_page_ms = 0
    if not own.blind_incident or not desk.pages_of_itself(desk.incident(own.blind_incident)):
        return
    if not own.blind:
        own.blind_page_ms = max(own.blind_due_ms, desk.now_ms + 1)
    elif desk.muted(None) is not None:
        own.blind_page_ms = desk.muted_until(None)
    else:
        desk.page(own.blind_incident, STILL)


def look_anew(desk: Desk) -> None:
    """Windows came or went: whatever waits for the end of one is looked at with the next event."""
    own = desk.state.own
    for group in own.groups.values():
        group.page_ms = group.page_ms and desk.now_ms
    own.blind_page_ms = own.blind_page_ms and desk.now_ms
    for school in desk.state.schools.values():
        for track in school.tracks.values():
            if track.phase is Phase.OPEN and track.due_ms > desk.now_ms:
                incident = desk.incident(track.incident)
                if incident.parent is None and desk.pages_of_itself(incident):
                    track.due_ms = desk.now_ms
                    desk.touched.add(school.school)


def _down(desk: Desk, group: Group) -> Sequence[str]:
    """The schools that are down now as a part of it."""
    return [
        school_id
        for school_id in grouping.members(desk, group)
        for track in desk.state.schools[school_id].tracks.values()
        if track.phase is Phase.OPEN and desk.incident(track.incident).parent == group.incident
    ]
