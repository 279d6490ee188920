"""What one gateway measures: rows of the contract's measurements out of the physical state.

Rows are written as JSON text straight away, since a district's day is tens of millions of them. Every
number has its unit in its name; see `docs/vendor/contract.md`. Counters count bytes since boot and only
ever grow until the machine boots or its counters are reset.
"""

from __future__ import annotations

import json

from schoolpulse_sim import kinds
from schoolpulse_sim.conditions import Conditions
from schoolpulse_sim.district import Device, School
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.schooldays import load_at

PRIMARY = "wan"
BACKUP = "wwan"
BACKUP_MBPS = 40.0
"""About what a 4G or 5G modem carries in town."""
COUNTER_LIMIT = 2**64


def _header(measurement: str, tags: tuple[str, ...], fields: tuple[str, ...]) -> str:
    return (
        json.dumps({"m": measurement, "tags": tags, "fields": fields}, separators=(",", ":"))[:-1]
        + ',"rows":['
    )


REACHABILITY = _header(
    "reachability", ("target", "scope", "method", "uplink"), ("up", "rtt_ms", "jitter_ms", "loss_ratio")
)
HTTP = _header(
    "reachability",
    ("target", "scope", "method", "uplink"),
    ("up", "rtt_ms", "jitter_ms", "loss_ratio", "captive"),
)
WAN = _header("wan", ("uplink", "role", "technology", "interface"), ("active", "carrier"))
INTERFACE = _header(
    "interface",
    ("name",),
    ("rx_bps", "tx_bps", "rx_errors", "tx_errors", "rx_drops", "tx_drops", "speed_mbps"),
)
SYSTEM = _header(
    "system", (), ("uptime_s", "load_1m", "memory_used_ratio", "disk_used_ratio", "temperature_c")
)
UPS = _header("ups", ("device",), ("charge_ratio", "on_battery", "remaining_s"))
PRINTER = _header("printer", ("device",), ("supply_ratio",))
PROJECTOR = _header("projector", ("device",), ("is_on", "lamp_h"))
DISPLAY = _header("display", ("device",), ("is_on",))
DEVICE = _header("device", ("device", "kind", "parent"), ("up", "uptime_s", "rtt_ms"))

ON_THE_RACK = frozenset({"switch", "ups", "access_point"})
"""Kinds of device that a school's battery feeds, where it has one."""

Rows = dict[str, list[str]]
"""Rows by the header of their block."""


def blocks_text(rows: Rows) -> str:
    """The JSON text of `blocks`."""
    return "[" + ",".join(f"{header}{','.join(lines)}]}}" for header, lines in rows.items()) + "]"


def points_in(rows: Rows) -> int:
    """How many points (rows) there are."""
    return sum(len(lines) for lines in rows.values())


