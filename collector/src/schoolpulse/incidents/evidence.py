"""What a message proves: small immutable records, made once a message and handed to the engine.

Nothing is decided here. Each record carries two times: `received_ms`, the collector's clock at receipt, on
which deadlines run, and where it has them the agent's own times, which say when something was so.
Retained copies are old news: they may tell a session's number or a goodbye, and are never a heartbeat.
"""

from __future__ import annotations

from typing import NamedTuple

from schoolpulse.contract.models import Birth, Reply, State, Telemetry
from schoolpulse.incidents import samples
from schoolpulse.incidents.samples import DeviceDown, DeviceUp, ProbeSeen, SpeedSeen, UplinkSeen
from schoolpulse.messages import Link, Received, Sign


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


class Glimpse(NamedTuple):
    """An agent sent something that cannot be read at all, its number and time neither: it may be old."""

    received_ms: int
    agent_id: str


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


Evidence = Heard | Glimpse | Online | Will | PlannedStop | OwnLink


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
    if isinstance(body, Sign):
        return None if message.retained else _sign(message, body)
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


def _sign(message: Received, sign: Sign) -> Evidence:
    """A refused batch: no sample of it counts, and it is as good a sign of life as any other."""
    if not sign.seq or sign.sent_at is None or not sign.boot:
        return Glimpse(message.received_ms, message.agent_id)
    return beat(
        message.received_ms, message.agent_id, sign.sent_at, sign.stream, sign.seq, sign.boot, timed=False
    )


def beat(
    received_ms: int, agent_id: str, sent_ms: int, stream: str, seq: int, boot: str, *, timed: bool
) -> Heard:
    """A batch without samples: a heartbeat and no more."""
    return Heard(received_ms, agent_id, sent_ms, stream, seq, boot, timed, None, (), (), (), (), ())


def _heard(message: Received, body: Telemetry) -> Heard:
    timed = body.clock != "unsynced"
    if not body.blocks:  # a heartbeat and no more
        head = (message.received_ms, message.agent_id, body.sent_at, body.stream, body.seq, body.boot)
        return beat(*head, timed=timed)
    probes: list[ProbeSeen] = []
    uplinks: list[UplinkSeen] = []
    down: list[DeviceDown] = []
    up: list[DeviceUp] = []
    speeds: list[SpeedSeen] = []
    boot_ms: int | None = None
    for block in body.blocks:
        name = block.m
        if name == "reachability":
            samples.probes(block, probes)
        elif name == "wan":
            samples.uplinks(block, uplinks)
        elif name == "system":
            boot_ms = samples.boot_ms(block) or boot_ms
        elif name == "device":
            samples.devices(block, down, up)
        elif name == "speedtest":
            samples.speeds(block, speeds)
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
