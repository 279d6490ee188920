"""Messages as agents send them, for the tests of the ingest."""

from __future__ import annotations

from typing import Any

from schoolpulse.ingest.incoming import Incoming
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

NOW_MS = 1_790_000_000_000


def telemetry(
    seq: int,
    *,
    agent: str = "a",
    stream: str = "s",
    at_ms: int = NOW_MS,
    rows: int = 1,
    discarded_through: int | None = None,
) -> tuple[str, bytes]:
    """Topic and payload of a batch."""
    block = {
        "m": "wan",
        "tags": ["uplink"],
        "fields": ["up"],
        "rows": [[at_ms - row, ["wan"], [seq]] for row in range(rows)],
    }
    body = wire.telemetry_body("boot", "synced", [block])
    return (
        wire.topic(agent, Kind.TELEMETRY),
        wire.telemetry_message(stream, seq, at_ms, body, discarded_through),
    )


def incoming(seq: int, *, received_ms: int = NOW_MS, **how: Any) -> Incoming:
    """A batch as the committer hands it to the journal."""
    topic, payload = telemetry(seq, **how)
    return Incoming.of(topic, payload, received_ms)


def state(
    *, online: bool = True, session: int = 1, agent: str = "a", received_ms: int = NOW_MS, **how: Any
) -> Incoming:
    """A state; `how` may say ``retained`` or ``again``."""
    payload = wire.state_message(online, "boot", session)
    return Incoming.of(wire.topic(agent, Kind.STATE), payload, received_ms, **how)
