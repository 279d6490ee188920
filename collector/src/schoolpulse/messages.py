"""What travels from the journal to the sinks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schoolpulse.contract.decode import Decoded, address
from schoolpulse.contract.models import Birth, Reply, State, Telemetry
from schoolpulse.errors import Rejected, RejectedBatch
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind


@dataclass(frozen=True, slots=True)
class Link:
    """The collector's own connection to the broker came up or went down; journalled like a message."""

    connected: bool


@dataclass(frozen=True, slots=True)
class Sign:
    """A batch that was refused for its content: that is in quarantine, and that its agent spoke stays known.

    What of its head could be read: `seq` is 0, `sent_at` None, a name empty where it could not.
    """

    stream: str = ""
    seq: int = 0
    sent_at: int | None = None
    boot: str = ""

    def dumps(self) -> bytes:
        """As the journal holds it."""
        return wire.dumps([self.stream, self.seq, self.sent_at, self.boot])

    @classmethod
    def loads(cls, payload: bytes) -> Sign:
        """What `dumps` wrote."""
        return cls(*json.loads(payload))


def sign_of(topic: str, verdict: Decoded | Rejected) -> tuple[str, Sign] | None:
    """Who spoke, and what is known of it, where a batch is refused; None where `topic` is not one of batches.

    `verdict` is what decoding gave: the reason why not, or the batch that was refused for something else.
    The broker has made sure that the agent is the one that the topic names; what it says is another matter.
    """
    try:
        agent_id, kind = address(topic)
    except Rejected:
        return None
    if kind is not Kind.TELEMETRY:
        return None
    head = verdict.body if isinstance(verdict, Decoded) else verdict
    if isinstance(head, Telemetry | RejectedBatch):
        return agent_id, Sign(head.stream, head.seq, head.sent_at, head.boot)
    return agent_id, Sign()


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
    body: Telemetry | State | Birth | Reply | Link | Sign
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
