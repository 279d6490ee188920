"""One MQTT connection that comes back by itself, with acknowledgement by hand (paho-mqtt 2)."""

from __future__ import annotations

import logging
import ssl
import threading
from collections.abc import Callable, Sequence
from typing import Any

from paho.mqtt.client import (
    MQTT_ERR_SUCCESS,
    Client,
    ConnectFlags,
    DisconnectFlags,
    MQTTv5,
    MQTTv311,
)
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode

from schoolpulse.clock import Clock
from schoolpulse.errors import ConfigError, Problem
from schoolpulse.ingest.backoff import Backoff
from schoolpulse.ingest.framing import Publish
from schoolpulse.ingest.inbox import Arrival
from schoolpulse.ingest.network_loop import BufferedClient
from schoolpulse.ingest.settings import BrokerSettings
from schoolpulse_agent import wire

_log = logging.getLogger(__name__)

FIRST_RETRY_S = 0.5
LONGEST_RETRY_S = 20.0
CONNECT_TIMEOUT_S = 10.0
MAX_OUTBOUND = 1_000
"""Messages of ours on their way or waiting in paho; what does not fit stays with the caller."""
MAX_IN_FLIGHT = 20

Deliver = Callable[[Arrival], None]


class BrokerConnection:
    """Connects, subscribes, delivers, acknowledges and publishes; a supervising thread reconnects.

    Every connection has an epoch. An acknowledgement for a message of an earlier one is dropped: its
    packet id may mean another message by now, and the broker sends the old one again anyway.

    Args:
        settings: which broker and how.
        deliver: gets each message, and an arrival with an empty topic at each connect (payload ``1``)
            and disconnect (``0``); called from the network's thread and may wait, but not for long.
        clock: for stamps and for waiting.

    Raises:
        ConfigError: the certificate authority's file cannot be used.
    """

    def __init__(self, settings: BrokerSettings, deliver: Deliver, clock: Clock) -> None:
        self._settings = settings
        self._deliver = deliver
        self._clock = clock
        self._epoch = 0
        self._connected = False
        self._epoch_lock = threading.Lock()
        self._stopping = threading.Event()
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._trouble = ""
        self._client = self._make_client()
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        """Whether the connection stands and the broker has accepted our subscriptions."""
        return self._connected

    @property
    def trouble(self) -> str:
        """Why there is no connection, or nothing."""
        return self._trouble

    @property
    def alive(self) -> bool:
        """Whether the supervising thread runs."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to connect, and go on for ever."""
        self._thread = threading.Thread(target=self._run, name="broker-connection", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> bool:
        """Say goodbye to the broker, which keeps the session, and end; whether it did in time."""
        self._stopping.set()
        self._client.disconnect()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def acknowledge(self, arrivals: Sequence[Arrival]) -> None:
        """Acknowledge messages in this order, those of an earlier connection excepted."""
        with self._epoch_lock:
            epoch = self._epoch
            mids = [arrival.mid for arrival in arrivals if arrival.qos and arrival.epoch == epoch]
            if mids:
                self._client.acknowledge(mids)

    def publish(self, topic: str, payload: bytes, expiry_s: int | None = None) -> bool:
        """Publish with QoS 1 without waiting; False where it must be tried again later.

        With `expiry_s` the broker drops it after so many seconds, where it speaks MQTT 5.
        """
        if not self._connected:
            return False
        properties = None
        if expiry_s is not None and self._settings.protocol == "5":
            properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
            properties.MessageExpiryInterval = expiry_s
        info = self._client.publish(topic, payload, qos=wire.QOS, properties=properties)
        return info.rc == MQTT_ERR_SUCCESS

    # -- the supervising thread ----------------------------------------------------------------------

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self._connect()
                # Our own loop and not paho's thread: whatever a packet makes paho raise ends up here.
                self._client.run()
            except Exception as error:  # noqa: BLE001 - no broker, no name, no certificate, a bug: it tries again
                self._note_trouble(f"{type(error).__name__}: {error}")
            self._note_down()
            self._clock.wait(self._stopping, self._backoff.next_s())

    def _connect(self) -> None:
        settings = self._settings
        if settings.username is not None:
            self._client.username_pw_set(settings.username, _password(settings))
        properties = None
        if settings.protocol == "5":
            properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho's gap
            properties.SessionExpiryInterval = settings.session_expiry_s
            properties.ReceiveMaximum = settings.receive_maximum
        extra: dict[str, Any] = {} if properties is None else {"clean_start": False, "properties": properties}
        self._client.connect(settings.host, settings.port, settings.keepalive_s, **extra)

    def _make_client(self) -> BufferedClient:
        settings = self._settings
        is_v5 = settings.protocol == "5"
        client = BufferedClient(
            CallbackAPIVersion.VERSION2,
            client_id=settings.client_id,
            clean_session=None if is_v5 else False,
            protocol=MQTTv5 if is_v5 else MQTTv311,
            reconnect_on_failure=False,  # we do that ourselves, with full jitter
            received=self._on_message,
        )
        client.connect_timeout = CONNECT_TIMEOUT_S
        client.max_queued_messages_set(MAX_OUTBOUND)
        # paho ignores the server's Receive Maximum and cannot be told once connected; no broker allows less.
        client.max_inflight_messages_set(MAX_IN_FLIGHT)
        if settings.tls:
            client.tls_set_context(_tls_context(settings))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        return client

    # -- called by paho, on the network's thread -----------------------------------------------------

    def _on_connect(
        self,
        client: Client,
        _data: Any,
        _flags: ConnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if code.is_failure:
            self._note_trouble(f"the broker refuses us: {code}")
            return
        with self._epoch_lock:
            self._epoch += 1
        client.subscribe([(wire.topic("+", kind), wire.QOS) for kind in sorted(wire.FROM_AGENT)])

    def _on_subscribe(
        self, client: Client, _data: Any, _mid: int, codes: list[ReasonCode], _properties: Properties | None
    ) -> None:
        refused = [str(code) for code in codes if code.is_failure]
        if refused:
            self._note_trouble(f"the broker does not let us read: {refused[0]}")
            client.disconnect()
            return
        self._connected = True
        self._backoff.reset()
        _log.info("connected to the broker %s", self._settings.url)
        self._trouble = ""
        self._deliver(self._link(b"1"))

    def _on_disconnect(
        self,
        _client: Client,
        _data: Any,
        _flags: DisconnectFlags,
        code: ReasonCode,
        _properties: Properties | None,
    ) -> None:
        if self._connected and not self._stopping.is_set():
            self._note_trouble(f"the connection was lost: {code}")
        self._note_down()

    def _on_message(self, message: Publish) -> None:
        self._deliver(
            Arrival(
                self._clock.now_ms(),
                self._epoch,
                message.mid,
                message.qos,
                message.topic or "?",  # an empty topic would be a link's
                message.payload,
                message.retained,
                message.again,
            )
        )

    def _note_down(self) -> None:
        with self._epoch_lock:
            self._epoch += 1
        if self._connected:
            self._connected = False
            self._deliver(self._link(b"0"))

    def _link(self, payload: bytes) -> Arrival:
        return Arrival(self._clock.now_ms(), 0, 0, 0, "", payload, False, False)

    def _note_trouble(self, why: str) -> None:
        if why != self._trouble and not self._stopping.is_set():
            _log.warning("no connection to the broker %s: %s; it goes on trying", self._settings.url, why)
        self._trouble = why


def _tls_context(settings: BrokerSettings) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=settings.ca_file)
    except (OSError, ssl.SSLError) as error:
        problem = Problem("broker.ca_file", str(error), "it is a PEM file that the collector may read")
        raise ConfigError("broker.ca_file cannot be used", [problem]) from error


def _password(settings: BrokerSettings) -> str | None:
    if settings.password_file is None:
        return None
    return settings.password_file.read_text("utf-8").splitlines()[0]
