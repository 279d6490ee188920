"""A command over a real broker: it carries the time that it has left, and goes when that is over."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from parts.mosquitto import Mosquitto

from schoolpulse.clock import SystemClock
from schoolpulse.ingest.connection import BrokerConnection
from schoolpulse.ingest.inbox import Arrival
from schoolpulse.ingest.settings import BrokerSettings

TOPIC = "schoolpulse/v1/gw-1/command"


class Listener:
    """A client with a session that outlives its connection."""

    def __init__(self, port: int) -> None:
        self.got: list[mqtt.MQTTMessage] = []
        self.changed = threading.Event()
        client = self.client = mqtt.Client(
            CallbackAPIVersion.VERSION2, client_id="gw-1", protocol=mqtt.MQTTv5, reconnect_on_failure=False
        )
        client.on_connect = self._on_connect
        client.on_subscribe = lambda *_: self.changed.set()
        client.on_message = self._on_message
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
        properties.SessionExpiryInterval = 60
        client.connect("127.0.0.1", port, clean_start=False, properties=properties)
        client.loop_start()
        assert self.changed.wait(30)

    def _on_connect(self, client: mqtt.Client, *_: Any) -> None:
        client.subscribe(TOPIC, 1)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.got.append(message)
        self.changed.set()

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def test_a_command_that_waits_at_the_broker_is_gone_when_its_time_is_over(tmp_path: Path) -> None:
    connected, gone = threading.Event(), threading.Event()

    def deliver(arrival: Arrival) -> None:
        if arrival.payload == b"1":
            connected.set()

    broker = Mosquitto(tmp_path)
    broker.start()
    connection = BrokerConnection(BrokerSettings(url=broker.url), deliver, SystemClock())
    connection.start()
    try:
        assert connected.wait(30)
        listener = Listener(broker.port)
        listener.changed.clear()
        assert connection.publish(TOPIC, b"lasting", 50)
        assert listener.changed.wait(30)
        assert 0 < vars(listener.got[0].properties)["MessageExpiryInterval"] <= 50
        listener.leave()
        assert connection.publish(TOPIC, b"short", 1)
        assert connection.publish(TOPIC, b"lasting too", 50)
        gone.wait(2.5)  # the broker's clock is what has to pass; mosquitto counts whole seconds
        again = Listener(broker.port)
        while not again.got:
            again.changed.clear()
            assert again.got or again.changed.wait(30)
        again.leave()
        assert [message.payload for message in again.got] == [b"lasting too"]
    finally:
        connection.stop()
        broker.stop()
