"""Tells agents what is on disk, so that they may forget it: joined per stream, paced, never waiting."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable

from schoolpulse.clock import Clock
from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

_log = logging.getLogger(__name__)

Publish = Callable[[str, bytes], bool]
"""Publishes a payload to a topic with QoS 1 without waiting; False: not now, try again later."""

_BURST_S = 0.25


class Confirmer:
    """Streams that wait for their confirm, in the order in which they began to wait.

    What a stream gets while it waits goes into the same confirm: the more there is to say, the fewer
    words it takes. Belongs to one thread.
    """

    def __init__(
        self, journal: Journal, publish: Publish, per_s: float, clock: Clock, metrics: Metrics
    ) -> None:
        self._journal = journal
        self._publish = publish
        self._per_s = per_s
        self._clock = clock
        self._metrics = metrics
        self._waiting: dict[tuple[str, str], None] = {}
        self._burst = max(1.0, per_s * _BURST_S)
        self._allowance = self._burst
        self._counted_at = clock.monotonic()

    @property
    def waiting(self) -> int:
        """How many streams wait."""
        return len(self._waiting)

    def add(self, streams: Iterable[tuple[str, str]]) -> None:
        """Let these streams' agents know, soon."""
        self._waiting.update(dict.fromkeys(streams))

    def flush(self) -> None:
        """Send what may be sent now."""
        now = self._clock.monotonic()
        self._allowance = min(self._burst, self._allowance + (now - self._counted_at) * self._per_s)
        self._counted_at = now
        sent = 0
        while self._waiting and self._allowance >= 1:
            agent_id, stream = key = next(iter(self._waiting))
            confirms = self._journal.confirms(agent_id, stream)
            topic = wire.topic(agent_id, Kind.CONFIRM)
            if not all(self._publish(topic, confirm) for confirm in confirms):
                break
            sent += len(confirms)
            self._allowance -= len(confirms)
            del self._waiting[key]
        if sent:
            self._metrics.confirms.inc(sent)
