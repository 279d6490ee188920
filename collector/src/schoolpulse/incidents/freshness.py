"""Is this message a sign of life, or history? Clocks at schools are wrong, and networks deliver late.

What counts is not the agent's clock but how its delay compares with that of its other messages: the
smallest seen difference between receipt and sending is the clock's offset, and a message that exceeds it
by much was on its way for so long. A clock that was set back looks the same, once; a second message that
keeps the same distance, both here and there, shows that it was the clock.
"""

from __future__ import annotations

from enum import Enum

from schoolpulse.incidents.evidence import Heard, Online
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.state import SchoolState

CLOCK_RIGHT_MS = 10_000
"""An offset below it is delay, not a wrong clock."""
SLACK_MS = 2_000
"""How far the order of things at a school and here may disagree."""


class Freshness(Enum):
    """What a message says about now."""

    FRESH = "fresh"
    UNCLEAR = "unclear"
    HISTORY = "history"


FRESH, UNCLEAR, HISTORY = Freshness  # names of the module are found sooner than those of an enumeration


def of_batch(school: SchoolState, heard: Heard, policy: Policy) -> Freshness:
    """Judge a batch and remember what it teaches about the agent's clock and numbering."""
    if heard.stream == school.stream:
        if heard.seq <= school.seq:
            return HISTORY
    else:
        school.stream = heard.stream
    school.seq = heard.seq
    return _of_time(school, heard.sent_ms, heard.received_ms, heard.boot, policy)


def of_state(school: SchoolState, online: Online, policy: Policy) -> Freshness:
    """Judge a `state`, `birth` or answer."""
    if online.at_ms is None:
        return FRESH
    return _of_time(school, online.at_ms, online.received_ms, online.boot, policy)


def _of_time(school: SchoolState, sent_ms: int, received_ms: int, boot: str, policy: Policy) -> Freshness:
    lag = received_ms - sent_ms
    offset = school.offset_ms
    if offset is None or (boot and boot not in (school.boot, school.boot_before)):
        school.offset_ms = lag
        school.odd = None
        return FRESH
    if lag <= offset + policy.late_after_ms:
        school.offset_ms = followed(offset, lag)
        school.odd = None
        return FRESH
    odd, school.odd = school.odd, (sent_ms, received_ms)
    if odd is not None:
        apart = received_ms - odd[1]
        if apart >= 5_000 and abs(apart - (sent_ms - odd[0])) <= 2_000:
            school.offset_ms = lag
            school.odd = None
            return FRESH
    return UNCLEAR


def followed(offset_ms: int, lag_ms: int) -> int:
    """The offset after one more message: it follows a drifting clock slowly upward and at once downward."""
    return lag_ms if lag_ms < offset_ms else offset_ms + (lag_ms - offset_ms) // 16


def world_ms(school: SchoolState, at_ms: int, received_ms: int) -> int:
    """When a sample was really taken, as well as the collector can tell; never after its receipt."""
    return min(at_ms + clock_error_ms(school), received_ms)


def clock_error_ms(school: SchoolState) -> int:
    """What has to be added to the agent's times; 0 where its clock is about right."""
    offset = school.offset_ms or 0
    return offset if abs(offset) > CLOCK_RIGHT_MS else 0


def estimated_receipt_ms(school: SchoolState, sent_ms: int) -> int:
    """When a message of that sending time would have come without delay."""
    return sent_ms + (school.offset_ms or 0)
