"""What a bad message is to the tests, and a good batch to spoil."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from schoolpulse.contract.reasons import Reason

NOW_MS = 1_790_000_000_000
AGENT = "thcs-a"
TELEMETRY = f"schoolpulse/v1/{AGENT}/telemetry"


@dataclass(frozen=True)
class Case:
    """One bad message. `named` says that it still names its stream and number, so that it is confirmed."""

    name: str
    topic: str
    payload: bytes
    reason: Reason
    named: bool = False


def batch(number: int = 1, /, *, now_ms: int = NOW_MS, **changes: Any) -> dict[str, Any]:
    """A good batch of two rows, or with `changes` a bad one."""
    block = {
        "m": "reachability",
        "tags": ["target", "scope"],
        "fields": ["up", "rtt_ms", "note"],
        "rows": [
            [now_ms, ["vnix-hcm", "national"], [1, 4.2, "ok"]],
            [now_ms - 1000, ["vnix-hcm", None], [0, None, "Trường Gò Vấp"]],
        ],
    }
    head = {
        "v": 1,
        "stream": "good",
        "seq": number,
        "boot": "b1",
        "clock": "synced",
        "sent_at": now_ms,
        "blocks": [block],
    }
    return head | changes


def dumps(message: Any) -> bytes:
    """JSON as a careless sender writes it, NaN included."""
    return json.dumps(message).encode()


def any_of(*values: Any) -> tuple[Any, ...]:
    """The values, of whatever types."""
    return values


def make(name: str, message: Any, reason: Reason, *, named: bool = True, topic: str = TELEMETRY) -> Case:
    """A case with a message as JSON, or with bytes as they are."""
    return Case(name, topic, message if isinstance(message, bytes) else dumps(message), reason, named)
