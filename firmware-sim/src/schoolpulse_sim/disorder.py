"""What happens to messages on their way to a recorder: held back, late, doubled, overtaken, broken."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence

from schoolpulse_agent import wire
from schoolpulse_sim.faults import Fault
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import Disorder, FaultKind
from schoolpulse_sim.timing import DAY, SECOND
from schoolpulse_sim.virtual_link import Delivered

_DEAF = {FaultKind.COLLECTOR_AWAY, FaultKind.BROKER_AWAY}
CATCH_UP_MS = 3
"""From one message of the broker's queue to the next, when the collector has come back."""


def _time(message: Delivered) -> int:
    return message.at_ms


def deaf_periods(faults: Iterable[Fault]) -> list[tuple[int, int]]:
    """When no message reaches the collector: it is away, or the broker is; overlapping ones as one."""
    periods: list[tuple[int, int]] = []
    for start_ms, end_ms in sorted((f.start_ms, f.end_ms) for f in faults if f.kind in _DEAF):
        if periods and start_ms <= periods[-1][1] + 2 * SECOND:
            periods[-1] = (periods[-1][0], max(periods[-1][1], end_ms))
        else:
            periods.append((start_ms, end_ms))
    return periods


class Recorder:
    """Puts one school's messages into the order and shape in which they are received.

    Args:
        disorder: the scenario's ``[messages]``.
        chance: for what happens to which message.
        gaps: when nobody hears; the broker keeps what comes then and hands it over afterwards.
    """

    __slots__ = (
        "_chance",
        "_disorder",
        "_gaps",
        "_malformed_ms",
        "_number",
        "_orderly",
        "_queue_ends_ms",
        "_waiting",
    )

    def __init__(self, disorder: Disorder, chance: Chance, gaps: Sequence[tuple[int, int]]) -> None:
        self._disorder = disorder
        self._chance = chance
        self._gaps = gaps
        self._waiting: list[tuple[int, int, Delivered]] = []
        self._number = 0
        self._orderly = not (disorder.duplicate_share or disorder.late_share or disorder.reorder_share)
        self._malformed_ms = self._queue_ends_ms = 0

    def take(self, messages: Iterable[Delivered]) -> None:
        """Messages as they reach the broker."""
        if self._orderly and not self._gaps and not self._disorder.malformed_per_school_day:
            for message in messages:
                self._put(message)
            return
        for message in sorted(messages, key=_time):
            received = self._after_gap(message)
            if self._orderly or message.kind is not wire.Kind.TELEMETRY:
                self._put(received)
            else:
                self._disarrange(received)
            if self._disorder.malformed_per_school_day:
                self._maybe_malformed(message)

    def before(self, end_ms: int) -> list[Delivered]:
        """Take what is received before `end_ms`, in order of receipt."""
        self._waiting.sort()
        cut = bisect.bisect_left(self._waiting, (end_ms,))
        ready = [message for _, _, message in self._waiting[:cut]]
        del self._waiting[:cut]
        return ready

    def _put(self, message: Delivered) -> None:
        self._number += 1
        self._waiting.append((message.at_ms, self._number, message))

    def _after_gap(self, message: Delivered) -> Delivered:
        """Hold back what nobody hears; what comes while the broker's queue is handed over waits behind it."""
        at_ms = message.at_ms
        for start_ms, end_ms in self._gaps:
            if start_ms <= at_ms < end_ms:
                at_ms = end_ms + SECOND
        if at_ms <= self._queue_ends_ms or at_ms != message.at_ms:
            at_ms = self._queue_ends_ms = max(at_ms, self._queue_ends_ms + CATCH_UP_MS)
        return message._replace(at_ms=at_ms)

    def _disarrange(self, message: Delivered) -> None:
        disorder, chance = self._disorder, self._chance
        at_ms = message.at_ms
        if chance.happens(disorder.late_share):
            at_ms += int(chance.between(*disorder.late_by))
        elif chance.happens(disorder.reorder_share):
            at_ms += int(chance.between(0, disorder.reorder_by))
        self._put(Delivered(at_ms, message.kind, message.payload))
        if chance.happens(disorder.duplicate_share):
            self._put(Delivered(at_ms + chance.whole(1, 5_000), message.kind, message.payload))

    def _maybe_malformed(self, message: Delivered) -> None:
        chance = self._chance
        if not self._malformed_ms:
            self._malformed_ms = message.at_ms + self._next_malformed_ms()
        while self._malformed_ms <= message.at_ms:
            kind, payload = malformed(message, chance)
            self._put(Delivered(self._malformed_ms, kind, payload))
            self._malformed_ms += max(1, self._next_malformed_ms())

    def _next_malformed_ms(self) -> int:
        return round(self._chance.exponential(DAY / self._disorder.malformed_per_school_day))


def malformed(message: Delivered, chance: Chance) -> tuple[wire.Kind, bytes]:
    """Something that breaks the contract, made out of a good message; JSON, as a record's line must be.

    What was no JSON on the wire stands in the record as the text that it was.
    """
    cut = wire.dumps(message.payload.decode()[: len(message.payload) // 2])
    future = message.payload.replace(b'"sent_at":1', b'"sent_at":9')
    choices = (
        (message.kind, cut),
        (message.kind, b'""'),
        (message.kind, b"[]"),
        (message.kind, b'{"v":2}'),
        (wire.Kind.STATE, b'{"online":"yes","boot":"x","session":1}'),
        (
            wire.Kind.TELEMETRY,
            b'{"v":1,"stream":"bad stream!","seq":0,"boot":"x","clock":"synced","blocks":[]}',
        ),
        (wire.Kind.BIRTH, b'{"v":1,"agent_version":7}'),
        (wire.Kind.TELEMETRY, future.replace(b'"clock":"synced"', b'"clock":"later"')),
    )
    return chance.pick(choices)