class Meter:
    """The probes of one gateway, and the counters they read.

    Args:
        school: whose gateway it is.
        chance: the stream of chance for what varies from sample to sample.
    """

    __slots__ = (
        "_base_rtt_ms",
        "_chance",
        "_counted_ms",
        "_device_boots",
        "_far_rtt_ms",
        "_resets",
        "_school",
        "boot_ms",
        "rx_bytes",
        "rx_errors",
        "tx_bytes",
    )

    def __init__(self, school: School, chance: Chance, boot_ms: int) -> None:
        self._school = school
        self._chance = chance
        self._base_rtt_ms = chance.between(1.5, 6.0)
        self._far_rtt_ms = chance.between(38.0, 70.0)
        self._resets = 0
        self._device_boots: dict[str, int] = {}
        self.booted(boot_ms)
        # What a gateway of that uptime has carried, at a fifth of its line.
        self.rx_bytes = school.uptime_s * school.down_mbps * 25_000
        self.tx_bytes = self.rx_bytes // 9

    def booted(self, at_ms: int) -> None:
        """The gateway has just started: its counters begin at nothing."""
        self.boot_ms = self._counted_ms = at_ms
        self.rx_bytes = self.tx_bytes = self.rx_errors = 0

    def powered(self, at_ms: int, *, rack: bool) -> None:
        """The mains are back: what had no power starts, with `rack` also what hangs on the rack's battery."""
        for device in self._school.devices:
            if rack or device.kind not in ON_THE_RACK:
                self._device_boots[device.name] = at_ms

    def uptime_s(self, at_ms: int) -> int:
        """Since the gateway booted."""
        return (at_ms - self.boot_ms) // 1000

    def probe(self, rows: Rows, at_ms: int, stamp: int, now: Conditions, active: str) -> None:
        """One round of `reachability`; `stamp` is what the gateway's clock says at `at_ms`."""
        draw = self._chance.random
        through = now.line if active == PRIMARY else True
        used = min(1.3, load_at(at_ms, self._school.level) * now.surge)
        near_ms = self._base_rtt_ms + now.extra_ms + 12.0 * used * used * draw()
        edge_ms = near_ms - 0.6
        loss = now.loss_ratio
        if active != PRIMARY:
            near_ms, loss = near_ms - now.extra_ms + 28.0, 0.0
        reach = rows.setdefault(REACHABILITY, [])
        self._reach(reach, stamp, "gateway", "lan_gateway", "icmp", PRIMARY, 0.4, 0.0, True)
        self._reach(reach, stamp, "isp-edge", "isp_edge", "icmp", PRIMARY, edge_ms, now.loss_ratio, now.line)
        for target in ("vnnic-b", "vnnic-g"):
            self._reach(reach, stamp, target, "national", "tcp", active, near_ms, loss, through)
        names = through and now.dns
        self._reach(reach, stamp, "resolver", "national", "dns", active, near_ms + 3.0, 0.0, names)
        beyond = through and now.international
        far_ms = near_ms + self._far_rtt_ms
        for target in ("cloudflare", "google-dns"):
            self._reach(reach, stamp, target, "international", "icmp", active, far_ms, loss, beyond)
        web = rows.setdefault(HTTP, [])
        label = f'"portal-check","international","http","{active}"'
        if now.portal and names:
            web.append(f"[{stamp},[{label}],[1,{near_ms:.1f},0.0,0.0,1]]")
        elif beyond and names:
            web.append(f"[{stamp},[{label}],[1,{far_ms * 2:.1f},{3 * draw():.1f},0.0,0]]")
        else:
            web.append(f"[{stamp},[{label}],[0,null,null,1.0,null]]")

    def lines(self, rows: Rows, stamp: int, now: Conditions, active: str) -> None:
        """A row of `wan` for each uplink."""
        school = self._school
        wan = rows.setdefault(WAN, [])
        if wan and wan[-1].startswith(f"[{stamp},"):
            return  # a change and a report in one round: a moment of a series is measured once
        state = f"[{int(active == PRIMARY)},{int(now.carrier)}]"
        wan.append(f'[{stamp},["{PRIMARY}","primary","{school.technology}","{PRIMARY}"],{state}]')
        if school.backup:
            label = f'"{BACKUP}","backup","{school.backup}","{BACKUP}"'
            wan.append(f"[{stamp},[{label}],[{int(active == BACKUP)},1]]")

    def _reach(  # noqa: PLR0913, PLR0917 - one call a row, millions of rows: nothing is packed for it
        self,
        lines: list[str],
        stamp: int,
        target: str,
        scope: str,
        method: str,
        uplink: str,
        rtt_ms: float,
        loss_ratio: float,
        up: bool,
    ) -> None:
        if not up:
            lines.append(f'[{stamp},["{target}","{scope}","{method}","{uplink}"],[0,null,null,1.0]]')
            return
        draw = self._chance.random
        jitter = 0.1 + 0.12 * rtt_ms * draw()
        # What a summary of some ten questions shows: losses come in tenths.
        lost = min(9, sum(draw() < loss_ratio for _ in range(10))) / 10 if loss_ratio else 0.0
        rtt = rtt_ms + jitter * draw()
        lines.append(
            f'[{stamp},["{target}","{scope}","{method}","{uplink}"],[1,{rtt:.1f},{jitter:.1f},{lost}]]'
        )

    def count(self, at_ms: int, now: Conditions, active: str) -> tuple[int, int]:
        """Move the counters up to `at_ms`; the mean receive and transmit rates since then, bit/s."""
        school = self._school
        if now.counter_resets != self._resets:
            self._resets = now.counter_resets
            self.rx_bytes = self.tx_bytes = 0
        elapsed_ms = at_ms - self._counted_ms
        self._counted_ms = at_ms
        if active == PRIMARY:
            down, up = (float(school.down_mbps), float(school.up_mbps)) if now.line else (0.0, 0.0)
        else:
            down, up = BACKUP_MBPS, BACKUP_MBPS / 3
        load = (
            load_at(at_ms, self._school.level)
            * now.surge
            * self._chance.between(0.5, 1.0)
            * (1.0 - 3.0 * min(0.3, now.loss_ratio))
        )
        wanted_mbps = school.pupils * 0.25 * load
        rx_bps = int(min(down * 0.95, wanted_mbps) * 1_000_000)
        tx_bps = int(min(up * 0.95, wanted_mbps * 0.14) * 1_000_000)
        self.rx_bytes = (self.rx_bytes + rx_bps * elapsed_ms // 8_000) % COUNTER_LIMIT
        self.tx_bytes = (self.tx_bytes + tx_bps * elapsed_ms // 8_000) % COUNTER_LIMIT
        if now.loss_ratio:
            self.rx_errors += int(self._chance.between(0, 40 * now.loss_ratio))
        return rx_bps, tx_bps

    def resources(self, rows: Rows, at_ms: int, stamp: int, now: Conditions, active: str) -> None:
        """One row each of `interface` and `system`."""
        errors = self.rx_errors
        rx_bps, tx_bps = self.count(at_ms, now, active)
        errors = self.rx_errors - errors
        speed = "1000.0" if now.carrier else "null"
        name = PRIMARY if active == PRIMARY else BACKUP
        rows.setdefault(INTERFACE, []).append(
            f'[{stamp},["{name}"],[{rx_bps},{tx_bps},{errors},0,0,0,{speed}]]'
        )
        draw = self._chance.random
        load1 = 0.05 + rx_bps / 400_000_000 + 0.1 * draw()
        memory = 0.38 + 0.04 * draw()
        up_s = self.uptime_s(at_ms)
        disk = 0.22 + 0.0005 * (up_s / 86_400)
        temperature = 44.0 + 14.0 * load_at(at_ms, self._school.level) + 2.0 * draw()
        rows.setdefault(SYSTEM, []).append(
            f"[{stamp},[],[{up_s},{load1:.2f},{memory:.3f},{min(disk, 0.9):.3f},{temperature:.1f}]]"
        )

    def devices(self, rows: Rows, at_ms: int, stamp: int, now: Conditions, every_ms: int) -> None:
        """One row of `device` for each device behind the gateway, and now and then what it says itself."""
        say = kinds.is_due(at_ms, every_ms)
        draw = self._chance.random
        lines = rows.setdefault(DEVICE, [])
        for device in self._school.devices:
            label = f'"{device.name}","{device.kind}",' + (f'"{device.parent}"' if device.parent else "null")
            if self.device_up(device, now):
                boot_ms = self._device_boots.setdefault(device.name, self.boot_ms)
                uptime_s = (at_ms - boot_ms) // 1000
                lines.append(f"[{stamp},[{label}],[1,{uptime_s},{0.3 + 1.5 * draw():.1f}]]")
                if say:
                    self._says(rows, device, at_ms, stamp, mains=now.mains)
            else:
                self._device_boots[device.name] = at_ms
                lines.append(f"[{stamp},[{label}],[0,null,null]]")

    def _says(self, rows: Rows, device: Device, at_ms: int, stamp: int, *, mains: bool) -> None:
        school = self._school
        if device.kind == "ups":
            charge = kinds.charge_ratio(school, mains=mains)
            header, values = UPS, f"{charge},{int(not mains)},{round(charge * 1800)}"
        elif device.kind == "printer":
            header, values = PRINTER, f"{kinds.supply_ratio(school, device, at_ms)}"
        elif device.kind == "projector":
            on = kinds.is_on(school, device, at_ms)
            header, values = PROJECTOR, f"{int(on)},{kinds.lamp_h(school, device, at_ms)}"
        elif device.kind == "display":
            header, values = DISPLAY, f"{int(kinds.is_on(school, device, at_ms))}"
        else:
            return
        rows.setdefault(header, []).append(f'[{stamp},["{device.name}"],[{values}]]')

    @staticmethod
    def device_up(device: Device, now: Conditions) -> bool:
        """Whether a device answers. Switches and what hangs on the rack's battery stay up without mains."""
        fed = now.mains or device.kind in ON_THE_RACK
        return fed and device.name not in now.devices_down
