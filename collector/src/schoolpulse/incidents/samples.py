"""What the samples of a batch say that concerns incidents: rows of the contract made small records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from schoolpulse.contract.models import Block

Cell = float | int | bool | str | None


class ProbeSeen(NamedTuple):
    """One answer, or its absence, to one probe.

    `check` is ``address`` (icmp, tcp), ``dns`` or ``http``; `uplink` names the one it went over, where the
    agent tells. `captive` is True where the answer was not what was asked.
    """

    at_ms: int
    scope: str
    check: str
    target: str
    uplink: str
    up: bool
    captive: bool
    loss_ratio: float | None
    rtt_ms: float | None


class UplinkSeen(NamedTuple):
    """One uplink at one moment; None is what the agent does not know."""

    at_ms: int
    name: str
    role: str
    active: bool | None
    carrier: bool | None


class DeviceDown(NamedTuple):
    """A device behind the gateway that does not answer; `parent` is the one it hangs on, or empty."""

    at_ms: int
    device: str
    parent: str


class DeviceUp(NamedTuple):
    """A device behind the gateway that answers, and when it was switched on where it tells."""

    device: str
    booted_ms: int | None


class SpeedSeen(NamedTuple):
    """One speed test over the uplink in that role, in Mbit/s."""

    at_ms: int
    role: str
    down_mbps: float | None
    up_mbps: float | None


@lru_cache(maxsize=512)
def _columns(tags: tuple[str, ...], fields: tuple[str, ...], names: tuple[str, ...]) -> tuple[int, ...]:
    """Where each of `names` stands in a row's cells, tags before fields; -1, an added None, where nowhere."""
    cells = (*tags, *fields)
    return tuple(cells.index(name) if name in cells else -1 for name in names)


def _rows(block: Block, names: tuple[str, ...]) -> tuple[tuple[int, ...], Iterator[tuple[int, list[Cell]]]]:
    """The columns of `names`, and each row's time and cells. Rows of another width are passed over."""
    wide, deep = len(block.tags), len(block.fields)
    columns = _columns(tuple(block.tags), tuple(block.fields), names)
    return columns, (
        (at_ms, [*tags, *fields, None])
        for at_ms, tags, fields in block.rows
        if len(tags) == wide and len(fields) == deep
    )


_PROBE = ("scope", "method", "target", "uplink", "up", "captive", "loss_ratio", "rtt_ms")
_CHECKS: Mapping[Cell, str] = {"dns": "dns", "http": "http", "https": "http"}


def probes(block: Block, out: list[ProbeSeen]) -> None:
    # The hot loop of the room: a batch is mostly this. Calls are what costs, so there are few.
    wide, deep = len(block.tags), len(block.fields)
    scope, method, target, uplink, up, captive, loss, rtt = _columns(
        tuple(block.tags), tuple(block.fields), _PROBE
    )
    # Names are tags, and so are text; a field of that name is somebody else's.
    scope, target, uplink = (column if column < wide else -1 for column in (scope, target, uplink))
    check_of, append = _CHECKS.get, out.append
    for at_ms, tags, fields in block.rows:
        cells = [*tags, *fields, None]
        answered = cells[up]
        if answered is None or len(tags) != wide or len(fields) != deep:
            continue
        loss_ratio, rtt_ms = cells[loss], cells[rtt]
        append(
            ProbeSeen(
                at_ms,
                cells[scope] or "",  # type: ignore[arg-type]  # a text tag of the contract
                check_of(cells[method], "address"),
                cells[target] or "",  # type: ignore[arg-type]  # the same
                cells[uplink] or "",  # type: ignore[arg-type]  # the same
                answered != 0,
                captive >= 0 and bool(cells[captive]),
                loss_ratio if loss_ratio.__class__ is float else _number(loss_ratio),
                rtt_ms if rtt_ms.__class__ is float else _number(rtt_ms),
            )
        )


def uplinks(block: Block, out: list[UplinkSeen]) -> None:
    (name, role, active, carrier), rows = _rows(block, ("uplink", "role", "active", "carrier"))
    for at_ms, cells in rows:
        used, linked = cells[active], cells[carrier]
        out.append(
            UplinkSeen(
                at_ms,
                str(cells[name] or ""),
                str(cells[role] or "primary"),
                None if used is None else bool(used),
                None if linked is None else bool(linked),
            )
        )


def devices(block: Block, down: list[DeviceDown], up: list[DeviceUp]) -> None:
    (device, parent, is_up, uptime), rows = _rows(block, ("device", "parent", "up", "uptime_s"))
    for at_ms, cells in rows:
        name, answered = cells[device], cells[is_up]
        if not name or answered is None:
            continue
        if answered:
            uptime_s = cells[uptime]
            booted_ms = at_ms - round(uptime_s * 1000) if isinstance(uptime_s, (int, float)) else None
            up.append(DeviceUp(str(name), booted_ms))
        else:
            down.append(DeviceDown(at_ms, str(name), str(cells[parent] or "")))


def speeds(block: Block, out: list[SpeedSeen]) -> None:
    (role, down, up), rows = _rows(block, ("role", "down_mbps", "up_mbps"))
    for at_ms, cells in rows:
        out.append(SpeedSeen(at_ms, str(cells[role] or "primary"), _number(cells[down]), _number(cells[up])))


def boot_ms(block: Block) -> int | None:
    (uptime,), rows = _rows(block, ("uptime_s",))
    found: int | None = None
    for at_ms, cells in rows:
        uptime_s = _number(cells[uptime])
        found = found if uptime_s is None else at_ms - round(uptime_s * 1000)
    return found


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, (int, float)) else None
