"""How long a device has been up, although sysUpTime goes round after 497 days."""

from __future__ import annotations

_ROUND = 2**32
_TICKS_PER_S = 100
_SLACK_S = 30.0
"""Answers come late, and a device's crystal is cheap."""
_DRIFT = 0.01


class UptimeTracker:
    """Follows the ticks of one device (hundredths of a second, 32 bits: RFC 3418)."""

    def __init__(self) -> None:
        self._rounds = 0
        self._ticks: int | None = None
        self._at = 0.0

    def take(self, ticks: int, at: float, engine_s: int | None = None) -> tuple[float, bool]:
        """The uptime in seconds by `ticks` at the steady clock's second `at`, and whether it has rebooted.

        Where the ticks fell, or lag behind the clock, the device either went round or began anew: it went
        round if it would be about here by now, had it gone on. snmpEngineTime (`engine_s`, RFC 3411), which
        never goes round, tells at the first look how often it has done so before.
        """
        rebooted = False
        if self._ticks is None:
            self._rounds = _rounds_by_engine(ticks, engine_s)
        else:
            expected = self._ticks + (at - self._at) * _TICKS_PER_S
            slack = (_SLACK_S + (at - self._at) * _DRIFT) * _TICKS_PER_S
            rounds = round((expected - ticks) / _ROUND)
            if rounds >= 0 and abs(expected - rounds * _ROUND - ticks) <= slack:
                self._rounds += rounds
            elif ticks < expected:
                self._rounds, rebooted = 0, True
        self._ticks, self._at = ticks, at
        return (self._rounds * _ROUND + ticks) / _TICKS_PER_S, rebooted


def _rounds_by_engine(ticks: int, engine_s: int | None) -> int:
    """Only a near match counts: the SNMP service may have been restarted by itself."""
    if engine_s is None:
        return 0
    rounds = round((engine_s * _TICKS_PER_S - ticks) / _ROUND)
    near = abs(engine_s * _TICKS_PER_S - rounds * _ROUND - ticks) <= 600 * _TICKS_PER_S
    return rounds if rounds > 0 and near else 0
