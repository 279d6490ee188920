"""What a message proves: small immutable records, made once a message and handed to the engine.

Nothing is decided here. Each record carries two times: `received_ms`, the collector's clock at receipt, on
which deadlines run, and where it has them the agent's own times, which say when something was so.
Retained copies are old news: they may tell a session's number or a goodbye, and are never a heartbeat.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import NamedTuple

from schoolpulse.contract.models import Birth, Block, Reply, State, Telemetry
from schoolpulse.messages import Link, Received

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


class Heard(NamedTuple):
    """An agent's batch. `timed` is False where its clock was not set, so that no sample's time counts.

    `boot_ms` is when the machine booted by the agent's clock, where the batch tells.
    """

    received_ms: int
    agent_id: str
    sent_ms: int
    stream: str
    seq: int
    boot: str
    timed: bool
    boot_ms: int | None
    probes: tuple[ProbeSeen, ...]
    uplinks: tuple[UplinkSeen, ...]
    devices_down: tuple[DeviceDown, ...]
    devices_up: tuple[DeviceUp, ...]
    speeds: tuple[SpeedSeen, ...]


class Online(NamedTuple):
    """An agent says that it is connected (`state`, `birth`), or answers a command (`session` None)."""

    received_ms: int
    agent_id: str
    at_ms: int | None
    boot: str
    session: int | None
    uptime_s: float | None
    retained: bool


class Will(NamedTuple):
    """The broker says that the session ended without a goodbye."""

    received_ms: int
    agent_id: str
    boot: str
    session: int
    retained: bool


class PlannedStop(NamedTuple):
    """The agent said goodbye, and why (``shutdown``, ``update``, ``reboot``)."""

    received_ms: int
    agent_id: str
    at_ms: int | None
    boot: str
    session: int
    reason: str
    retained: bool


class OwnLink(NamedTuple):
    """The collector's own connection to the broker came up or went down.

    `restarted`: this is the first word of a new run; nobody listened since whatever came before it.
    """

    received_ms: int
    connected: bool
    restarted: bool = False


Evidence = Heard | Online | Will | PlannedStop | OwnLink


def evidence_of(message: Received) -> Evidence | None:
    """What `message` proves; None where it proves nothing."""
    body = message.body
    if isinstance(body, Telemetry):
        # A batch is never retained by the contract; one that is, is nobody's sign of life.
        return None if message.retained else _heard(message, body)
    if isinstance(body, State):
        return _state(message, body)
    if isinstance(body, Birth):
        return Online(
            message.received_ms,
            message.agent_id,
            body.at,
            body.boot,
            body.session,
            body.uptime_s,
            message.retained,
        )
    if isinstance(body, Link):
        return OwnLink(message.received_ms, body.connected)
    return _reply(message, body)


def _state(message: Received, body: State) -> Evidence:
    received_ms, agent_id = message.received_ms, message.agent_id
    if body.online:
        return Online(received_ms, agent_id, body.at, body.boot, body.session, None, message.retained)
    if body.reason is not None:
        return PlannedStop(
            received_ms, agent_id, body.at, body.boot, body.session, body.reason, message.retained
        )
    return Will(received_ms, agent_id, body.boot, body.session, message.retained)


def _reply(message: Received, body: Reply) -> Evidence | None:
    if message.retained:
        return None
    return Online(message.received_ms, message.agent_id, body.at, "", None, None, retained=False)


def _heard(message: Received, body: Telemetry) -> Heard:
    timed = body.clock != "unsynced"
    if not body.blocks:  # a heartbeat and no more
        head = (message.received_ms, message.agent_id, body.sent_at, body.stream, body.seq, body.boot, timed)
        return Heard(*head, None, (), (), (), (), ())
    probes: list[ProbeSeen] = []
    uplinks: list[UplinkSeen] = []
    down: list[DeviceDown] = []
    up: list[DeviceUp] = []
    speeds: list[SpeedSeen] = []
    boot_ms: int | None = None
    for block in body.blocks:
        name = block.m
        if name == "reachability":
            _probes(block, probes)
        elif name == "wan":
            _uplinks(block, uplinks)
        elif name == "system":
            boot_ms = _boot_ms(block) or boot_ms
        elif name == "device":
            _devices(block, down, up)
        elif name == "speedtest":
            _speeds(block, speeds)
    return Heard(
        message.received_ms,
        message.agent_id,
        body.sent_at,
        body.stream,
        body.seq,
        body.boot,
        timed,
        boot_ms,
        tuple(probes),
        tuple(uplinks),
        tuple(down),
        tuple(up),
        tuple(speeds),
    )


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


def _probes(block: Block, out: list[ProbeSeen]) -> None:
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


def _uplinks(block: Block, out: list[UplinkSeen]) -> None:
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


def _devices(block: Block, down: list[DeviceDown], up: list[DeviceUp]) -> None:
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


def _speeds(block: Block, out: list[SpeedSeen]) -> None:
    (role, down, up), rows = _rows(block, ("role", "down_mbps", "up_mbps"))
    for at_ms, cells in rows:
        out.append(SpeedSeen(at_ms, str(cells[role] or "primary"), _number(cells[down]), _number(cells[up])))


def _boot_ms(block: Block) -> int | None:
    (uptime,), rows = _rows(block, ("uptime_s",))
    found: int | None = None
    for at_ms, cells in rows:
        uptime_s = _number(cells[uptime])
        found = found if uptime_s is None else at_ms - round(uptime_s * 1000)
    return found


def _number(cell: Cell) -> float | None:
    return float(cell) if isinstance(cell, (int, float)) else None
