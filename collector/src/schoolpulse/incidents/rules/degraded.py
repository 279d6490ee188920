"""A line that works badly for a long time: loss, delay, or speed below the contract. A ticket, not a page.

`SchoolState.quality` holds ``[loss in 1/100000, delay in 1/10 ms, time of the last sample, slow speed
tests in a row]``; loss and delay are means that forget with `TAU_MS`.
"""

from __future__ import annotations

import math

from schoolpulse.incidents.desk import Desk
from schoolpulse.incidents.evidence import Heard
from schoolpulse.incidents.freshness import SLACK_MS, clock_error_ms
from schoolpulse.incidents.policy import MINUTE
from schoolpulse.incidents.state import SchoolState
from schoolpulse.incidents.tracks import DEGRADED, recovered, suspect

TAU_MS = 4 * MINUTE
GOOD_AGAIN = 0.6
"""Well again only below that part of the limit, so that a line at the limit is not two tickets."""
SLOW_TESTS = 2


def on_heard(desk: Desk, school: SchoolState, heard: Heard) -> None:
    """Take in the quality that a fresh batch shows of the broadband line."""
    quality = school.quality or [0, 0, 0, 0]
    seen = False
    oldest_ms, error_ms = school.back_ms - SLACK_MS, clock_error_ms(school)
    for probe in heard.probes:
        if probe.scope != "national" or probe.check != "address" or not probe.up:
            continue
        if probe.uplink in school.backups or (probe.loss_ratio is None and probe.rtt_ms is None):
            continue
        at_ms = min(probe.at_ms + error_ms, heard.received_ms) if heard.timed else desk.now_ms
        if at_ms < oldest_ms:
            continue
        seen = True
        if quality[2] and at_ms <= quality[2]:
            continue  # no time has passed since the last one, so it weighs nothing
        weight = 1 - math.exp((quality[2] - at_ms) / TAU_MS) if quality[2] else 1.0
        loss, rtt_ms = (probe.loss_ratio or 0.0) * 100_000, (probe.rtt_ms or 0.0) * 10
        quality[0] += round((loss - quality[0]) * weight)
        quality[1] += round((rtt_ms - quality[1]) * weight)
        quality[2] = at_ms
    tested = _speed(desk, school, heard, quality)
    school.quality = quality if any(quality) else []
    if seen or tested:
        _judge(desk, school, quality)


def _speed(desk: Desk, school: SchoolState, heard: Heard, quality: list[int]) -> bool:
    if not heard.speeds:
        return False
    line = desk.roster.schools[school.school].line("primary")
    wanted = line.contracted_down_mbps if line is not None else None
    tests = [test.down_mbps for test in heard.speeds if test.role != "backup" and test.down_mbps is not None]
    if wanted is None or not tests:
        return False
    for down_mbps in tests:
        slow = down_mbps < wanted * desk.policy.degraded_speed_ratio
        quality[3] = min(quality[3] + 1, 9) if slow else 0
    return True


def _judge(desk: Desk, school: SchoolState, quality: list[int]) -> None:
    policy = desk.policy
    loss = quality[0] / 100_000 / policy.degraded_loss_ratio
    delay = quality[1] / 10 / policy.degraded_rtt_ms
    slow = quality[3] >= SLOW_TESTS
    if loss >= 1 or delay >= 1 or slow:
        suspect(desk, school, DEGRADED, quality[2] or desk.now_ms, policy.degraded_after_ms)
    elif DEGRADED in school.tracks and loss < GOOD_AGAIN and delay < GOOD_AGAIN:
        recovered(desk, school, DEGRADED, quality[2] or desk.now_ms)
