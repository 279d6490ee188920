"""What travels from the journal to the sinks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schoolpulse.contract.models import Birth, Reply, State, Telemetry


@dataclass(frozen=True, slots=True)
class Link:
    """The collector's own connection to the broker came up or went down; journalled like a message."""

    connected: bool


@dataclass(frozen=True, slots=True)
class Received:
    """One message as the journal holds it, decoded.

    `position` is the journal's own number: ascending, never reused. `received_ms` is the collector's
    clock at receipt and never runs backwards along positions. `agent_id` is empty for a `Link`.
    `retained` marks the broker's copy of an old state or birth, sent because we (re)subscribed.
    """

    position: int
    received_ms: int
    agent_id: str
    body: Telemetry | State | Birth | Reply | Link
    retained: bool = False


class Sink(Protocol):
    """Something that reads the journal from its own persisted cursor."""

    @property
    def name(self) -> str:
        """Names the sink in logs, metrics and the journal's cursor table."""
        ...

    def position(self) -> int:
        """The last journal position whose effect is durable here; 0 at first."""
        ...

    def process(self, messages: Sequence[Received], through: int) -> None:
        """Take `messages` and make their effect, and the position `through`, durable before returning.

        May see messages again that it took before a crash, and must not count them twice.

        Raises:
            SinkUnavailable: nothing was taken; the same messages come again later.
        """
        ...

    def idle(self, now_ms: int) -> None:
        """Called when the journal holds nothing newer and no message received before `now_ms` can come."""
        ...
