"""The sending half of a simulated agent: sessions, patience, the newest first and the backlog after it."""

from __future__ import annotations

from typing import Any, Protocol

from schoolpulse_agent import wire
from schoolpulse_sim.conditions import Conditions
from schoolpulse_sim.meter import PRIMARY
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import AgentSettings
from schoolpulse_sim.spooled import Spooled
from schoolpulse_sim.timing import SECOND

NEVER = 2**63


class Transport(Protocol):
    """The way to the broker, real or virtual."""

    def open(self, at_ms: int, uplink: str, will: bytes) -> None:
        """Begin to connect over `uplink`; `opened` or `lost` follows."""

    def publish(self, at_ms: int, kind: wire.Kind, payload: bytes, /) -> None:
        """Send one message at QoS 1; states and births are retained."""

    def close(self, at_ms: int, /) -> None:
        """Say DISCONNECT: no will."""

    def vanish(self, at_ms: int, /) -> None:
        """Forget the connection without a word: the broker finds out by its keepalive."""

    def passable(self, at_ms: int, uplinks: frozenset[str]) -> None:
        """From now on packets pass over these uplinks and no other."""


class Agent(Protocol):
    """A transport's other end, and what a driver advances."""

    spooled: Spooled
    conditions: Conditions

    @property
    def next_ms(self) -> int:
        """When `advance` has something to do next."""
        ...

    @property
    def connected(self) -> bool:
        """Whether it has a connection, as far as it knows."""
        ...

    @property
    def running(self) -> bool:
        """Whether the agent runs."""
        ...

    def advance(self, now_ms: int, /) -> None:
        """Do everything that is due."""

    def opened(self, now_ms: int, /) -> None:
        """The broker has accepted the connection."""

    def lost(self, now_ms: int, /) -> None:
        """The connection is gone, or could not be made."""

    def confirmed(self, now_ms: int, confirm: wire.Confirm, /) -> None:
        """The collector has these on its disk."""

    def flush(self, now_ms: int, /) -> None:
        """Make no further measurements; what there is becomes the last batch."""

    def stop(self, now_ms: int, /) -> None:
        """End in an orderly way for good."""


class Host(Protocol):
    """What the agent knows of the machine it runs on."""

    boot: str
    active: str

    @property
    def running(self) -> bool:
        """Whether the agent runs."""
        ...

    def stamp(self, at_ms: int) -> int | None:
        """What the machine's clock says; None while it does not know the time."""
        ...

    def birth(self, session: int, at_ms: int) -> dict[str, Any]:
        """What it says it is."""
        ...


