"""What the journal is asked to keep, and what became of it."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

from schoolpulse.contract.decode import Decoded, decode
from schoolpulse.errors import Rejected
from schoolpulse.messages import Link


class Incoming(NamedTuple):
    """One message as it came in, with what decoding it gave.

    `again` marks the broker's second delivery of a message (MQTT's DUP flag): what the journal already
    has is not taken twice. `size` is the payload's length where `payload` was cut short.
    """

    topic: str
    payload: bytes
    received_ms: int
    verdict: Decoded | Rejected | Link
    retained: bool = False
    again: bool = False
    size: int = 0

    @classmethod
    def of(
        cls, topic: str, payload: bytes, received_ms: int, *, retained: bool = False, again: bool = False
    ) -> Incoming:
        """Decode `payload`; what breaks the contract becomes an entry for quarantine."""
        verdict: Decoded | Rejected
        try:
            verdict = decode(topic, payload, received_ms)
        except Rejected as rejected:
            verdict = rejected
        return cls(topic, payload, received_ms, verdict, retained, again)

    @classmethod
    def link(cls, *, connected: bool, received_ms: int) -> Incoming:
        """The collector's own connection to the broker came up or went down."""
        return cls("", b"1" if connected else b"0", received_ms, Link(connected))


class Fate(IntEnum):
    """What became of a message; in each case it is dealt with and may be acknowledged."""

    JOURNALLED = 1
    DUPLICATE = 2  # a batch that the journal had before
    REPEATED = 3  # the broker's copy of a state or birth that the journal had before
    QUARANTINED = 4


class Committed(NamedTuple):
    """What one commit did: a fate for each message, and the streams that want a confirm."""

    fates: list[Fate]
    streams: list[tuple[str, str]]
