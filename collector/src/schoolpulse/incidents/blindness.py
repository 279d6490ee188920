"""We are blind: no school is blamed for what is wrong with ourselves.

Three things show it: the collector's own connection to the broker is down; most schools fell silent in
the same moment, whatever their provider; or a witness beside the collector finds our own line dead when
a school falls silent. While blind no deadline runs, and afterwards all are armed anew, with grace.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard, OwnLink
from schoolpulse.incidents.model import Cause, IncidentKind, Scope
from schoolpulse.incidents.state import Phase, SchoolState
from schoolpulse.incidents.tracks import SILENCE

SAMPLE = 64
"""Schools looked at first: only where most of those are silent are all looked at."""
LINK, MASS, WITNESS = "link", "silence", "witness"


def own_link(desk: Desk, link: OwnLink, before_ms: int) -> None:
    """The collector's connection to the broker changed; `before_ms` is when anything came before that."""
    own = desk.state.own
    if link.connected:
        _drop_suspicions(desk)
        _resume(desk)
        return
    was_blind = own.blind
    since_ms = before_ms if link.restarted and before_ms else desk.now_ms
    _suspend(desk, LINK, since_ms)
    if own.blind_incident or was_blind == LINK:
        return
    own.blind_due_ms = desk.now_ms + desk.policy.blind_confirm_ms
    if desk.now_ms - since_ms >= desk.policy.blind_confirm_ms:
        own.blind_due_ms = 0
        _open(desk, LINK, since_ms)


def witness(desk: Desk, heard: Heard) -> None:
    """The probes of an agent beside the collector say how our own line is."""
    own = desk.state.own
    answers = [
        probe.up for probe in heard.probes if probe.check == "address" and probe.scope != "lan_gateway"
    ]
    if not answers:
        return
    if any(answers[-3:]):
        own.witness_fails = 0
        if own.blind == WITNESS:
            _resume(desk)
    else:
        own.witness_fails += 1


def noticed(desk: Desk, school: SchoolState) -> bool:
    """Whether the silence of `school`, about to be blamed on it, is ours; blindness has begun then."""
    own = desk.state.own
    if own.blind:
        return True
    since_ms = school.tracks[SILENCE].since_ms
    if own.witness_fails >= 2:
        _begin(desk, WITNESS, since_ms)
        return True
    known = desk.roster.ids
    if len(known) > 2 * SAMPLE:
        sample = [known[at * len(known) // SAMPLE] for at in range(SAMPLE)]
        silent, speaking = _split(desk, sample, since_ms)
        if len(silent) < desk.policy.blind_share * 0.7 * (len(silent) + len(speaking)):
            return False
    silent, speaking = _split(desk, known, since_ms)
    if len(silent) < desk.policy.blind_min or not _most(desk, silent, speaking):
        return False
    # A provider that has most of the schools is not us, as long as the other providers' schools speak.
    provider = desk.roster.provider_of(school.school)
    others = [
        [one for one in part if desk.roster.provider_of(one) != provider] for part in (silent, speaking)
    ]
    if any(others) and not _most(desk, *others):
        return False
    own.expected = len(silent)
    _begin(desk, MASS, max(desk.state.schools[one].heard_ms for one in silent))
    return True


def heard(desk: Desk, before_ms: int) -> None:
    """A school speaks that was last heard at `before_ms`; enough of them, and we see again."""
    own = desk.state.own
    if own.blind in (MASS, WITNESS) and before_ms <= own.blind_since_ms:
        own.heard_again += 1
        if own.heard_again >= max(1, desk.policy.blind_back_share * own.expected):
            _resume(desk)


def fire(desk: Desk) -> None:
    """What was due for ourselves: a lost connection is confirmed, or its recovery has held."""
    own = desk.state.own
    own.blind_due_ms = 0
    if own.blind:
        _open(desk, own.blind, own.blind_since_ms)
    elif own.blind_incident:
        desk.resolve(own.blind_incident, own.blind_good_ms, {"fact": "sees_again"})
        desk.forget(own.blind_incident)
        own.blind_incident = ""
        own.blind_page_ms = 0


def _most(desk: Desk, silent: Sequence[str], speaking: Sequence[str]) -> bool:
    return len(silent) >= desk.policy.blind_share * (len(silent) + len(speaking))


def _split(desk: Desk, ids: Iterable[str], since_ms: int) -> tuple[list[str], list[str]]:
    """Schools that fell silent about `since_ms`, and schools that spoke since; others do not count."""
    silent, speaking = [], []
    policy, now_ms = desk.policy, desk.now_ms
    for school_id in ids:
        school = desk.state.schools.get(school_id)
        if school is None or not school.heard_ms or school.stopped_ms:
            continue
        track = school.tracks.get(SILENCE)
        if abs(school.heard_ms - since_ms) > policy.together_ms:
            if school.heard_ms > since_ms:
                speaking.append(school_id)
        elif (track is not None and track.phase is not Phase.HOLD) or (
            now_ms - school.heard_ms > policy.overdue_after_ms
        ):
            silent.append(school_id)
        else:
            speaking.append(school_id)
    return silent, speaking


def _begin(desk: Desk, why: str, since_ms: int) -> None:
    _suspend(desk, why, since_ms)
    _drop_suspicions(desk)
    if not desk.state.own.blind_incident:
        _open(desk, why, since_ms)


def _suspend(desk: Desk, why: str, since_ms: int) -> None:
    own = desk.state.own
    if not own.blind:
        own.blind_since_ms = since_ms
        own.blind_at_ms = desk.now_ms
        own.heard_again = 0
    if own.blind_incident:
        own.blind_due_ms = 0  # it rejoins the incident whose hold it was
    own.blind = why
    desk.touched.update(desk.state.schools)


def _resume(desk: Desk) -> None:
    own = desk.state.own
    own.blind = ""
    own.blind_due_ms = 0
    own.resumed_ms = desk.now_ms
    own.armed_ms = desk.now_ms + desk.policy.rearm_grace_ms
    if own.blind_incident:
        own.blind_good_ms = desk.now_ms
        own.blind_due_ms = desk.now_ms + desk.policy.hold_ms
    desk.touched.update(desk.state.schools)


def _drop_suspicions(desk: Desk) -> None:
    for school in desk.state.schools.values():
        track = school.tracks.get(SILENCE)
        if track is not None and track.phase is Phase.SUSPECT:
            del school.tracks[SILENCE]
            desk.touched.add(school.school)


def _open(desk: Desk, why: str, since_ms: int) -> None:
    own = desk.state.own
    own.blind_incident = desk.open(
        IncidentKind.BLIND,
        Cause.MONITORING_BLIND,
        scope=Scope.SELF,
        start=since_ms,
        detected_at=own.blind_at_ms,
        evidence=({"fact": f"blind_{why}", "schools": own.expected},),
    )
    if desk.pages_of_itself(desk.incident(own.blind_incident)):
        own.blind_page_ms = desk.muted_until(None)
