"""The newest figures of one agent, digested from its messages as they pass.

Measurements and their tags and fields are those of the wire contract; what an agent sends beyond them is
passed over here and kept by the store. Nothing here grows beyond the limits below, whatever is sent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from schoolpulse.contract.models import Birth, State, Telemetry
from schoolpulse.live.rooms import Presence, RoomNow, Usage, room_now
from schoolpulse.registry.models import Classroom

ROOM_MEASUREMENTS = ("classroom", "wifi")
MEASUREMENTS = (
    *("system", "reachability", "interface", "wan", "device", "projector", "display"),
    *ROOM_MEASUREMENTS,
)
MAX_KEPT = 128
"""Probe targets, interfaces, uplinks or devices kept of one agent, each; more are passed over."""
STALE_MS = 3 * 60_000
"""A value so much older than the newest of its kind is left out: its target or device is gone."""

Cell = float | int | bool | str | None
Cells = Mapping[str, Cell]
_Kept = tuple[int, Sequence[str], Sequence[str], Sequence[str | None], Sequence[Cell]]
"""A row: when, its tag and field keys, its tag and field values."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How a scope (``lan_gateway``, ``isp_edge``, ``national``, ``international``) answered last.

    Of several targets the best counts: one server that fails says nothing of the line.
    """

    at_ms: int
    up: bool
    rtt_ms: float | None
    jitter_ms: float | None
    loss_ratio: float | None


@dataclass(frozen=True, slots=True)
class Traffic:
    """Bits per second through one interface, received and sent, as seen from the school."""

    at_ms: int
    rx_bps: float | None
    tx_bps: float | None


@dataclass(frozen=True, slots=True)
class UplinkNow:
    """The way out of the school that carries it now."""

    at_ms: int
    name: str
    role: str
    technology: str
    interface: str


@dataclass(frozen=True, slots=True)
class DeviceNow:
    """A device behind the gateway. `in_use` is None for one that does not tell."""

    name: str
    kind: str
    up: bool
    in_use: bool | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What is known of an agent at one moment. Times are milliseconds since 1970, UTC.

    `heard_ms` is the collector's clock when the agent last spoke itself (a will is the broker speaking).
    """

    heard_ms: int | None
    agent_version: str | None = None
    hardware: str | None = None
    uptime_s: float | None = None
    uplink: UplinkNow | None = None
    reachability: Mapping[str, Reach] = field(default_factory=dict)
    traffic: Traffic | None = None
    devices_up: int | None = None
    devices_total: int | None = None
    devices: Sequence[DeviceNow] = ()


