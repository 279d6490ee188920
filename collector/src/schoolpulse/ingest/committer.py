"""The committer: takes all that has come, makes it durable in one go, and only then says so.

Commit, then acknowledge in the order of receipt, then confirm. While the journal takes nothing, nothing
is acknowledged; the broker stops sending at the receive maximum and keeps the rest.
"""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence

from schoolpulse.clock import Clock
from schoolpulse.contract.decode import Decoded
from schoolpulse.contract.reasons import Reason
from schoolpulse.errors import JournalFull, Rejected
from schoolpulse.ingest.confirmer import Confirmer
from schoolpulse.ingest.inbox import Arrival, Inbox
from schoolpulse.ingest.incoming import Incoming
from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics
from schoolpulse_agent import wire

_log = logging.getLogger(__name__)

GROUP_MESSAGES = 2_000
GROUP_BYTES = 1024 * 1024
RETRY_S = 1.0
TICK_S = 0.5
PACE_S = 2.0
"""How long a group waits at most for sinks to follow."""
KEPT_OF_TOO_LARGE = 16 * 1024

Acknowledge = Callable[[Sequence[Arrival]], None]
"""Acknowledges messages in this order, those of a connection that is no more excepted."""


class Committer:
    """One thread from the inbox to the journal. It ends when told to, and for no other reason.

    Args:
        inbox: where messages come in.
        journal: where they go.
        acknowledge: called with what is durable.
        confirmer: told which streams have news.
        linger_s: the least time between commits while messages keep coming, seconds.
        clock: for waiting.
        metrics: where to count.
        crowded: whether sinks at work ask for a moment before the next commit.
    """

    def __init__(  # noqa: PLR0913  # keyword-only: the seams of the room
        self,
        inbox: Inbox,
        journal: Journal,
        acknowledge: Acknowledge,
        confirmer: Confirmer,
        *,
        linger_s: float,
        clock: Clock,
        metrics: Metrics,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        self._inbox = inbox
        self._journal = journal
        self._acknowledge = acknowledge
        self._confirmer = confirmer
        self._linger_s = linger_s
        self._crowded = crowded
        self._clock = clock
        self._metrics = metrics
        self._stopping = threading.Event()
        self._blocked = ""
        self._committed_at = clock.monotonic() - linger_s
        self._thread: threading.Thread | None = None

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def blocked(self) -> str:
        """Why nothing is acknowledged now, or nothing."""
        return self._blocked

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="committer", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Commit what is in the inbox, if the journal takes it, and end; whether it did in time."""
        self._stopping.set()
        self._inbox.wake()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def step(self) -> bool:
        """Commit, acknowledge and confirm one group; whether there was one. For `_run` and for tests."""
        arrivals = self._inbox.take(GROUP_MESSAGES, GROUP_BYTES)
        if arrivals:
            incoming = [_incoming(arrival) for arrival in arrivals]
            streams = self._commit(incoming)
            if streams is None:
                return False  # told to stop while the journal was blocked: the broker still has them
            self._acknowledge(arrivals)
            self._inbox.done()
            self._count(incoming)
            self._confirmer.add(streams)
        self._confirmer.flush()
        return bool(arrivals)

    def _run(self) -> None:
        while not (self._stopping.is_set() and not len(self._inbox)):
            try:
                self._gather()
                self._let_sinks_follow()
                self.step()
            except Exception:  # noqa: BLE001 - without this thread nothing is ever acknowledged again
                _log.exception("the committer stumbled; it goes on")
                self._clock.wait(self._stopping, RETRY_S)
            if self._stopping.is_set() and self._blocked:
                return

    def _gather(self) -> None:
        """Wait for something; then, shortly after a commit, for a little more while more keeps coming."""
        if not len(self._inbox):
            self._inbox.wait(TICK_S if not self._confirmer.waiting else self._linger_s or 0.01)
        slice_s = self._linger_s / 4
        while self._clock.monotonic() - self._committed_at < self._linger_s:
            before = len(self._inbox)
            if self._clock.wait(self._stopping, slice_s) or len(self._inbox) == before:
                return

    def _let_sinks_follow(self) -> None:
        """Wait for sinks at work that would else have to decode all of this a second time.

        With the broker, messages wait for nothing but their turn. A sink that is away is not waited for;
        one that stands still is left behind after a few groups, and then no more is waited for it.
        """
        end = self._clock.monotonic() + PACE_S
        while self._crowded() and self._clock.monotonic() < end:
            if self._clock.wait(self._stopping, PACE_S / 400):
                return

    def _commit(self, incoming: Sequence[Incoming]) -> list[tuple[str, str]] | None:
        """Commit, for as long as it takes; the streams that want a confirm, or None when told to stop."""
        while True:
            try:
                streams = self._commit_or_part(incoming)
            except JournalFull as error:
                self._note_blocked(str(error), error.hint)
                if self._clock.wait(self._stopping, RETRY_S):
                    return None
            else:
                self._committed_at = self._clock.monotonic()
                self._note_free()
                return streams

    def _commit_or_part(self, incoming: Sequence[Incoming]) -> list[tuple[str, str]]:
        """Commit a group. Where that fails for no reason that anybody thought of, each message alone, and
        into quarantine those that fail alone: one message must not keep the others from the disk."""
        try:
            return self._journal.commit(incoming).streams
        except JournalFull:
            raise
        except Exception as error:  # noqa: BLE001 - see above
            if len(incoming) == 1:
                _log.exception("a message cannot be journalled and goes to quarantine")
                rejected = Rejected(Reason.UNDECODABLE, type(error).__name__)
                return self._journal.commit([incoming[0]._replace(verdict=rejected)]).streams
        return [stream for message in incoming for stream in self._commit_or_part([message])]

    def _note_blocked(self, why: str, hint: str) -> None:
        if not self._blocked:
            _log.error("nothing is acknowledged any more: %s (%s)", why, hint)
            self._metrics.journal_blocked.set(1)
        self._blocked = why

    def _note_free(self) -> None:
        if self._blocked:
            _log.warning("the journal takes messages again")
            self._blocked = ""
            self._metrics.journal_blocked.set(0)

    def _count(self, incoming: Sequence[Incoming]) -> None:
        for kind, count in Counter(map(_kind, incoming)).items():
            self._metrics.received.labels(kind).inc(count)


def _incoming(arrival: Arrival) -> Incoming:
    """The arrival, decoded or with the reason why not. Raises nothing, whatever the bytes are."""
    received_ms, _, _, _, topic, payload, retained, again = arrival
    if not topic:
        return Incoming.link(connected=payload == b"1", received_ms=received_ms)
    try:
        incoming = Incoming.of(topic, payload, received_ms, retained=retained, again=again)
    except Exception as error:  # noqa: BLE001 - a hole in the decoder must not stop everybody else's messages
        _log.exception("decoding a message failed in a way that the contract does not name")
        rejected = Rejected(Reason.UNDECODABLE, type(error).__name__)
        incoming = Incoming(topic, payload, received_ms, rejected)
    if len(payload) > wire.MAX_MESSAGE_BYTES:
        return incoming._replace(payload=payload[:KEPT_OF_TOO_LARGE], size=len(payload))
    return incoming


def _kind(incoming: Incoming) -> str:
    verdict = incoming.verdict
    if isinstance(verdict, Rejected):
        return "rejected"
    return verdict.kind.value if isinstance(verdict, Decoded) else "link"
