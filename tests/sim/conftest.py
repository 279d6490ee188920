"""For the simulator's tests: a real broker, and a collector that does nothing but confirm."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from parts.mosquitto import Mosquitto

from schoolpulse_agent import wire


class Listener:
    """Hears everything, confirms each batch, and lets a test wait for what it wants to see."""

    def __init__(self, port: int) -> None:
        self.messages: list[tuple[str, wire.Kind, dict[str, Any]]] = []
        self.batches: Counter[tuple[str, int]] = Counter()
        self.broken = 0
        self.heard = threading.Condition()
        self._confirmed: dict[str, wire.SeqSet] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "listener", protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        subscribed = threading.Event()
        self._client.on_subscribe = lambda *_: subscribed.set()
        self._client.connect("127.0.0.1", port)
        self._client.loop_start()
        self._client.subscribe(f"{wire.TOPIC_PREFIX}/#", qos=1)
        assert subscribed.wait(30)

    def wait_for(self, condition: Any, timeout_s: float = 60.0) -> None:
        with self.heard:
            assert self.heard.wait_for(condition, timeout_s), "it never came to that"

    def of(self, agent_id: str, kind: wire.Kind) -> list[dict[str, Any]]:
        return [body for agent, of_kind, body in list(self.messages) if (agent, of_kind) == (agent_id, kind)]

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        agent_id, kind = wire.split_topic(message.topic)
        if kind is wire.Kind.CONFIRM:
            return
        body = json.loads(message.payload)
        with self.heard:
            if not isinstance(body, dict) or not {"stream", "online", "boot"} & set(body) or _bad(body):
                self.broken += 1
                self.heard.notify_all()
                return
            self.messages.append((agent_id, kind, body))
            if kind is wire.Kind.TELEMETRY:
                stream, seq = body["stream"], body["seq"]
                self.batches[stream, seq] += 1
                done = self._confirmed.setdefault(stream, wire.SeqSet())
                done.add(seq)
                payload = wire.confirm_message(stream, done)
                client.publish(wire.topic(agent_id, wire.Kind.CONFIRM), payload, qos=1)
            self.heard.notify_all()


def _bad(body: dict[str, Any]) -> bool:
    return body.get("seq") == 0 or body.get("clock") == "later" or body.get("online") == "yes"


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    part = Mosquitto(tmp_path)
    part.start()
    yield part
    part.stop()


@pytest.fixture
def listener(broker: Mosquitto) -> Iterator[Listener]:
    listening = Listener(broker.port)
    yield listening
    listening.close()
