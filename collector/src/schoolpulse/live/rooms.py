"""Classrooms' own agents as they are now: whether the machine is on, used, and hears its access point.

A classroom's machine is switched off every evening: its silence says so and nothing else (decision 0107).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from schoolpulse.contract.models import Block, State
from schoolpulse.registry.models import Classroom

Cell = float | int | bool | str | None
Cells = Mapping[str, Cell]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomNow:
    """A classroom's agent as it is now. Times are milliseconds since 1970, UTC.

    `online` is None where nothing was heard of it since the collector began; `since_ms` is when it was
    switched on or off, None where that was before. What a machine that is off cannot say is None.
    """

    agent_id: str
    name: str
    online: bool | None = None
    since_ms: int | None = None
    heard_ms: int | None = None
    uptime_s: float | None = None
    display_on: bool | None = None
    in_use: bool | None = None
    in_use_since_ms: int | None = None
    used_ratio: float | None = None
    signal_dbm: float | None = None


class Presence:
    """Whether an agent is connected, by its states, its wills and that it speaks.

    A will of a session that a later one has followed is old news.
    """

    __slots__ = ("_boot", "_session", "online", "since_ms")

    def __init__(self) -> None:
        self._boot = ""
        self._session = 0
        self.online: bool | None = None
        self.since_ms: int | None = None

    def take(self, state: State, received_ms: int, *, retained: bool) -> None:
        """A state, or the broker's will. A retained one is as old as it says, a will says nothing."""
        if state.at is None and state.boot == self._boot and state.session < self._session:
            return
        self._boot, self._session = state.boot, state.session
        at_ms = state.at if retained else received_ms
        self._become(state.online, at_ms)

    def spoke(self, received_ms: int) -> None:
        """A measurement came straight from the agent: it is there, whatever was said last."""
        self._become(True, received_ms)

    def _become(self, online: bool, at_ms: int | None) -> None:
        if online is not self.online:
            self.online, self.since_ms = online, at_ms


class Usage:
    """Since when a machine is in use, or is not any more; None where it was so when it was first heard."""

    __slots__ = ("_at_ms", "_in_use", "since_ms")

    def __init__(self) -> None:
        self._at_ms = 0
        self._in_use: bool | None = None
        self.since_ms: int | None = None

    def take(self, block: Block, received_ms: int) -> None:
        """Rows of ``classroom``; those older than what is known are passed over."""
        if "in_use" not in block.fields:
            return
        place = block.fields.index("in_use")
        for at_ms, _, values in sorted(block.rows, key=lambda row: row[0]):
            if at_ms < self._at_ms:
                continue
            self._at_ms = min(at_ms, received_ms)
            in_use = None if values[place] is None else bool(values[place])
            if in_use is not self._in_use:
                self.since_ms = None if self._in_use is None else self._at_ms
                self._in_use = in_use


def room_now(
    room: Classroom,
    presence: Presence,
    usage: Usage | None,
    heard_ms: int | None,
    rows: Mapping[str, Sequence[Cells]],
) -> RoomNow:
    """`room` by what its agent said; `rows` are the newest of ``classroom`` and ``wifi``, newest first."""
    if not presence.online:
        return RoomNow(
            agent_id=room.agent_id,
            name=room.name,
            online=presence.online,
            since_ms=presence.since_ms,
            heard_ms=heard_ms,
        )
    machine: Cells = next(iter(rows["classroom"]), {})
    signals = [
        level for level in (_number(cells.get("signal_dbm")) for cells in rows["wifi"]) if level is not None
    ]
    in_use = _flag(machine.get("in_use"))
    return RoomNow(
        agent_id=room.agent_id,
        name=room.name,
        online=True,
        since_ms=presence.since_ms,
        heard_ms=heard_ms,
        uptime_s=_number(machine.get("uptime_s")),
        display_on=_flag(machine.get("display_on")),
        in_use=in_use,
        in_use_since_ms=usage.since_ms if usage is not None and in_use is not None else None,
        used_ratio=_number(machine.get("used_ratio")),
        signal_dbm=max(signals, default=None),
    )


def _flag(cell: Cell) -> bool | None:
    return None if cell is None else bool(cell)


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, (int, float)) else None