class AgentFigures:
    """Keeps the newest row of each thing one agent measures. Older samples never replace newer ones.

    Taking a batch only files its rows; what they say is worked out when somebody looks.
    """

    __slots__ = ("_birth", "_figures", "_heard_ms", "_kept", "_presence", "_room", "_usage")

    def __init__(self) -> None:
        self._heard_ms: int | None = None
        self._figures: Figures | None = None
        self._birth: Birth | None = None
        self._presence = Presence()
        self._usage: Usage | None = None
        self._room: RoomNow | None = None
        self._kept: dict[str, dict[tuple[str | None, ...], _Kept]] = {name: {} for name in MEASUREMENTS}

    def heard(self, at_ms: int) -> None:
        """The agent spoke itself."""
        self._heard_ms = at_ms
        self._figures = self._room = None

    def take_state(self, state: State, received_ms: int, *, retained: bool) -> None:
        """Keep whether it is connected. A machine that went says nothing any more of how it is used."""
        self._room = None
        self._presence.take(state, received_ms, retained=retained)
        if self._presence.online is False:
            self._usage = None
            for measurement in ROOM_MEASUREMENTS:
                self._kept[measurement].clear()

    def take_birth(self, birth: Birth) -> None:
        """Keep what the agent says it is."""
        self._figures = None
        if self._birth is None or birth.at >= self._birth.at:
            self._birth = birth

    def take_telemetry(self, batch: Telemetry, received_ms: int) -> None:
        """Keep what is newer than what is known.

        A stamp ahead of our own clock counts as now, so that one sample from the future does not hide
        the ones after it. Of a clock that was never set only times close to the receipt are believed.
        """
        self._figures = self._room = None
        self._presence.spoke(received_ms)
        believed_ms = received_ms - STALE_MS if batch.clock == "unsynced" else 0
        for block in batch.blocks:
            kept = self._kept.get(block.m)
            if kept is None:
                continue
            if block.m == "classroom":
                self._usage = self._usage or Usage()
                self._usage.take(block, received_ms)
            for at_ms, tag_values, field_values in block.rows:
                if at_ms < believed_ms:
                    continue
                key = tuple(tag_values)
                known = kept.get(key)
                if known is None:
                    if len(kept) >= MAX_KEPT:
                        _forget_before(kept, min(at_ms, received_ms) - STALE_MS)
                        if len(kept) >= MAX_KEPT:
                            continue
                elif at_ms < known[0]:
                    continue
                kept[key] = (min(at_ms, received_ms), block.tags, block.fields, tag_values, field_values)

    def snapshot(self) -> Figures:
        """The figures as they stand; the same object until something is taken."""
        if self._figures is None:
            self._figures = self._look()
        return self._figures

    def room(self, room: Classroom) -> RoomNow:
        """The figures of a classroom's agent as they stand; the same object until something is taken."""
        if self._room is None or (self._room.agent_id, self._room.name) != (room.agent_id, room.name):
            rows = {name: [cells for _, cells in self._recent(name)] for name in ROOM_MEASUREMENTS}
            self._room = room_now(room, self._presence, self._usage, self._heard_ms, rows)
        return self._room

    def _look(self) -> Figures:
        birth = self._birth
        uplink = self._uplink()
        devices = self._recent("device")
        return Figures(
            heard_ms=self._heard_ms,
            agent_version=birth.agent_version if birth else None,
            hardware=(birth.hardware or None) if birth else None,
            uptime_s=self._uptime(),
            uplink=uplink,
            reachability=self._reachability(),
            traffic=self._traffic(uplink),
            devices_up=sum(bool(cells.get("up")) for _, cells in devices) if devices else None,
            devices_total=len(devices) or None,
            devices=self._devices(devices),
        )

    def _devices(self, rows: list[tuple[int, Cells]]) -> tuple[DeviceNow, ...]:
        """The devices, and of those that tell it whether they are in use (a display that is on is)."""
        used: dict[Cell, bool] = {}
        for measurement in ("projector", "display"):
            for _, cells in self._recent(measurement):
                if cells.get("is_on") is not None:
                    used.setdefault(cells.get("device"), bool(cells["is_on"]))
        return tuple(
            DeviceNow(
                str(cells.get("device") or ""),
                str(cells.get("kind") or ""),
                up := bool(cells.get("up")),
                used.get(cells.get("device")) if up else None,
            )
            for _, cells in rows
        )

    def _recent(self, measurement: str) -> list[tuple[int, Cells]]:
        """What stands of `measurement`, newest first, without what is gone."""
        kept = sorted(self._kept[measurement].values(), key=lambda row: row[0], reverse=True)
        return [
            (
                at_ms,
                dict(zip(tags, tag_values, strict=False)) | dict(zip(fields, field_values, strict=False)),
            )
            for at_ms, tags, fields, tag_values, field_values in kept
            if at_ms >= kept[0][0] - STALE_MS
        ]

    def _uptime(self) -> float | None:
        """By the newest word on it, be it a sample's or the birth's."""
        words = [(at_ms, _number(cells.get("uptime_s"))) for at_ms, cells in self._recent("system")[:1]]
        if self._birth is not None:
            words.append((self._birth.at, self._birth.uptime_s))
        return max(words, key=lambda word: word[0])[1] if words else None

    def _reachability(self) -> dict[str, Reach]:
        """By scope. Where addresses are probed they speak for the line, and names and pages do not."""
        by_scope: dict[str, dict[tuple[Cell, Cell], tuple[int, Cells]]] = {}
        for at_ms, cells in self._recent("reachability"):
            targets = by_scope.setdefault(str(cells.get("scope") or ""), {})
            # Newest first: after a switch to the backup the answers over the other uplink are old news.
            targets.setdefault((cells.get("method"), cells.get("target")), (at_ms, cells))
        return {
            scope: min((_reach(*row) for row in _by_address(list(targets.values()))), key=_rank)
            for scope, targets in by_scope.items()
        }

    def _uplink(self) -> UplinkNow | None:
        for at_ms, cells in self._recent("wan"):
            if cells.get("active"):
                name = str(cells.get("uplink") or "")
                return UplinkNow(
                    at_ms,
                    name,
                    str(cells.get("role") or "primary"),
                    str(cells.get("technology") or "unknown"),
                    str(cells.get("interface") or name),
                )
        return None

    def _traffic(self, uplink: UplinkNow | None) -> Traffic | None:
        """Traffic of the uplink in use; where that cannot be told, of the only interface there is."""
        rows = self._recent("interface")
        if uplink is not None:
            names = {uplink.name, uplink.interface}
            rows = [row for row in rows if row[1].get("name") in names] or rows
        if len(rows) != 1:
            return None
        at_ms, cells = rows[0]
        return Traffic(at_ms, _number(cells.get("rx_bps")), _number(cells.get("tx_bps")))


def _forget_before(kept: dict[tuple[str | None, ...], _Kept], at_ms: int) -> None:
    for key in [key for key, row in kept.items() if row[0] < at_ms]:
        del kept[key]


def _by_address(rows: list[tuple[int, Cells]]) -> list[tuple[int, Cells]]:
    return [row for row in rows if row[1].get("method") in {"icmp", "tcp"}] or rows


def _reach(at_ms: int, cells: Cells) -> Reach:
    return Reach(
        at_ms,
        bool(cells.get("up")),
        _number(cells.get("rtt_ms")),
        _number(cells.get("jitter_ms")),
        _number(cells.get("loss_ratio")),
    )


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, (int, float)) else None


def _rank(reach: Reach) -> tuple[bool, float]:
    return (not reach.up, reach.rtt_ms if reach.rtt_ms is not None else float("inf"))
