"""From the broker to the journal: the connection, the inbox and the committer, put together."""

from __future__ import annotations

from collections.abc import Callable

from schoolpulse.clock import Clock
from schoolpulse.ingest.committer import Committer
from schoolpulse.ingest.confirmer import Confirmer
from schoolpulse.ingest.connection import BrokerConnection
from schoolpulse.ingest.inbox import Arrival, Inbox
from schoolpulse.ingest.journal import Journal
from schoolpulse.ingest.settings import BrokerSettings, IngestSettings
from schoolpulse.metrics import Metrics


class Subscriber:
    """Takes in what agents send, for as long as the collector runs.

    Args:
        broker: which broker and how.
        journal: where messages are made durable before they are acknowledged.
        clock: for stamps and for waiting.
        metrics: where to count.
        settings: limits and pace.
        crowded: whether sinks at work ask for a moment before the next commit.
    """

    def __init__(
        self,
        broker: BrokerSettings,
        journal: Journal,
        clock: Clock,
        metrics: Metrics,
        *,
        settings: IngestSettings | None = None,
        crowded: Callable[[], bool] = lambda: False,
    ) -> None:
        settings = settings or IngestSettings()
        self._journal = journal
        self._clock = clock
        self._metrics = metrics
        self._inbox = Inbox(settings.max_waiting_bytes)
        self._connection = BrokerConnection(broker, self._arrived, clock)
        confirmer = Confirmer(journal, self._connection.publish, settings.confirms_per_s, clock, metrics)
        self._committer = Committer(
            self._inbox,
            journal,
            self._connection.acknowledge,
            confirmer,
            linger_s=settings.linger_ms / 1000,
            crowded=crowded,
            clock=clock,
            metrics=metrics,
        )

    @property
    def connected(self) -> bool:
        """Whether the broker's connection stands."""
        return self._connection.connected

    @property
    def trouble(self) -> str:
        """Why nothing comes in or nothing is acknowledged, in a sentence, or nothing."""
        return self._committer.blocked or self._connection.trouble

    @property
    def alive(self) -> bool:
        """Whether both threads run, as they do from `start` to `stop`."""
        return self._connection.alive and self._committer.alive

    def start(self) -> None:
        """Begin. The journal's first entry says that we were blind until now."""
        self._inbox.put(Arrival(self._clock.now_ms(), 0, 0, 0, "", b"0", False, False))
        self._committer.start()
        self._connection.start()

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Leave the broker, commit what is here, and end; whether that was done in time.

        What is committed after the broker was left comes again, and is known by its number.
        """
        self._inbox.close()
        ended = self._connection.stop(timeout_s)
        return self._committer.stop(timeout_s) and ended

    def publish(self, topic: str, payload: bytes, expiry_s: int) -> bool:
        """Say something to an agent over the same connection; False where it must be tried again later.

        The broker drops after `expiry_s` seconds what it could not deliver.
        """
        return self._connection.publish(topic, payload, expiry_s)

    def watermark(self) -> int:
        """The time, in ms, that no message still to be journalled can precede: for `SinkRunner`."""
        return self._journal.promise(self._inbox.oldest_ms(self._clock.now_ms()))

    def _arrived(self, arrival: Arrival) -> None:
        if not arrival.topic:
            self._metrics.broker_connected.set(arrival.payload == b"1")
        self._inbox.put(arrival)
