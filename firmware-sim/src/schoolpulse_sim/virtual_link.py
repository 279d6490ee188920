"""An agent's connection in virtual time, and what a collector at the broker's other end would record.

It behaves as a broker and TCP do: a connection that falls silent is found dead after one and a half
keepalives, and then its will is published; what was sent into a short silence arrives after it. A new
connection of the same client takes the old one's place without a will.
"""

from __future__ import annotations

from typing import NamedTuple

from schoolpulse_agent import wire
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.sender import Agent
from schoolpulse_sim.timing import SECOND

NEVER = 2**63
CONNECT_TIMEOUT_MS = 10 * SECOND
CONFIRM_MS = 600
CONFIRM_EVERY = 16
"""Confirms are handed over in groups; a lost connection hands over what there is."""
CONFIRM_LATER_MS = 60 * SECOND
MAX_PENDING = 200


class Delivered(NamedTuple):
    """One message as it reaches the collector's side."""

    at_ms: int
    kind: wire.Kind
    payload: bytes
    retain: bool = False


class VirtualLink:
    """The transport of one agent in virtual time.

    Args:
        chance: for delays.
        keepalive_ms: as the agent tells the broker.
    """

    __slots__ = (
        "_chance",
        "_confirm_ms",
        "_keepalive_ms",
        "_last_ms",
        "_lost_ms",
        "_open",
        "_opened_ms",
        "_passable",
        "_pending",
        "_sent",
        "_silent",
        "_uplink",
        "_will",
        "_will_ms",
        "gateway",
        "out",
    )

    def __init__(self, chance: Chance, keepalive_ms: int) -> None:
        self.gateway: Agent | None = None
        self.out: list[Delivered] = []
        """What was delivered, about in the order of time; whoever drives takes it away."""
        self._chance = chance
        self._keepalive_ms = keepalive_ms
        self._passable: frozenset[str] = frozenset()
        self._uplink = ""
        self._open = self._silent = False
        self._opened_ms = self._lost_ms = self._will_ms = self._confirm_ms = NEVER
        self._will = b""
        self._last_ms = 0
        self._pending: list[tuple[wire.Kind, bytes, int]] = []
        self._sent: list[tuple[int, int]] = []

    # ---- what the gateway asks for

    def open(self, at_ms: int, uplink: str, will: bytes) -> None:
        """Connect; over a dead uplink the attempt times out."""
        self._uplink = uplink
        self._silent = False
        self._pending = []
        if uplink in self._passable:
            self._opened_ms = at_ms + 60 + int(self._chance.random() * 300)
            self._will, self._will_ms = will, NEVER  # the new connection takes the old one's place
        else:
            self._lost_ms = at_ms + CONNECT_TIMEOUT_MS

    def publish(self, at_ms: int, kind: wire.Kind, payload: bytes) -> None:
        """Deliver after a little while, or hold while the line is silent."""
        if not self._open:
            return
        seq = self.gateway.spooled.latest if kind is wire.Kind.TELEMETRY and self.gateway else 0
        if self._silent:
            if len(self._pending) < MAX_PENDING:
                self._pending.append((kind, payload, seq))
            return
        self._deliver(at_ms + 15 + int(self._chance.random() * 40), kind, payload, seq)

    def close(self, at_ms: int) -> None:
        """DISCONNECT: no will, where it gets through."""
        self._confirm(at_ms)
        if not self._silent:
            self._will_ms = NEVER
        self._end()

    def vanish(self, at_ms: int) -> None:
        """Silence for good; the broker notices by its keepalive."""
        if self._open and not self._silent:
            self._will_ms = self._noticed_ms(at_ms)
        self._confirm(at_ms)
        self._end()

    def passable(self, at_ms: int, uplinks: frozenset[str]) -> None:
        """The line falls silent under a connection, or carries it again."""
        self._passable = uplinks
        passes = self._uplink in uplinks
        if self._opened_ms != NEVER and not passes:
            self._opened_ms, self._lost_ms = NEVER, at_ms + CONNECT_TIMEOUT_MS
        elif self._open and not passes and not self._silent:
            self._confirm(at_ms)
            self._silent = True
            self._will_ms = self._noticed_ms(at_ms)
            self._lost_ms = at_ms + self._keepalive_ms * 3 // 2
        elif self._open and passes and self._silent:
            self._speak_again(at_ms)

    # ---- what the driver asks for

    @property
    def next_ms(self) -> int:
        """When `advance` has something to do next."""
        return min(self._opened_ms, self._lost_ms, self._will_ms, self._confirm_ms)

    def advance(self, now_ms: int) -> None:
        """Do what is due at `now_ms`."""
        gateway = self.gateway
        if gateway is None:
            return
        if self._confirm_ms <= now_ms:
            self._confirm(now_ms)
        if self._will_ms <= now_ms:
            self._will_ms = NEVER
            if gateway.conditions.broker:  # a broker that is itself gone publishes no will
                self.out.append(Delivered(now_ms, wire.Kind.STATE, self._will))
        if self._opened_ms <= now_ms:
            self._opened_ms = NEVER
            self._open = True
            self._last_ms = now_ms
            gateway.opened(now_ms)
        if self._lost_ms <= now_ms:
            self._end()
            gateway.lost(now_ms)

    # ---- inside

    def _noticed_ms(self, at_ms: int) -> int:
        """When the broker notices: it last heard a message or a ping."""
        last_ms = at_ms - (at_ms - self._last_ms) % self._keepalive_ms
        return last_ms + self._keepalive_ms * 3 // 2 + int(self._chance.random() * 2 * SECOND)

    def _speak_again(self, at_ms: int) -> None:
        self._silent = False
        self._lost_ms = NEVER
        if self._will_ms == NEVER:  # the broker has given it up meanwhile
            self._lost_ms = at_ms + 200
            return
        self._will_ms = NEVER
        again_ms = at_ms + 200 + int(self._chance.random() * 3 * SECOND)
        pending, self._pending = self._pending, []
        for kind, payload, seq in pending:
            again_ms += 5
            self._deliver(again_ms, kind, payload, seq)

    def _end(self) -> None:
        self._open = self._silent = False
        self._opened_ms = self._lost_ms = NEVER
        self._pending = []

    def _deliver(self, at_ms: int, kind: wire.Kind, payload: bytes, seq: int) -> None:
        at_ms = max(at_ms, self._last_ms + 1)  # one connection keeps its order
        self._last_ms = at_ms
        self.out.append(Delivered(at_ms, kind, payload))
        if seq:
            self._sent.append((at_ms, seq))
            if len(self._sent) == CONFIRM_EVERY:
                self._confirm_ms = at_ms + CONFIRM_MS

    def _confirm(self, now_ms: int) -> None:
        """Tell the agent, late but in time for what it has to know, what the collector has."""
        self._confirm_ms = NEVER
        gateway = self.gateway
        if gateway is None:
            return
        if not gateway.conditions.collector:
            self._confirm_ms = now_ms + CONFIRM_LATER_MS
            return
        done = tuple((seq, seq) for at_ms, seq in self._sent if at_ms + CONFIRM_MS <= now_ms)
        if done:
            self._sent = [(at_ms, seq) for at_ms, seq in self._sent if at_ms + CONFIRM_MS > now_ms]
            gateway.confirmed(now_ms, wire.Confirm(gateway.spooled.stream, 0, done))
