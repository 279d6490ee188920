"""Suspect, confirm, open; recover, hold, resolve; what fails again within the hold rejoins its incident.

The same small machine for everything that can be wrong with a school. What differs stands in `SPECS`.
"""

from __future__ import annotations

from typing import NamedTuple

from schoolpulse.incidents.desk import Desk, Fact
from schoolpulse.incidents.model import Cause, IncidentKind
from schoolpulse.incidents.state import Phase, SchoolState, Track

SILENCE, LINE, BACKUP = "silence", "line", "backup"
DNS, CAPTIVE, INTERNATIONAL, DEGRADED = "dns", "captive", "international", "degraded"
DEVICE = "device:"


class Spec(NamedTuple):
    """What a track is about. `broadband`: the school's broadband is lost; such tracks can flap and group."""

    kind: IncidentKind
    cause: Cause
    broadband: bool = False


SPECS = {
    SILENCE: Spec(IncidentKind.OUTAGE, Cause.UNKNOWN, broadband=True),
    LINE: Spec(IncidentKind.OUTAGE, Cause.LINE_CUT, broadband=True),
    BACKUP: Spec(IncidentKind.ON_BACKUP, Cause.LINE_CUT, broadband=True),
    DNS: Spec(IncidentKind.DNS_ONLY, Cause.DNS_FAILURE),
    CAPTIVE: Spec(IncidentKind.CAPTIVE_PORTAL, Cause.CAPTIVE_PORTAL),
    INTERNATIONAL: Spec(IncidentKind.INTERNATIONAL_ONLY, Cause.INTERNATIONAL_CUT),
    DEGRADED: Spec(IncidentKind.DEGRADED, Cause.DEGRADED_LINE),
    DEVICE: Spec(IncidentKind.DEVICE_DOWN, Cause.DEVICE_FAILURE),
}


def spec_of(key: str) -> Spec:
    """What the track `key` is about."""
    return SPECS[DEVICE if key.startswith(DEVICE) else key]


def suspect(desk: Desk, school: SchoolState, key: str, since_ms: int, confirm_ms: int) -> None:
    """Something is wrong since `since_ms`; it opens unless it recovers within `confirm_ms` from now."""
    track = school.tracks.get(key)
    if track is None:
        school.tracks[key] = Track(Phase.SUSPECT, since_ms, desk.now_ms, desk.now_ms + confirm_ms)
    elif track.phase is Phase.HOLD:
        track.phase, track.due_ms = Phase.OPEN, desk.page_due_ms(track.incident, confirm_ms)
        desk.count_down(track.incident, 1)
        note_dip(desk, school, since_ms, desk.now_ms)


def recovered(desk: Desk, school: SchoolState, key: str, good_ms: int) -> Track | None:
    """It is well again since `good_ms`. The track where a suspicion that never opened was dropped."""
    track = school.tracks.get(key)
    if track is None:
        return None
    if track.phase is Phase.SUSPECT:
        del school.tracks[key]
        return track
    if track.phase is Phase.OPEN:
        track.phase, track.good_ms = Phase.HOLD, good_ms
        track.due_ms = desk.now_ms + hold_ms(desk, school, key)
        desk.count_down(track.incident, -1)
    return None


def hold_ms(desk: Desk, school: SchoolState, key: str) -> int:
    """How long the track has to stay well before it is resolved: longer for what has been flapping."""
    if key.startswith(DEVICE):
        return desk.policy.device_hold_ms
    flapping = spec_of(key).broadband and len(school.dips) >= desk.policy.flap_dips
    return desk.policy.flap_hold_ms if flapping else desk.policy.hold_ms


def note_dip(desk: Desk, school: SchoolState, from_ms: int, to_ms: int) -> bool:
    """Remember a short interruption, once however many kinds of evidence show it; whether it is flapping."""
    horizon = desk.now_ms - desk.policy.flap_window_ms
    school.dips = [dip for dip in school.dips if dip[1] > horizon]
    # One begins where the one before ended, where nothing was heard but the return.
    if not any(from_ms < dip[1] and to_ms > dip[0] for dip in school.dips):
        school.dips.append([from_ms, to_ms])
    return len(school.dips) >= desk.policy.flap_dips


def close(desk: Desk, school: SchoolState, key: str, *evidence: Fact) -> None:
    """The hold is over: resolve the track's incident."""
    track = school.tracks.pop(key)
    if track.incident in desk.state.own.groups:
        return  # the incident of many goes on without this school
    desk.resolve(track.incident, track.good_ms, *evidence)
