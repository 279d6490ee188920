"""Whether the machine knows what time it is, and when a sample was taken.

A router has no battery clock. After a power cut it believes some time of the past until the network tells
it better, so its clock is believed only once the kernel counts it as synchronised, or where the machine has
a clock that runs without power, or after long enough a wait.
"""

from __future__ import annotations

import logging
from typing import Callable

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.wire import MAX_FUTURE_MS, MIN_TIME_MS

log = logging.getLogger(__name__)

SYNCED, UNSYNCED, REPAIRED = "synced", "unsynced", "repaired"
"""As the wire contract names them. A clock that is not even about right has no name there."""


class TimeKeeper:
    """Turns moments of the steady clock into times.

    Args:
        clock: both clocks.
        is_synced: asks the kernel; None where it cannot tell.
        survives_power_cuts: whether the machine has a battery clock or a host that gives it the time.
        wait_s: how long after the machine's start a time that nobody vouches for is not believed.
        not_before_ms: a time that certainly is over; an earlier one is wrong.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        is_synced: Callable[[], bool | None],
        survives_power_cuts: bool,
        wait_s: float,
        not_before_ms: int = MIN_TIME_MS,
    ) -> None:
        self._clock = clock
        self._is_synced = is_synced
        self._survives_power_cuts = survives_power_cuts
        self._wait_s = wait_s
        self._not_before_ms = max(not_before_ms, MIN_TIME_MS)
        self._last_ms: dict[object, int] = {}
        self._state: str | None = None

    def state(self) -> str | None:
        """How much the time can be believed now: `SYNCED`, `UNSYNCED`, or None for not at all."""
        state = self._judge()
        if state != self._state:
            log.info("the clock is %s", state or "not known")
            self._state = state
        return state

    def _judge(self) -> str | None:
        now_ms = self._clock.now_ms()
        if now_ms < MIN_TIME_MS:
            return None
        if self._is_synced():
            return SYNCED
        waited = self._clock.monotonic() >= self._wait_s
        if self._survives_power_cuts:
            waited = waited or now_ms >= self._not_before_ms
        return UNSYNCED if waited else None

    def offset_ms(self) -> int:
        """What to add to the steady clock's milliseconds to get the time."""
        return self._clock.now_ms() - round(self._clock.monotonic() * 1000)

    def stamp(self, series: object, at_ms: int) -> int:
        """`at_ms`, or a little later: the times of a series strictly rise.

        A clock that was set back by minutes must not overwrite what is already recorded, so the times of a
        series go on from the last by a millisecond each until the clock has caught up. A clock set back by
        more was wrong by so much that the collector refused what it stamped; then the series begins anew.
        """
        last_ms = self._last_ms.get(series)
        if last_ms is not None and last_ms - MAX_FUTURE_MS < at_ms <= last_ms:
            at_ms = last_ms + 1
        self._last_ms[series] = at_ms
        return at_ms
