"""Many schools in one moment are one incident: of their provider, or of their area where providers differ."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.model import Cause, Incident, IncidentKind, Scope
from schoolpulse.incidents.state import Group, Phase, SchoolState, Track
from schoolpulse.incidents.tracks import BACKUP, INTERNATIONAL, LINE, SILENCE

BROADBAND = (SILENCE, LINE, BACKUP)
AREA = "area:"


def parent_of(desk: Desk, school: SchoolState, track: Track) -> Group | None:
    """The incident of many that this outage belongs to, formed now if it is the one that shows it."""
    provider = desk.roster.provider_of(school.school)
    area = _area(desk, school.school)
    for group in desk.state.own.groups.values():
        same = group.key in (provider, AREA + area)
        near = abs(track.since_ms - group.since_ms) <= desk.policy.together_ms
        if same and (near or (group.due_ms == 0 and group.scope == Scope.PROVIDER)):
            return group
    if provider:
        ids = desk.roster.by_provider[provider]
        hard, soft = _together(desk, track, ids)
        if _enough(desk, len(hard), len(soft), len(ids)):
            return _form(desk, track, Scope.PROVIDER, provider, hard)
    ids = desk.roster.by_area.get(area, ()) if area else ()
    hard, soft = _together(desk, track, ids)
    # An area is small, and power fails by the street: half of it, whoever the providers are.
    if len(hard) >= desk.policy.group_min and 2 * (len(hard) + len(soft)) >= len(ids):
        return _form(desk, track, Scope.DISTRICT, AREA + area, hard)
    return None


def _area(desk: Desk, school_id: str) -> str:
    school = desk.roster.schools.get(school_id)
    return "/".join(school.area) if school is not None else ""


def _enough(desk: Desk, hard: int, soft: int, schools: int) -> bool:
    """`hard` are suspect, `soft` merely overdue; the share is of all the provider's schools."""
    policy = desk.policy
    wanted = max(policy.group_min, min(policy.group_max, round(policy.group_share * schools)))
    return hard >= 2 and hard + soft >= wanted


def _together(desk: Desk, track: Track, ids: Iterable[str]) -> tuple[list[str], list[str]]:
    """Schools whose broadband failed about when `track` began: suspect, open or gone, and merely overdue."""
    hard, soft = [], []
    policy = desk.policy
    for school_id in ids:
        school = desk.state.schools.get(school_id)
        if school is None or not school.heard_ms or school.stopped_ms:
            continue
        near = [
            other
            for key in BROADBAND
            if (other := school.tracks.get(key)) is not None
            and other.phase is not Phase.HOLD
            and abs(other.since_ms - track.since_ms) <= policy.together_ms
        ]
        if near:
            hard.append(school_id)
        elif not school.tracks and abs(school.heard_ms - track.since_ms) <= policy.together_ms:
            silent_ms = desk.now_ms - max(school.heard_ms, school.weak_ms)
            if silent_ms > policy.gone_after_ms:
                hard.append(school_id)
            elif silent_ms > policy.overdue_after_ms:
                soft.append(school_id)
    return hard, soft


def _form(desk: Desk, track: Track, scope: Scope, key: str, hard: Sequence[str]) -> Group:
    """Open the incident of many; outages of its schools that are open already become part of it."""
    tracks = [track] + [
        other
        for school_id in hard
        for name in BROADBAND
        if (other := desk.state.schools[school_id].tracks.get(name)) is not None
        and abs(other.since_ms - track.since_ms) <= desk.policy.together_ms
    ]
    start = max(other.since_ms for other in tracks)
    on_backup = all(BACKUP in desk.state.schools[school_id].tracks for school_id in hard)
    incident = desk.open(
        IncidentKind.ON_BACKUP if on_backup else IncidentKind.OUTAGE,
        Cause.PROVIDER_OUTAGE if scope is Scope.PROVIDER else Cause.UNKNOWN,
        scope=scope,
        start=start,
        detected_at=min(other.seen_ms for other in tracks),
        provider=key if scope is Scope.PROVIDER else None,
        evidence=({"fact": "many", "schools": len(hard), "key": key.removeprefix(AREA)},),
        members=hard,
    )
    group = desk.state.own.groups[incident] = Group(incident, scope, key, start)
    if desk.pages_of_itself(desk.incident(incident)):
        group.page_ms = desk.muted_until(None, hard)
    for other in tracks:
        if other.incident and other.phase is Phase.OPEN and desk.incident(other.incident).parent is None:
            desk.amend(
                other.incident, {"fact": "part_of_many"}, parent=incident, cause=desk.incident(incident).cause
            )
            other.due_ms = 0
            join(desk, group)
    return group


def join(desk: Desk, group: Group) -> None:
    """One more outage belongs to it."""
    group.members += 1
    group.down += 1
    group.page_ms = group.page_ms and desk.now_ms  # this school may not be muted
    if group.down > desk.policy.group_over_share * group.members:
        group.due_ms = 0


def lost_power(desk: Desk, incident: Incident) -> None:
    """A school of the group turned out to have lost its power."""
    group = desk.state.own.groups.get(incident.parent or "")
    if group is not None:
        group.power += 1


def next_due(desk: Desk) -> int:
    """When the first of the groups has held its recovery, or a page about it is due; 0 for none."""
    times = [at_ms for one in desk.state.own.groups.values() for at_ms in (one.due_ms, one.page_ms) if at_ms]
    return min(times, default=0)


def fire(desk: Desk) -> None:
    """Resolve the groups that have held; schools that are still down are looked at for themselves, later."""
    for group in [group for group in desk.state.own.groups.values() if 0 < group.due_ms <= desk.now_ms]:
        if 2 * group.power > group.members:
            desk.amend(group.incident, {"fact": "most_lost_power"}, cause=Cause.POWER_CUT)
        desk.resolve(group.incident, group.good_ms, {"fact": "most_are_back", "schools": group.members})
        desk.forget(group.incident)
        del desk.state.own.groups[group.incident]
        if group.key == INTERNATIONAL:
            _let_go(desk, group)
            continue
        for school_id in members(desk, group):
            for track in desk.state.schools[school_id].tracks.values():
                if track.phase is Phase.OPEN and desk.incident(track.incident).parent == group.incident:
                    track.due_ms = desk.now_ms + desk.policy.straggler_ms
                    desk.touched.add(school_id)


def _let_go(desk: Desk, group: Group) -> None:
    """Schools that still cannot reach abroad are looked at anew, each for itself."""
    for school in desk.state.schools.values():
        track = school.tracks.get(INTERNATIONAL)
        if track is not None and track.incident == group.incident:
            del school.tracks[INTERNATIONAL]
            desk.touched.add(school.school)


def members(desk: Desk, group: Group) -> list[str]:
    """The schools that may be part of it."""
    ids = (
        desk.roster.by_provider.get(group.key, ())
        if group.scope == Scope.PROVIDER
        else desk.roster.by_area.get(group.key.removeprefix(AREA), ())
    )
    return [school_id for school_id in ids if school_id in desk.state.schools]
