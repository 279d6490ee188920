"""What a message proves: small immutable records, made once a message and handed to the engine.

Nothing is decided here. Each record carries two times: `received_ms`, the collector's clock at receipt, on
which deadlines run, and where it has them the agent's own times, which say when something was so.
Retained copies are old news: they may tell a session's number or a goodbye, and are never a heartbeat.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import NamedTuple

from schoolpulse.contract.models import Birth, Block, Reply, State, Telemetry
from schoolpulse.messages import Link, Received

Cells = Sequence[float | int | bool | str | None]


class ProbeSeen(NamedTuple):
    """One answer, or its absence, to one probe.

    `check` is ``address`` (icmp, tcp), ``dns`` or ``http``; `role` says over which uplink it went where the
    agent binds its probes, else it is empty. `captive` is True where the answer was not what was asked.
    """

    at_ms: int
    scope: str
    check: str
    target: str
    role: str
    up: bool
    captive: bool
    loss_ratio: float | None
    rtt_ms: float | None


class UplinkSeen(NamedTuple):
    """One uplink at one moment; None is what the agent does not know."""

    at_ms: int
    role: str
    active: bool | None
    carrier: bool | None


class DeviceSeen(NamedTuple):
    """A device behind the gateway at one moment; `parent` is the device it hangs on, or empty."""

    at_ms: int
    device: str
    kind: str
    parent: str
    up: bool


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
    devices: tuple[DeviceSeen, ...]
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
    """The collector's own connection to the broker came up or went down."""

    received_ms: int
    connected: bool


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
    probes: list[ProbeSeen] = []
    uplinks: list[UplinkSeen] = []
    devices: list[DeviceSeen] = []
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
            _devices(block, devices)
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
        tuple(devices),
        tuple(speeds),
    )


Reader = Callable[[Cells, Cells], "float | int | bool | str | None"]


def _nothing(_tags: Cells, _fields: Cells) -> None:
    return None


@lru_cache(maxsize=512)
def _readers(tags: tuple[str, ...], fields: tuple[str, ...], names: tuple[str, ...]) -> tuple[Reader, ...]:
    """For each of `names` a function from a row's cells to the value, be it a tag, a field or absent."""

    def reader(name: str) -> Reader:
        if name in fields:
            column = fields.index(name)
            return lambda _tags, cells: cells[column] if column < len(cells) else None
        if name in tags:
            column = tags.index(name)
            return lambda cells, _fields: cells[column] if column < len(cells) else None
        return _nothing

    return tuple(reader(name) for name in names)


def _plan(block: Block, names: tuple[str, ...]) -> tuple[Reader, ...]:
    return _readers(tuple(block.tags), tuple(block.fields), names)


_PROBE = ("scope", "method", "target", "role", "up", "captive", "loss_ratio", "rtt_ms")
_CHECKS = {"icmp": "address", "tcp": "address", "dns": "dns", "http": "http", "https": "http"}


def _probes(block: Block, out: list[ProbeSeen]) -> None:
    scope, method, target, role, up, captive, loss, rtt = _plan(block, _PROBE)
    for at_ms, tags, fields in block.rows:
        answered = up(tags, fields)
        if answered is None:
            continue
        out.append(
            ProbeSeen(
                at_ms,
                str(scope(tags, fields) or ""),
                _CHECKS.get(str(method(tags, fields)), "address"),
                str(target(tags, fields) or ""),
                str(role(tags, fields) or ""),
                bool(answered),
                bool(captive(tags, fields)),
                _number(loss(tags, fields)),
                _number(rtt(tags, fields)),
            )
        )


def _uplinks(block: Block, out: list[UplinkSeen]) -> None:
    role, active, carrier = _plan(block, ("role", "active", "carrier"))
    for at_ms, tags, fields in block.rows:
        out.append(
            UplinkSeen(
                at_ms,
                str(role(tags, fields) or "primary"),
                _truth(active(tags, fields)),
                _truth(carrier(tags, fields)),
            )
        )


def _devices(block: Block, out: list[DeviceSeen]) -> None:
    device, kind, parent, up = _plan(block, ("device", "kind", "parent", "up"))
    for at_ms, tags, fields in block.rows:
        name, state = device(tags, fields), up(tags, fields)
        if name and state is not None:
            out.append(
                DeviceSeen(
                    at_ms,
                    str(name),
                    str(kind(tags, fields) or ""),
                    str(parent(tags, fields) or ""),
                    bool(state),
                )
            )


def _speeds(block: Block, out: list[SpeedSeen]) -> None:
    role, down, up = _plan(block, ("role", "down_mbps", "up_mbps"))
    for at_ms, tags, fields in block.rows:
        out.append(
            SpeedSeen(
                at_ms,
                str(role(tags, fields) or "primary"),
                _number(down(tags, fields)),
                _number(up(tags, fields)),
            )
        )


def _boot_ms(block: Block) -> int | None:
    (uptime,) = _plan(block, ("uptime_s",))
    at_ms, tags, fields = block.rows[-1]
    uptime_s = _number(uptime(tags, fields))
    return None if uptime_s is None else at_ms - round(uptime_s * 1000)


def _number(cell: float | bool | str | None) -> float | None:
    return float(cell) if isinstance(cell, (int, float)) else None


def _truth(cell: float | bool | str | None) -> bool | None:
    return None if cell is None else bool(cell)
