"""Signs of life and their absence: heartbeats, wills, goodbyes, sessions."""

from __future__ import annotations

from schoolpulse.incidents import blindness, explain, freshness, opening
from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard, Online, PlannedStop, Will
from schoolpulse.incidents.freshness import Freshness
from schoolpulse.incidents.model import SchoolStatus
from schoolpulse.incidents.state import Phase, SchoolState
from schoolpulse.incidents.tracks import SILENCE, note_dip, recovered, suspect

_NO_SAMPLES = (None, (), (), (), (), ())


def deadline_ms(desk: Desk, school: SchoolState) -> int:
    """When the school's silence becomes suspect; 0 where it may be silent (never heard, stopped, suspect)."""
    if not school.heard_ms or school.stopped_ms:
        return 0
    track = school.tracks.get(SILENCE)
    if track is not None and track.phase is not Phase.HOLD:
        return 0
    since_ms = max(school.heard_ms, school.weak_ms, desk.state.own.armed_ms)
    return since_ms + desk.policy.silence_after_ms


def fire_deadline(desk: Desk, school: SchoolState) -> None:
    """The heartbeat deadline is over."""
    suspect(desk, school, SILENCE, school.heard_ms, desk.policy.silence_confirm_ms)


def beats_on(desk: Desk, school: SchoolState, heard: Heard) -> bool:
    """Take a batch without samples from a school where nothing is, or was lately, wrong; whether it was one.

    Almost every message is. What `on_heard` and all other rules would do with it is this and no more.
    """
    offset = school.offset_ms
    if (
        heard[7:] != _NO_SAMPLES
        or school.tracks
        or school.case is not None
        or school.will_ms
        or school.stopped_ms
        or school.devices
        or offset is None
        or heard.stream != school.stream
        or heard.boot != school.boot
        or heard.seq <= school.seq
        or school.status is not SchoolStatus.ONLINE
        or desk.blind
    ):
        return False
    lag = heard.received_ms - heard.sent_ms
    if lag > offset + desk.policy.late_after_ms:
        return False
    school.seq = heard.seq
    school.offset_ms = freshness.followed(offset, lag)
    school.odd = None
    school.heard_ms = desk.now_ms
    school.weak_ms = 0
    return True


def on_heard(desk: Desk, school: SchoolState, heard: Heard) -> bool:
    """A batch. Whether it is fresh, so that what it says is so now."""
    fresh = freshness.of_batch(school, heard, desk.policy)
    if fresh is Freshness.UNCLEAR:
        school.weak_ms = desk.now_ms
    if fresh is not Freshness.FRESH:
        return False
    sent_ms = freshness.estimated_receipt_ms(school, heard.sent_ms)
    if school.will_ms and sent_ms < school.will_ms - 2_000:
        return False  # sent before the connection was lost
    if heard.boot == school.boot_before and heard.boot != school.boot:
        return False
    _alive(desk, school, heard.boot, new_session=False)
    if heard.boot_ms is not None:
        explain.booted(desk, school, freshness.world_ms(school, heard.boot_ms, heard.received_ms))
    return True


def on_online(desk: Desk, school: SchoolState, online: Online) -> None:
    """A `state`, a `birth` or an answer."""
    session = online.session
    if session is not None:
        if _is_old(school, online.boot, session):
            return
        if online.retained:
            school.session = session
            return
    fresh = freshness.of_state(school, online, desk.policy)
    if fresh is Freshness.UNCLEAR:
        school.weak_ms = desk.now_ms
        return
    new_session = session is not None and school.session not in (0, session)
    if session is not None:
        school.session = session
    _alive(desk, school, online.boot, new_session=new_session)
    if online.uptime_s is not None:
        explain.booted(desk, school, desk.now_ms - round(online.uptime_s * 1000))


def on_will(desk: Desk, school: SchoolState, will: Will) -> None:
    """The broker says that the session ended without a goodbye."""
    if _is_old(school, will.boot, will.session) or school.stopped_ms or not school.heard_ms:
        return
    school.session = will.session
    school.will_ms = desk.now_ms
    suspect(desk, school, SILENCE, school.heard_ms, _grace_ms(desk))


def on_stop(desk: Desk, school: SchoolState, stop: PlannedStop) -> None:
    """The agent said goodbye: nobody measures, and nothing is claimed."""
    if _is_old(school, stop.boot, stop.session):
        return
    if stop.retained and school.session == stop.session and stop.at_ms is not None:
        said_ms = freshness.world_ms(school, stop.at_ms, stop.received_ms)
        if said_ms < school.heard_ms - 2_000:
            return
    school.session = stop.session
    school.stopped_ms = desk.now_ms
    school.stop_reason = stop.reason
    recovered(desk, school, SILENCE, desk.now_ms)


def _grace_ms(desk: Desk) -> int:
    return max(desk.policy.will_grace_ms, desk.state.own.armed_ms - desk.now_ms)


def _is_old(school: SchoolState, boot: str, session: int) -> bool:
    """Whether this is of a session before the present one."""
    if boot and boot != school.boot:
        return boot == school.boot_before
    return session < school.session


def _alive(desk: Desk, school: SchoolState, boot: str, *, new_session: bool) -> None:
    before_ms, planned = school.heard_ms, bool(school.stopped_ms)
    broken = new_session or bool(school.will_ms)
    school.heard_ms = desk.now_ms
    school.weak_ms = school.will_ms = school.stopped_ms = 0
    if boot and boot != school.boot:
        school.boot_before, school.boot = school.boot, boot
    if not before_ms:
        desk.first_heard.append((school.school, desk.now_ms))
    if desk.blind:
        blindness.heard(desk, before_ms)
    if new_session or SILENCE in school.tracks:
        school.back_ms = desk.now_ms
        recovered(desk, school, SILENCE, desk.now_ms)
    if school.case is not None:
        explain.returned(desk, school)
    if not broken or planned or not before_ms or not desk.armed(before_ms):
        return
    if SILENCE in school.tracks:
        return
    silent_ms = desk.now_ms - before_ms
    flapping = note_dip(desk, school, before_ms, desk.now_ms)
    if flapping:
        opening.open_flapping(desk, school, SILENCE)
    elif silent_ms >= desk.policy.outage_min_ms:
        opening.open_passed(desk, school, before_ms)
    else:
        return
    explain.returned(desk, school)
