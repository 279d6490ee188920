"""Delivery: takes what is due out of the outbox and sends it, for days if it must be.

One scheduler thread, and a few threads for each endpoint, so that a receiver that hangs holds up nobody
else. Order is kept per incident and endpoint; different incidents overtake one another.
"""

from __future__ import annotations

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from sqlalchemy.exc import SQLAlchemyError

from schoolpulse.clock import Clock
from schoolpulse.metrics import Metrics
from schoolpulse.notify.channels.base import Outcome
from schoolpulse.notify.history import OutboxRow
from schoolpulse.notify.outbox import Outbox

log = logging.getLogger(__name__)

MINUTE_S, HOUR_S = 60.0, 3600.0
SCHEDULE_S: Sequence[float] = (
    5.0,
    5 * MINUTE_S,
    30 * MINUTE_S,
    2 * HOUR_S,
    5 * HOUR_S,
    10 * HOUR_S,
    14 * HOUR_S,
    20 * HOUR_S,
    24 * HOUR_S,
)
"""Waits after the first, second, ... failed attempt. The first attempt is at once."""
JITTER = 0.2
MAX_RETRY_AFTER_S = 24 * HOUR_S
PER_ENDPOINT = 4
"""Messages under way to one endpoint at a time."""
POLL_S = 30.0


class Delivery:
    """Sends until it is stopped.

    Args:
        outbox: the rows.
        clock: when they are due.
        metrics: attempts by outcome, and how many wait.
        schedule_s: the waits between attempts.
        draw: from [0, 1), for the jitter.
    """

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        metrics: Metrics | None = None,
        *,
        schedule_s: Sequence[float] = SCHEDULE_S,
        draw: Callable[[], float] = random.random,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._metrics = metrics
        self._schedule_s = schedule_s
        self._draw = draw
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self._busy: dict[str, str] = {}  # message under way: its endpoint
        self._pools: dict[str, ThreadPoolExecutor] = {}
        self._thread: threading.Thread | None = None
        self._failing: set[str] = set()

    def start(self) -> None:
        """Begin to send, in threads of its own."""
        self._thread = threading.Thread(target=self._run, name="delivery", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Let what is under way end, and begin nothing more; the rest is sent after the next start."""
        self._stopped.set()
        self._outbox.wake()
        if self._thread is not None:
            self._thread.join()
        for pool in self._pools.values():
            pool.shutdown(wait=True, cancel_futures=True)

    def deliver_due(self) -> int:
        """Try everything that is due now, one after the other; how many attempts that were."""
        attempts = 0
        while due := [row for row in self._outbox.heads() if row.next_ms <= self._clock.now_ms()]:
            for row in due:
                self._attempt(row)
                attempts += 1
        return attempts

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._outbox.changed.clear()
            try:
                wait_s = self._round()
            except SQLAlchemyError as error:
                log.warning("the outbox cannot be read: %s", type(error).__name__)
                wait_s = POLL_S
            if not self._stopped.is_set():
                self._clock.wait(self._outbox.changed, wait_s)

    def _round(self) -> float:
        """Hand out what is due; how long nothing more will be."""
        with self._lock:
            busy = dict(self._busy)
        load = Counter(busy.values())
        now_ms = self._clock.now_ms()
        wait_s = POLL_S
        for row in self._outbox.heads(busy):
            if row.next_ms > now_ms:
                wait_s = min(wait_s, (row.next_ms - now_ms) / 1000)
            elif load[row.endpoint] < PER_ENDPOINT:
                load[row.endpoint] += 1
                with self._lock:
                    self._busy[row.id] = row.endpoint
                self._pool(row.endpoint).submit(self._attempt_apart, row)
        return wait_s

    def _pool(self, endpoint_id: str) -> ThreadPoolExecutor:
        if endpoint_id not in self._pools:
            self._pools[endpoint_id] = ThreadPoolExecutor(PER_ENDPOINT, f"delivery-{endpoint_id}")
        return self._pools[endpoint_id]

    def _attempt_apart(self, row: OutboxRow) -> None:
        try:
            self._attempt(row)
        except SQLAlchemyError as error:
            # Not written down, so it will be sent again: at least once, with the same id.
            log.warning("a delivery could not be recorded: %s", type(error).__name__)
        finally:
            with self._lock:
                self._busy.pop(row.id, None)
            self._outbox.wake()

    def _attempt(self, row: OutboxRow) -> None:
        endpoint = self._outbox.endpoint(row.endpoint)
        if endpoint is None:
            return
        outcome = self._outbox.channel(endpoint).send(endpoint, row.id, row.body, self._clock.now_ms())
        now_ms = self._clock.now_ms()
        self._outbox.record(row, outcome, now_ms, self._next_ms(row, outcome, now_ms))
        self._note(row.endpoint, outcome)

    def _next_ms(self, row: OutboxRow, outcome: Outcome, now_ms: int) -> int | None:
        if outcome.delivered or row.attempts >= len(self._schedule_s):
            return None
        wait_s = self._schedule_s[row.attempts] * (1 + JITTER * self._draw())
        if outcome.retry_after_s is not None:
            wait_s = max(wait_s, min(outcome.retry_after_s, MAX_RETRY_AFTER_S))
        return now_ms + round(wait_s * 1000)

    def _note(self, endpoint_id: str, outcome: Outcome) -> None:
        """Count, and log when an endpoint begins to fail or to work again."""
        if self._metrics is not None:
            word = "delivered" if outcome.delivered else "gone" if outcome.gone else "failed"
            self._metrics.webhook_attempts.labels(word).inc()
            self._metrics.webhooks_pending.set(self._outbox.pending())
        with self._lock:
            was_failing = endpoint_id in self._failing
            (self._failing.discard if outcome.delivered else self._failing.add)(endpoint_id)
        if outcome.gone:
            log.warning("endpoint %s said 410 and is disabled", endpoint_id)
        elif outcome.delivered == was_failing:
            log.info(
                "endpoint %s %s %s", endpoint_id, "works again" if was_failing else "fails:", outcome.error
            )
