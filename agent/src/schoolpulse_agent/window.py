"""Which batch goes next. No network: the publisher asks, sends, and says what came back.

The newest goes first, since ops need now; what was kept during an outage follows at a bounded rate. A
batch is in flight until the collector confirms it or its time is over. Where nothing at all is confirmed any
more, the collector is away: then only new batches go, once each, and now and then one as a question;
everything else waits, so that nobody piles up copies in the broker.
"""

from __future__ import annotations

import random as random_module
from typing import NamedTuple

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.settings import BatchSettings
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.wire import Confirm, SeqSet

MAX_TIMEOUT_S = 900.0
_REMEMBERED = 256


class BatchId(NamedTuple):
    """A batch's stream and number."""

    stream: str
    seq: int


class _Flight(NamedTuple):
    sent_at: float
    deadline: float


class Window:
    """The batches in flight, and the choice of the next. Not thread-safe: the publisher's thread owns it.

    Args:
        spool: what is owed.
        settings: limits and times.
        clock: the steady clock.
        random: spreads the times.
    """

    def __init__(
        self, spool: Spool, settings: BatchSettings, clock: Clock, random: random_module.Random
    ) -> None:
        self._spool = spool
        self._settings = settings
        self._clock = clock
        self._random = random
        self._flying: dict[BatchId, _Flight] = {}
        self._tries: dict[BatchId, int] = {}
        self._live_after = BatchId("", 0)
        self._heard_at = float("-inf")
        self._stalled_tries = 0
        self._probe_at: float | None = None
        self._tokens = 1.0
        self._tokens_at = clock.monotonic()

    @property
    def stalled(self) -> bool:
        """Whether the collector seems to be away."""
        return self._probe_at is not None

    def reset(self) -> None:
        """A new connection: nothing is in flight, the newest goes first, everything may go again."""
        self._flying.clear()
        self._resume()

    def confirmed(self, confirm: Confirm) -> None:
        """The collector has these, which also proves that it is there."""
        self._heard_at = self._clock.monotonic()
        if self.stalled:
            self._resume()
        done = SeqSet(confirm.through, confirm.also)
        for batches in (self._flying, self._tries):
            for batch in [b for b in batches if b.stream == confirm.stream and b.seq in done]:
                del batches[batch]

    def next(self) -> BatchId | None:
        """The batch to send now, or None where nothing may go now. Follow it with `sent` or `refused`."""
        now = self._clock.monotonic()
        self._expire(now)
        if len(self._flying) >= self._settings.in_flight:
            return None
        live = self._next_live()
        if live is not None:
            return live
        if not self._may_send_kept(now):
            return None
        kept = self._next_kept()
        if kept is None and self._probe_at is not None:
            self._probe_at = None  # nothing is left to ask about
        return kept

    def sent(self, batch: BatchId) -> None:
        """`batch` went out."""
        self._fly(batch, self._timeout(batch))
        now = self._clock.monotonic()
        if batch.stream == self._live_after.stream and batch.seq > self._live_after.seq:
            self._live_after = batch
        elif self._probe_at is not None:
            self._stalled_tries += 1
            self._probe_at = now + self._spread(self._settings.confirm_timeout_s * 2**self._stalled_tries)
        else:
            self._tokens -= 1

    def refused(self, batch: BatchId) -> None:
        """`batch` cannot go over this connection (unreadable, too large for the broker): not soon again."""
        self._fly(batch, MAX_TIMEOUT_S)
        if batch.stream == self._live_after.stream:
            self._live_after = max(self._live_after, batch)

    def wait_s(self) -> float | None:
        """Seconds until `next` may have another answer by itself; None where only an event can change it."""
        now = self._clock.monotonic()
        times = [flight.deadline for flight in self._flying.values()]
        if self._probe_at is not None:
            times.append(self._probe_at)
        elif len(self._flying) < self._settings.in_flight and self._tokens < 1:
            times.append(now + (1 - self._tokens) / self._settings.backlog_per_s)
        return max(0.0, min(times) - now) if times else None

    def _resume(self) -> None:
        self._probe_at = None
        self._stalled_tries = 0
        stream = self._spool.stream
        newest = self._spool.pending(stream).newest
        self._live_after = BatchId(stream, newest - 1 if newest else self._spool.last_seq)

    def _expire(self, now: float) -> None:
        for batch in [b for b, flight in self._flying.items() if flight.deadline <= now]:
            flight = self._flying.pop(batch)
            self._tries[batch] = self._tries.pop(batch, 0) + 1
            if self._heard_at < flight.sent_at and self._probe_at is None:
                self._stalled_tries = 0
                self._probe_at = now + self._spread(self._settings.confirm_timeout_s)
        while len(self._tries) > _REMEMBERED:
            del self._tries[next(iter(self._tries))]

    def _next_live(self) -> BatchId | None:
        """The oldest of what was appended since the last live batch went."""
        stream = self._spool.stream
        if stream != self._live_after.stream:
            self._live_after = BatchId(stream, 0)
        for first, last in self._spool.pending(stream).ranges:
            if last > self._live_after.seq:
                return BatchId(stream, max(first, self._live_after.seq + 1))
        return None

    def _next_kept(self) -> BatchId | None:
        """The newest that is owed and not in flight, of the newest stream that owes any."""
        for stream in self._spool.streams():
            for seq in reversed(self._spool.pending(stream)):
                batch = BatchId(stream, seq)
                if batch not in self._flying:
                    return batch
        return None

    def _may_send_kept(self, now: float) -> bool:
        if self._probe_at is not None:
            return now >= self._probe_at
        rate = self._settings.backlog_per_s
        self._tokens = min(max(1.0, rate), self._tokens + (now - self._tokens_at) * rate)
        self._tokens_at = now
        return self._tokens >= 1

    def _fly(self, batch: BatchId, timeout_s: float) -> None:
        now = self._clock.monotonic()
        self._flying[batch] = _Flight(now, now + timeout_s)

    def _timeout(self, batch: BatchId) -> float:
        return self._spread(self._settings.confirm_timeout_s * 2 ** self._tries.get(batch, 0))

    def _spread(self, seconds: float) -> float:
        """Between one and one and a half times `seconds`, below the longest."""
        return min(seconds, MAX_TIMEOUT_S) * (1 + self._random.random() / 2)
