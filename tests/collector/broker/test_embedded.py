"""The embedded brokers, spoken to by a real client: MQTT 5, wills, retained messages, freed ports."""

from __future__ import annotations

import queue
import socket
from pathlib import Path

import paho.mqtt.client as mqtt
import pytest
from paho.mqtt.enums import CallbackAPIVersion
from parts import free_port, need

from schoolpulse.broker.base import EmbeddedBroker
from schoolpulse.broker.registry import BROKERS, embedded_broker
from schoolpulse.errors import BrokerUnavailable

TOPIC = "schoolpulse/v1/gw-1/state"


@pytest.fixture(params=sorted(BROKERS))
def broker_name(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if name == "mosquitto":
        need("mosquitto")
    return name


@pytest.fixture
def port() -> int:
    return free_port()


@pytest.fixture
def broker(broker_name: str, port: int, tmp_path: Path) -> EmbeddedBroker:
    return embedded_broker(broker_name, host="127.0.0.1", port=port, folder=tmp_path)


class Client:
    """A connected MQTT 5 client that keeps what it receives."""

    def __init__(self, name: str, port: int, *, will: bytes | None = None) -> None:
        self.received: queue.Queue[tuple[bytes, bool]] = queue.Queue()
        connected: queue.Queue[bool] = queue.Queue()
        self._subscribed: queue.Queue[bool] = queue.Queue()
        self.mqtt = mqtt.Client(CallbackAPIVersion.VERSION2, client_id=name, protocol=mqtt.MQTTv5)
        if will is not None:
            self.mqtt.will_set(TOPIC, will, qos=1, retain=True)
        self.mqtt.on_connect = lambda *_: connected.put(True)
        self.mqtt.on_subscribe = lambda *_: self._subscribed.put(True)
        self.mqtt.on_message = lambda _c, _u, got: self.received.put((bytes(got.payload), got.retain))
        self.mqtt.connect("127.0.0.1", port)
        self.mqtt.loop_start()
        connected.get(timeout=30)

    def subscribe(self, topic: str) -> None:
        """Returns when the broker has taken it: what is published from then on comes as it is published."""
        self.mqtt.subscribe(topic, qos=1)
        self._subscribed.get(timeout=30)

    def close(self) -> None:
        self.mqtt.disconnect()
        self.mqtt.loop_stop()


def test_a_will_is_sent_and_kept_for_who_comes_later(broker: EmbeddedBroker, port: int) -> None:
    broker.start()
    try:
        watcher = Client("watcher", port)
        watcher.subscribe("schoolpulse/v1/+/state")
        agent = Client("agent", port, will=b"gone")
        agent.mqtt.publish(TOPIC, b"here", qos=1, retain=True)
        assert watcher.received.get(timeout=30) == (b"here", False)
        connection = agent.mqtt.socket()
        assert isinstance(connection, socket.socket)
        connection.shutdown(socket.SHUT_RDWR)
        assert watcher.received.get(timeout=30) == (b"gone", False)
        late = Client("late", port)
        late.subscribe(TOPIC)
        assert late.received.get(timeout=30)[1] is True
        for client in (watcher, agent, late):
            client.close()
    finally:
        broker.stop()


def test_stopping_frees_the_port_and_it_starts_again(broker: EmbeddedBroker, port: int) -> None:
    for _ in range(2):
        broker.start()
        broker.stop()
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_taken_port_is_said_with_a_hint(broker: EmbeddedBroker, port: int) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))
        other.listen()
        with pytest.raises(BrokerUnavailable, match=str(port)) as refused:
            broker.start()
    assert "another broker" in refused.value.hint


def test_an_unknown_broker_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BrokerUnavailable, match="this machine has no hivemq"):
        embedded_broker("hivemq", host="127.0.0.1", port=1, folder=tmp_path)