class Sender:
    """One agent's connection over all its sessions.

    Args:
        host: the machine.
        settings: of the agent.
        transport: to the broker.
        chance: for the moments of trying again.
        spooled: what is to be sent.
        session: the last number that was used.
    """

    def __init__(
        self,
        *,
        host: Host,
        settings: AgentSettings,
        transport: Transport,
        chance: Chance,
        spooled: Spooled,
        session: int,
    ) -> None:
        self._host = host
        self._settings = settings
        self._transport = transport
        self._chance = chance
        self.spooled = spooled
        self._session = session
        self._tries = 0
        self._uplink = PRIMARY
        self.connected = self.connecting = False
        self.open_ms = self.backlog_ms = NEVER
        """When it next tries to connect, and when it next sends old batches."""

    def advance(self, now_ms: int) -> None:
        """Do what is due."""
        if self.open_ms <= now_ms:
            self._open(now_ms)
        if self.backlog_ms <= now_ms:
            self._send_backlog(now_ms)

    def start(self, at_ms: int) -> None:
        """The agent starts: it connects at `at_ms`."""
        self.open_ms = at_ms
        self._tries = 0

    def forget(self) -> None:
        """There is no connection, and none is tried for."""
        self.connected = self.connecting = False
        self.open_ms = self.backlog_ms = NEVER

    def vanish(self, at_ms: int) -> None:
        """The machine is dead."""
        self._transport.vanish(at_ms)
        self.forget()

    def goodbye(self, at_ms: int) -> None:
        """A planned stop: a last state, DISCONNECT."""
        if self.connected:
            stamp = self._host.stamp(at_ms)
            payload = wire.state_message(False, self._host.boot, self._session, stamp, "shutdown")
            self._transport.publish(at_ms, wire.Kind.STATE, payload)
        self._transport.close(at_ms)
        self.forget()

    def hurry(self, now_ms: int) -> None:
        """The network seems to be back: try about now instead of when the patience is over."""
        if self.open_ms != NEVER:
            self._tries = 0
            self.open_ms = min(self.open_ms, now_ms + int(self._chance.random() * SECOND))

    def follow_route(self, now_ms: int, passable: frozenset[str]) -> None:
        """The default route may have changed: what was sent over the old one may never arrive."""
        if self._host.active == self._uplink or not (self.connected or self.connecting):
            return
        if self._uplink in passable:
            self._transport.close(now_ms)
        else:
            self._transport.vanish(now_ms)
        self.forget()
        self._open(now_ms)

    def opened(self, now_ms: int) -> None:
        """The broker has accepted the connection."""
        if not self.connecting:
            return
        self.connecting, self.connected = False, True
        self._tries = 0
        state = wire.state_message(True, self._host.boot, self._session, self._host.stamp(now_ms))
        self._transport.publish(now_ms, wire.Kind.STATE, state)
        self._transport.publish(now_ms, wire.Kind.BIRTH, wire.dumps(self._host.birth(self._session, now_ms)))
        self.spooled.rewind()
        newest = self.spooled.newest()
        if newest is not None:
            self.send(now_ms, newest)
            self.backlog_ms = now_ms + SECOND

    def lost(self, now_ms: int) -> None:
        """The connection is gone, or could not be made: try again, more and more patiently."""
        self.forget()
        if self._host.running:
            settings = self._settings
            within_ms = min(settings.reconnect_max, settings.reconnect_spread << min(self._tries, 9))
            self._tries += 1
            self.open_ms = now_ms + int(self._chance.random() * within_ms)

    def confirmed(self, now_ms: int, confirm: wire.Confirm) -> None:
        """The collector has these on its disk."""
        self.spooled.confirm(confirm)
        if self.connected and self.backlog_ms == NEVER and self.spooled.waiting(now_ms):
            self.backlog_ms = now_ms + SECOND

    def send(self, now_ms: int, seq: int) -> None:
        """Send one batch now."""
        stamp = self._host.stamp(now_ms)
        payload = self.spooled.message(seq, now_ms, now_ms if stamp is None else stamp)
        self._transport.publish(now_ms, wire.Kind.TELEMETRY, payload)

    def _open(self, now_ms: int) -> None:
        self.open_ms = NEVER
        self._session += 1
        self.connecting = True
        self._uplink = self._host.active
        will = wire.state_message(False, self._host.boot, self._session)
        self._transport.open(now_ms, self._uplink, will)

    def _send_backlog(self, now_ms: int) -> None:
        self.backlog_ms = NEVER
        if not self.connected:
            return
        for seq in self.spooled.take(self._settings.backlog_per_s):
            self.send(now_ms, seq)
        if self.spooled.waiting(now_ms):
            self.backlog_ms = now_ms + SECOND


class Connected:
    """An agent whose transport talks to its `sender`."""

    sender: Sender

    @property
    def connected(self) -> bool:
        """Whether the agent has a connection, as far as it knows."""
        return self.sender.connected

    def opened(self, now_ms: int) -> None:
        """The broker has accepted the connection."""
        self.sender.opened(now_ms)

    def lost(self, now_ms: int) -> None:
        """The connection is gone, or could not be made."""
        self.sender.lost(now_ms)

    def confirmed(self, now_ms: int, confirm: wire.Confirm) -> None:
        """The collector has these on its disk."""
        self.sender.confirmed(now_ms, confirm)
