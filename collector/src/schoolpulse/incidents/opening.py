"""From a confirmed suspicion to an incident: whose it is, what it is part of, what it takes over."""

from __future__ import annotations

from schoolpulse.incidents import abroad, blindness, grouping
from schoolpulse.incidents.desk import Desk, Fact
from schoolpulse.incidents.model import Cause, IncidentKind, Scope
from schoolpulse.incidents.rules import devices
from schoolpulse.incidents.state import Case, Group, Phase, SchoolState, Track
from schoolpulse.incidents.tracks import (
    BACKUP,
    DEVICE,
    INTERNATIONAL,
    LINE,
    SILENCE,
    close,
    recovered,
    spec_of,
)


def fire(desk: Desk, school: SchoolState, key: str) -> None:
    """The track's present phase is over: confirm, page what was muted, or resolve."""
    track = school.tracks[key]
    silent = school.tracks.get(SILENCE)
    if (
        key != SILENCE
        and track.phase is not Phase.OPEN
        and silent is not None
        and silent.phase is not Phase.HOLD
    ):
        track.due_ms = desk.now_ms + desk.policy.path_confirm_ms  # no data decides nothing
    elif track.phase is Phase.SUSPECT:
        _confirm(desk, school, key, track)
    elif track.phase is Phase.HOLD:
        incident = track.incident
        close(desk, school, key)
        explained_later = school.case is not None and school.case.incident == incident
        if not explained_later and incident not in desk.state.own.groups:
            desk.forget(incident)
    else:
        _page_later(desk, track)


def _page_later(desk: Desk, track: Track) -> None:
    incident = desk.incident(track.incident)
    track.due_ms = 0
    if incident.paged_at:
        return
    if desk.mutes.reason(incident.school, desk.now_ms) is not None:
        track.due_ms = desk.mutes.until(incident.school, desk.now_ms)
    elif incident.parent in desk.state.own.groups:
        return
    else:
        desk.page(track.incident, "still_down")


def _confirm(desk: Desk, school: SchoolState, key: str, track: Track) -> None:
    if key == SILENCE and blindness.noticed(desk, school):
        school.tracks.pop(key, None)
        return
    if key.startswith(DEVICE):
        name = key.removeprefix(DEVICE)
        cause = Cause.PARENT_DEVICE_FAILURE if devices.carries_others(school, name) else None
        _open(desk, school, key, track, _fact(key), cause=cause)
    elif key == INTERNATIONAL:
        if not abroad.confirm(desk, track):
            _open(desk, school, key, track, _fact(key), quiet="ticket")
    elif not spec_of(key).broadband:
        _open(desk, school, key, track, _fact(key))
    elif not _take_over(desk, school, key, track):
        group = grouping.parent_of(desk, school, track)
        _open(desk, school, key, track, _fact(key, will=bool(school.will_ms)), group=group)


def _fact(key: str, *, will: bool = False) -> Fact:
    return {"fact": "will" if key == SILENCE and will else f"track_{key.split(':', maxsplit=1)[0]}"}


def _take_over(desk: Desk, school: SchoolState, key: str, track: Track) -> bool:
    """One loss of broadband is one incident, even where it shows in one way after another."""
    for other_key in (SILENCE, LINE):
        other = school.tracks.get(other_key)
        if other is None or other_key == key or not other.incident:
            continue
        if key == BACKUP:
            if other.phase is Phase.OPEN:
                continue
            # Silent while it changed over: the school speaks again, over the backup.
            incident = desk.incident(other.incident)
            cause = incident.cause if incident.parent else Cause.LINE_CUT
            desk.amend(other.incident, {"fact": "track_backup"}, kind=IncidentKind.ON_BACKUP, cause=cause)
            if school.case is not None and school.case.incident == other.incident:
                school.case = None
        if other.phase is Phase.HOLD:
            desk.count_down(other.incident, 1)
        del school.tracks[other_key]
        track.phase, track.incident = Phase.OPEN, other.incident
        track.since_ms = other.since_ms
        track.due_ms = desk.page_due_ms(other.incident)
        if key == SILENCE:
            _begin_case(desk, school, track)
        return True
    return False


def _open(  # noqa: PLR0913  # the last three are keyword-only exceptions to the rule
    desk: Desk,
    school: SchoolState,
    key: str,
    track: Track,
    fact: Fact,
    *,
    group: Group | None = None,
    quiet: str = "",
    cause: Cause | None = None,
) -> None:
    spec = spec_of(key)
    cause = cause or spec.cause
    if group is not None and group.scope == Scope.PROVIDER:
        cause = Cause.PROVIDER_OUTAGE
    track.phase = Phase.OPEN
    track.incident = desk.open(
        spec.kind,
        cause,
        scope=Scope.SCHOOL,
        start=track.since_ms,
        detected_at=track.seen_ms,
        school=school.school,
        provider=(desk.roster.provider_of(school.school) or None) if spec.broadband else None,
        device=key.removeprefix(DEVICE) if key.startswith(DEVICE) else None,
        parent=group.incident if group is not None else None,
        evidence=(fact,),
        quiet=quiet,
    )
    track.due_ms = desk.page_due_ms(track.incident) if not quiet else 0
    if group is not None:
        grouping.join(desk, group)
    if key == SILENCE:
        _begin_case(desk, school, track)


def open_flapping(desk: Desk, school: SchoolState, key: str) -> None:
    """So many short interruptions are an outage; it holds from the start, since the school speaks now."""
    if any(school.tracks[other].incident for other in grouping.BROADBAND if other in school.tracks):
        return  # they are part of what is known already
    track = Track(Phase.SUSPECT, school.dips[0][0], desk.now_ms)
    school.tracks[key] = track
    if _take_over(desk, school, key, track):
        incident = desk.incident(track.incident)
        if desk.pages_of_itself(incident) and desk.muted(incident.school) is None:
            desk.page(track.incident, "flapping")
    else:
        fact: Fact = {"fact": "flapping", "times": len(school.dips)}
        _open(desk, school, key, track, fact, cause=Cause.LINE_CUT)
        if school.case is not None and school.case.incident == track.incident:
            school.case = None  # a line that comes and goes needs no other explanation
    recovered(desk, school, key, desk.now_ms)


def open_passed(desk: Desk, school: SchoolState, since_ms: int) -> None:
    """A silence that was over before it was noticed: for the record, and nobody is paged."""
    track = Track(Phase.SUSPECT, since_ms, desk.now_ms)
    school.tracks[SILENCE] = track
    if not _take_over(desk, school, SILENCE, track):
        _open(desk, school, SILENCE, track, {"fact": "was_silent"}, quiet="over")
    recovered(desk, school, SILENCE, desk.now_ms)


def _begin_case(desk: Desk, school: SchoolState, track: Track) -> None:
    if school.case is not None and school.case.incident != track.incident:
        entry = desk.state.incidents.get(school.case.incident)
        if entry is not None and entry.incident.resolved_at is not None:
            desk.forget(school.case.incident)
    school.case = Case(
        track.incident,
        track.since_ms,
        boot_before=school.boot,
        session_before=school.session,
        by_will=bool(school.will_ms),
        mains_lost=bool(school.mains_lost_ms),
    )
