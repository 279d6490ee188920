"""A journal with a subscriber on a real broker, and somebody who publishes, for the tests of the ingest."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from paho.mqtt.client import Client, MQTTMessage, MQTTv5, MQTTv311
from paho.mqtt.enums import CallbackAPIVersion

from schoolpulse.clock import SystemClock
from schoolpulse.contract.models import Telemetry
from schoolpulse.errors import ConfigError
from schoolpulse.ingest.journal import Journal
from schoolpulse.ingest.settings import BrokerSettings, IngestSettings
from schoolpulse.ingest.subscriber import Subscriber
from schoolpulse.metrics import Metrics
from schoolpulse_agent import wire

DEADLINE_S = 60.0


def until(condition: Callable[[], object], what: str) -> None:
    """Wait for something that another thread or process does; generous, since machines differ."""
    end = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < end, f"still not so: {what}"
        time.sleep(0.01)  # there is nothing else to wait on in another process


class Collecting:
    """Journal and subscriber, restartable on the same file."""

    def __init__(
        self, folder: Path, url: str, *, ingest: dict[str, Any] | None = None, **broker: Any
    ) -> None:
        self.metrics = Metrics()
        self.journal = Journal(
            folder / "journal.db", max_bytes=1 << 30, metrics=self.metrics, clock=SystemClock()
        )
        try:
            self.subscriber = Subscriber(
                BrokerSettings(url=url, **broker),
                self.journal,
                SystemClock(),
                self.metrics,
                settings=IngestSettings(**(ingest or {})),
            )
        except ConfigError:
            self.journal.close()
            raise

    def start(self) -> None:
        """Start and wait until the broker sends."""
        self.subscriber.start()
        until(lambda: self.subscriber.connected, "connected")

    def stop(self) -> None:
        """End in order."""
        assert self.subscriber.stop()
        self.journal.close()

    def batches(self) -> list[tuple[str, str, int]]:
        """Agent, stream and number of every batch in the journal, in order."""
        found: list[tuple[str, str, int]] = []
        after = 0
        while messages := self.journal.read(after, 10_000):
            after = messages[-1].position
            found += [
                (message.agent_id, message.body.stream, message.body.seq)
                for message in messages
                if isinstance(message.body, Telemetry)
            ]
        return found

    def value(self, name: str, **labels: str) -> float:
        """A metric's value."""
        return self.metrics.registry.get_sample_value(f"schoolpulse_{name}", labels) or 0.0


class Publisher:
    """A client that publishes anything and collects the confirms."""

    def __init__(self, port: int, *, client_id: str = "publisher", v5: bool = True) -> None:
        self.confirms: dict[tuple[str, str], wire.SeqSet] = {}
        self._subscribed = threading.Event()
        self._client = Client(
            CallbackAPIVersion.VERSION2, client_id=client_id, protocol=MQTTv5 if v5 else MQTTv311
        )
        self._client.on_connect = lambda client, *_: client.subscribe("schoolpulse/v1/+/confirm", 1)
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.reconnect_delay_set(1, 1)
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(DEADLINE_S)

    def publish(self, topic: str, payload: bytes, **how: Any) -> None:
        """Publish with QoS 1 and return when the broker has it."""
        self._client.publish(topic, payload, **{"qos": 1} | how).wait_for_publish(DEADLINE_S)

    def send(self, topic: str, payload: bytes, **how: Any) -> None:
        """Publish with QoS 1 without waiting."""
        self._client.publish(topic, payload, **{"qos": 1} | how)

    def confirmed(self, agent: str, stream: str) -> wire.SeqSet:
        """What the collector says that it has of a stream."""
        return self.confirms.get((agent, stream), wire.SeqSet())

    @property
    def connected(self) -> bool:
        """Whether the broker is there."""
        return self._client.is_connected()

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, _client: Client, _data: Any, message: MQTTMessage) -> None:
        agent, _ = wire.split_topic(message.topic)
        stream, through, also = wire.parse_confirm(bytes(message.payload))
        self.confirms.setdefault((agent, stream), wire.SeqSet()).update(wire.SeqSet(through, also))
