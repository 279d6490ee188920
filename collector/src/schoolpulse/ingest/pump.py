"""From the journal into the sinks: a thread each, so that one which is away holds up no other.

A sink that cannot take messages gets the same ones again later, for as long as it takes. One that fails
on a message it does not say anything about is given that message alone; if it is this message and not
the sink, the message goes to quarantine and the rest goes on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence

from schoolpulse.clock import Clock
from schoolpulse.contract.reasons import Reason
from schoolpulse.errors import JournalFull, SinkUnavailable
from schoolpulse.ingest.backoff import Backoff
from schoolpulse.ingest.journal import Journal
from schoolpulse.messages import Received, Sink
from schoolpulse.metrics import Metrics

_log = logging.getLogger(__name__)

BATCH_MESSAGES = 1_000
TICK_S = 0.5
"""How long a sink that has caught up waits for more before it is told the time."""
FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 30.0
LONGEST_RETRY_AFTER_S = 300.0
TRIES_BEFORE_DOUBT = 3
"""A message that fails alone this often, with the same error, is the culprit."""
ASIDE_IN_A_ROW = 3
"""More culprits one after the other are rather a sink that fails at everything: then only one at a time,
as slowly as retries get."""


class SinkRunner:
    """Feeds one sink from the journal, from the sink's own position on.

    Args:
        journal: where to read.
        sink: what to feed.
        clock: for waiting and for the time that an idle sink is told.
        metrics: where to show position and failures.
        watermark: the time that no message still to come can precede; by default the journal's promise
            of now. A subscriber's word is better: it knows what waits for its commit.
        linger_s: how long to gather after a batch that was not full; more for sinks that like few and
            large batches, 0 for those that page people.
    """

    def __init__(
        self,
        journal: Journal,
        sink: Sink,
        clock: Clock,
        metrics: Metrics,
        *,
        watermark: Callable[[], int] | None = None,
        linger_s: float = 0.0,
    ) -> None:
        self._journal = journal
        self._sink = sink
        self._clock = clock
        self._metrics = metrics
        self._watermark = watermark or (lambda: journal.promise(clock.now_ms()))
        self._linger_s = linger_s
        self._position: int | None = None
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._failing = ""
        self._aside_in_a_row = 0
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        journal.on_commit(self._work.set)

    @property
    def name(self) -> str:
        """The sink's name."""
        return self._sink.name

    @property
    def position(self) -> int | None:
        """The last position that is durable in the sink; None until the sink could say so."""
        return self._position

    @property
    def caught_up(self) -> bool:
        """Whether the sink has everything that the journal has."""
        return self._position is not None and self._journal.backlog(self._position) == 0

    @property
    def hurries(self) -> bool:
        """Whether the sink is at work and a little time would let it keep up."""
        return self._position is not None and not self._failing and self._journal.crowded_by(self._position)

    @property
    def failing(self) -> str:
        """Why the sink takes nothing now, or nothing."""
        return self._failing

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name=f"sink-{self.name}", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Finish the batch in hand and end; whether the thread has ended in time."""
        self._stopping.set()
        self._work.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def run_once(self) -> bool:
        """One step: a batch or, where there is none, the time. Whether there was a batch.

        Raises:
            Exception: whatever the sink raised; the same messages come again.
        """
        if self._position is None:
            self._note_position(self._sink.position())
        position = self._position or 0
        # The order matters: what is committed after the watermark was taken cannot precede it.
        watermark_ms = self._watermark()
        messages = self._journal.read(position, BATCH_MESSAGES)
        if not messages:
            self._sink.idle(watermark_ms)
            return False
        self._sink.process(messages, messages[-1].position)
        self._note_position(messages[-1].position)
        return True

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._work.clear()
            try:
                busy = self.run_once()
            except SinkUnavailable as error:
                self._note_failure(f"{error}", error.hint)
                self._pause(error.retry_after_s)
            except Exception as error:  # noqa: BLE001 - whatever a sink does, its thread goes on
                self._note_failure(f"{type(error).__name__}: {error}", "", error)
                self._pause(None)
                self._look_closer(error)
            else:
                self._note_success()
                if not busy:
                    self._clock.wait(self._work, TICK_S)
                elif self._linger_s and self.caught_up:
                    self._clock.wait(self._stopping, self._linger_s)

    def _pause(self, retry_after_s: float | None) -> None:
        delay_s = self._backoff.next_s()
        if retry_after_s is not None:
            delay_s = min(max(delay_s, retry_after_s), LONGEST_RETRY_AFTER_S)
        self._clock.wait(self._stopping, delay_s)

    # -- finding the one message ---------------------------------------------------------------------

    def _look_closer(self, first: Exception) -> None:
        """Give the failed messages in halves; put one aside that fails alone again and again."""
        if self._position is None:
            return
        try:
            messages = self._journal.read(self._position, BATCH_MESSAGES)
            while messages and not self._stopping.is_set():
                half = messages[: (len(messages) + 1) // 2]
                if self._takes(half):
                    messages = messages[len(half) :]
                elif len(half) > 1:
                    messages = half
                else:
                    self._try_alone(half[0], first)
                    return
        except SinkUnavailable:
            return  # the ordinary way deals with it
        except Exception as error:  # noqa: BLE001 - it fails at everything: the ordinary way goes on trying
            self._note_failure(f"{type(error).__name__}: {error}", "")

    def _takes(self, messages: Sequence[Received]) -> bool:
        try:
            self._sink.process(messages, messages[-1].position)
        except SinkUnavailable:
            raise
        except Exception:  # noqa: BLE001 - which message it is, is what we are finding out
            return False
        self._note_position(messages[-1].position)
        self._aside_in_a_row = 0
        return True

    def _try_alone(self, message: Received, first: Exception) -> None:
        for _ in range(TRIES_BEFORE_DOUBT - 1):
            self._pause(None)
            if self._stopping.is_set() or self._takes([message]):
                return
        if self._aside_in_a_row >= ASIDE_IN_A_ROW and not self._backoff.at_limit:
            return
        # A sink that cannot even note a position is what is broken, not the message: this raises then.
        self._sink.process([], message.position)
        self._quarantine(message, first)
        self._note_position(message.position)
        self._aside_in_a_row += 1
        _log.error(
            "sink %s failed %d times on one message, which is in quarantine now",
            self.name,
            TRIES_BEFORE_DOUBT,
        )

    def _quarantine(self, message: Received, first: Exception) -> None:
        source, payload = self._journal.raw(message.position)
        detail = f"{self.name}: {type(first).__name__}"
        while not self._stopping.is_set():
            try:
                self._journal.put_aside(Reason.SINK_FAILED, detail, source, payload, message.received_ms)
            except JournalFull as error:
                self._note_failure(f"a message cannot be put aside: {error}", error.hint)
                self._pause(None)
            else:
                return

    # -- what others see -----------------------------------------------------------------------------

    def _note_position(self, position: int) -> None:
        self._position = position
        self._metrics.sink_position.labels(self.name).set(position)

    def _note_failure(self, why: str, hint: str, error: Exception | None = None) -> None:
        if not self._failing:
            _log.warning(
                "sink %s takes nothing: %s%s", self.name, why, f" ({hint})" if hint else "", exc_info=error
            )
        self._failing = why
        self._metrics.sink_failing.labels(self.name).set(1)

    def _note_success(self) -> None:
        self._backoff.reset()
        if self._failing:
            self._failing = ""
            _log.info("sink %s takes messages again", self.name)
        self._metrics.sink_failing.labels(self.name).set(0)
