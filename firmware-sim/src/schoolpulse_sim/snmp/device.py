"""One device as it is from moment to moment: power, traffic, wear. Without SNMP and without a clock."""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from schoolpulse_sim.conditions import Change, Conditions
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import Level
from schoolpulse_sim.schooldays import load_at

RACK = frozenset({"switch", "ups", "access_point"})
"""Kinds that go on without mains, on the rack's battery."""
BATTERY_S = 30 * 60
PAGES_AN_HOUR = 60.0
TONER_PAGES = 2_600
BOOT_MS = 25_000


class LiveDevice:
    """A device's physical state at any moment.

    Args:
        name: as in the district.
        kind: ``switch``, ``access_point``, ``ups`` or ``printer``.
        seed: what differs from device to device.
        started_ms: when the simulation began; the device had been up for a while.
        timeline: its school's conditions; nothing ever happens without.
        level: whose lessons make the traffic.
    """

    def __init__(
        self,
        name: str,
        kind: str,
        *,
        seed: int,
        started_ms: int,
        timeline: Sequence[Change] = (),
        level: Level = "thcs",
    ) -> None:
        self.name = name
        self.kind = kind
        self._level: Level = level
        chance = Chance(seed, "snmp", name)
        self._timeline = timeline or (Change(started_ms, Conditions()),)
        self._times = [change.at_ms for change in self._timeline]
        self._boot_ms = started_ms - chance.whole(3_600, 60 * 86_400) * 1000
        self._counted_ms = self._boot_ms
        self._share = [chance.between(0.02, 1.0) for _ in range(64)]
        self._octets_in = [0] * 64
        self._octets_out = [0] * 64
        self.serial = f"SIM{chance.whole(10**7, 10**8 - 1)}"
        self.ports_up = [chance.happens(0.8) for _ in range(64)]
        self._pages = float(chance.whole(2_000, 60_000))
        self._toner_start = chance.between(0.1, 1.0)
        self._first_ms = started_ms
        self.count(started_ms, usual=True)

    def conditions(self, now_ms: int) -> Conditions:
        """Its school's conditions at `now_ms`."""
        return self._timeline[max(0, bisect.bisect_right(self._times, now_ms) - 1)].conditions

    def answers(self, now_ms: int) -> bool:
        """Whether it has power and works; it comes back by booting."""
        if not self._works(self.conditions(now_ms)):
            return False
        back_ms = self._back_since(now_ms)
        if back_ms is None:
            return True
        if back_ms + BOOT_MS > self._boot_ms:
            self._reboot(back_ms + BOOT_MS)
        return now_ms >= self._boot_ms

    def uptime_ticks(self, now_ms: int) -> int:
        """sysUpTime: hundredths of a second, going round after 497 days (RFC 3418)."""
        return (now_ms - self._boot_ms) // 10 % 2**32

    def count(self, now_ms: int, *, usual: bool = False) -> None:
        """Move the counters up to `now_ms` by the load of the hour, or by a usual load."""
        elapsed_ms = now_ms - self._counted_ms
        if elapsed_ms <= 0:
            return
        self._counted_ms = now_ms
        load = 0.2 if usual else load_at(now_ms, self._level)
        for port, share in enumerate(self._share):
            if self.ports_up[port]:
                octets = int(60_000_000 / 8 * share * load * elapsed_ms / 1000)
                self._octets_in[port] += octets
                self._octets_out[port] += octets * 5
        if self.kind == "printer":
            self._pages += PAGES_AN_HOUR * load * elapsed_ms / 3_600_000

    def octets(self, port: int, *, outward: bool) -> int:
        """Octets of a port since it booted; the reader wraps them to 32 or 64 bits."""
        return (self._octets_out if outward else self._octets_in)[port]

    @property
    def pages(self) -> int:
        """Pages that a printer has printed in its life."""
        return int(self._pages)

    @property
    def toner_ratio(self) -> float:
        """What is left of a printer's toner."""
        used = (self._pages % TONER_PAGES) / TONER_PAGES
        return max(0.0, (self._toner_start - used) % 1.0)

    def on_battery_s(self, now_ms: int) -> int:
        """For how long a UPS has been without mains; 0 while it has it."""
        if self.conditions(now_ms).mains:
            return 0
        since_ms = now_ms
        for change in reversed(self._timeline):
            if change.at_ms > now_ms:
                continue
            if change.conditions.mains:
                break
            since_ms = change.at_ms
        return max(1, (now_ms - since_ms) // 1000)

    def _works(self, now: Conditions) -> bool:
        fed = now.mains or self.kind in RACK
        return fed and self.name not in now.devices_down

    def _back_since(self, now_ms: int) -> int | None:
        """When it last came back from not working, if that happened since the simulation began."""
        back_ms = None
        for change in reversed(self._timeline):
            if change.at_ms > now_ms:
                continue
            if not self._works(change.conditions):
                return back_ms
            back_ms = change.at_ms
        return None

    def _reboot(self, at_ms: int) -> None:
        self._boot_ms = self._counted_ms = at_ms
        self._octets_in = [0] * 64
        self._octets_out = [0] * 64
