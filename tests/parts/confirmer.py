"""A tiny collector for tests: remembers what it got and confirms it, or withholds the confirm."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import paho.mqtt.client as mqtt

from schoolpulse_agent import wire


class Confirmer:
    """Subscribes to everything that agents send.

    Args:
        port: of a broker on loopback.
        confirming: whether it confirms what it gets; may be changed at any time.
    """

    def __init__(self, port: int, *, confirming: bool = True) -> None:
        self.confirming = confirming
        self.times: Counter[tuple[str, int]] = Counter()  # (stream, seq) -> how often it came
        self.order: list[tuple[str, int]] = []
        self.messages: list[tuple[str, Any]] = []  # (kind, message)
        self._held: dict[str, wire.SeqSet] = {}
        self._changed = threading.Condition()
        self._subscribed = threading.Event()
        options: dict[str, Any] = {"client_id": "collector", "protocol": mqtt.MQTTv5}
        if hasattr(mqtt, "CallbackAPIVersion"):  # paho-mqtt 2.x
            options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
        self._client = mqtt.Client(**options)
        self._client.reconnect_delay_set(1, 1)
        self._client.on_connect = self._on_connect
        self._client.on_subscribe = lambda *_: self._subscribed.set()
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        assert self._subscribed.wait(30)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def wait_until(self, true: Callable[[], bool], deadline_s: float = 60.0) -> None:
        """Return when `true` of what has come; fail if it never is."""
        end = time.monotonic() + deadline_s
        with self._changed:
            while not true():
                left = end - time.monotonic()
                assert left > 0, f"never came: {true}"
                self._changed.wait(min(left, 0.2))

    def of_kind(self, kind: str) -> list[Any]:
        """All messages of one kind so far."""
        return [message for its_kind, message in list(self.messages) if its_kind == kind]

    def confirm_all(self) -> None:
        """Confirm everything that came so far."""
        for agent_id, held in list(self._held_by_agent().items()):
            for stream, seqs in held.items():
                self._client.publish(
                    wire.topic(agent_id, wire.Kind.CONFIRM), wire.confirm_message(stream, seqs), qos=1
                )

    def say(self, agent_id: str, kind: wire.Kind, payload: bytes) -> None:
        """Publish anything to an agent."""
        self._client.publish(wire.topic(agent_id, kind), payload, qos=1).wait_for_publish(30)

    def _held_by_agent(self) -> dict[str, dict[str, wire.SeqSet]]:
        found: dict[str, dict[str, wire.SeqSet]] = {}
        for key, seqs in self._held.items():
            agent_id, stream = key.split("/")
            found.setdefault(agent_id, {})[stream] = seqs
        return found

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe([(f"{wire.TOPIC_PREFIX}/+/{kind.value}", 1) for kind in wire.FROM_AGENT])

    def _on_message(self, client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        agent_id, kind = wire.split_topic(message.topic)
        body = json.loads(message.payload)
        with self._changed:
            self.messages.append((kind.value, body))
            if kind is wire.Kind.TELEMETRY:
                self._take(client, agent_id, body)
            self._changed.notify_all()

    def _take(self, client: mqtt.Client, agent_id: str, body: dict[str, Any]) -> None:
        batch = (body["stream"], body["seq"])
        self.times[batch] += 1
        self.order.append(batch)
        seqs = self._held.setdefault(f"{agent_id}/{body['stream']}", wire.SeqSet())
        seqs.add(body["seq"])
        seqs.advance(body.get("discarded_through", 0))
        if self.confirming:
            client.publish(
                wire.topic(agent_id, wire.Kind.CONFIRM), wire.confirm_message(body["stream"], seqs), qos=1
            )
