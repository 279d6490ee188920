"""One MQTT connection over paho-mqtt 1.6.1 or 2.x, driven by its owner's thread.

A new paho client is made for every connection, so nothing of paho's own retransmission outlives one: what
has to be sent again, the spool knows better. paho's network thread is not used.
"""

from __future__ import annotations

import logging
import selectors
import socket
from typing import Any, Callable

import paho.mqtt.client as mqtt

from schoolpulse_agent import credentials, wire
from schoolpulse_agent.clock import Clock
from schoolpulse_agent.settings import BrokerSettings

log = logging.getLogger(__name__)

ANSWER_TIMEOUT_S = 15.0
"""For the broker's answers to CONNECT and SUBSCRIBE."""
_VARIABLE_HEADER_BYTES = 16
_MAX_IN_FLIGHT = 1000


class ConnectionLost(Exception):
    """The connection ended, or never came about; its text says why."""


class Connection:
    """One connection, from `open` to `close`. All methods belong to one thread.

    Args:
        settings: where and how.
        client_id: the agent's id.
        will: topic and payload that the broker publishes, retained, if we vanish; None for a look only.
        on_message: called with topic and payload.
        wake: a socket that becomes readable when `step` should return early; drained here.
        clock: the steady clock.
    """

    def __init__(
        self,
        settings: BrokerSettings,
        client_id: str,
        will: tuple[str, bytes] | None,
        on_message: Callable[[str, bytes], None],
        wake: socket.socket,
        clock: Clock,
    ) -> None:
        self._settings = settings
        self._on_message_of_ours = on_message
        self._wake = wake
        self._clock = clock
        self._client = self._new_client(client_id)
        if will is not None:
            self._client.will_set(will[0], will[1], qos=wire.QOS, retain=True)
        self._selector: selectors.BaseSelector | None = None
        self._accepted = False
        self._subscribing: int | None = None
        self._unacknowledged: dict[int, float] = {}
        self._receive_maximum = _MAX_IN_FLIGHT
        self._end: str | None = None
        self.max_packet_bytes = wire.MAX_MESSAGE_BYTES * 2
        self.may_read = True
        """False once the broker has refused a subscription."""

    def open(self, topics: list[str], cancelled: Callable[[], bool]) -> None:
        """Connect and subscribe; returns when the broker has accepted both.

        Args:
            topics: to subscribe to.
            cancelled: asked now and then whether to give up.

        Raises:
            ConnectionLost: it did not come about.
            SetupError: a certificate or password file cannot be used.
        """
        credentials.apply(self._client, self._settings)
        try:
            self._client.connect(self._settings.host, self._settings.port, self._settings.keepalive_s)
        except (OSError, ValueError) as error:
            raise ConnectionLost(str(error) or type(error).__name__) from error
        sock = self._client.socket()
        if sock is None:
            raise ConnectionLost(self._end or "the broker hung up at once")
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wake, selectors.EVENT_READ)
        self._selector.register(sock, selectors.EVENT_READ)
        self._await(lambda: self._accepted, cancelled, "CONNECT")
        result, mid = self._client.subscribe([(topic, wire.QOS) for topic in topics])
        self._check(result)
        self._subscribing = mid
        self._await(lambda: self._subscribing is None, cancelled, "SUBSCRIBE")

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> int:
        """Send at QoS 1; the packet's number.

        Raises:
            ConnectionLost: the connection ended.
        """
        info = self._client.publish(topic, payload, qos=wire.QOS, retain=retain)
        self._check(info.rc)
        self._unacknowledged[info.mid] = self._clock.monotonic()
        return info.mid

    def fits(self, topic: str, payload: bytes) -> bool:
        """Whether the broker takes a packet that large."""
        return len(topic) + len(payload) + _VARIABLE_HEADER_BYTES <= self.max_packet_bytes

    @property
    def has_room(self) -> bool:
        """Whether the broker takes one more before it has acknowledged what it got."""
        return len(self._unacknowledged) < self._receive_maximum

    @property
    def unacknowledged(self) -> int:
        """Packets that the broker has not acknowledged."""
        return len(self._unacknowledged)

    def step(self, timeout_s: float) -> None:
        """Wait for the network, the wake socket or the time-out, and handle what came.

        Raises:
            ConnectionLost: the connection ended.
        """
        selector, sock = self._selector, self._client.socket()
        if selector is None or sock is None:
            raise ConnectionLost(self._end or "the connection is closed")
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if self._client.want_write() else 0)
        selector.modify(sock, wanted)
        waiting_in_tls = getattr(sock, "pending", lambda: 0)() > 0
        ready = dict(selector.select(0 if waiting_in_tls else timeout_s))
        events = next((mask for key, mask in ready.items() if key.fileobj is sock), 0)
        if any(key.fileobj is self._wake for key in ready):
            self._wake.recv(4096)
        try:
            if events & selectors.EVENT_READ or waiting_in_tls:
                self._check(self._client.loop_read())
            if events & selectors.EVENT_WRITE:
                self._check(self._client.loop_write())
            self._check(self._client.loop_misc())
        except (ConnectionLost, OSError):
            raise
        except Exception as error:  # a broken packet must cost this connection and nothing else
            raise ConnectionLost(f"the broker sent nonsense: {type(error).__name__}") from error
        if self._end is not None:
            raise ConnectionLost(self._end)
        oldest = min(self._unacknowledged.values(), default=None)
        if oldest is not None and self._clock.monotonic() - oldest > self._settings.keepalive_s:
            raise ConnectionLost("the broker acknowledges nothing any more")

    def close(self, *, planned: bool) -> None:
        """End it. `planned` says goodbye, so that the broker does not publish the will."""
        if planned and self._client.socket() is not None:
            self._client.disconnect()
        if self._selector is not None:
            self._selector.close()
            self._selector = None
        sock = self._client.socket()
        if sock is not None:
            sock.close()

    def _await(self, done: Callable[[], bool], cancelled: Callable[[], bool], packet: str) -> None:
        deadline = self._clock.monotonic() + ANSWER_TIMEOUT_S
        while not done():
            if cancelled() or self._clock.monotonic() >= deadline:
                raise ConnectionLost(f"the broker does not answer {packet}")
            self.step(0.5)

    def _check(self, result: int) -> None:
        if result != mqtt.MQTT_ERR_SUCCESS:
            raise ConnectionLost(self._end or mqtt.error_string(result))

    def _new_client(self, client_id: str) -> mqtt.Client:
        version = mqtt.MQTTv5 if self._settings.protocol == "5" else mqtt.MQTTv311
        options: dict[str, Any] = {"client_id": client_id, "protocol": version}
        if hasattr(mqtt, "CallbackAPIVersion"):  # paho-mqtt 2.x
            options["callback_api_version"] = mqtt.CallbackAPIVersion.VERSION2
        client = mqtt.Client(**options)
        client.suppress_exceptions = True  # they are logged all the same, by the next line
        client.enable_logger(log)
        client.max_inflight_messages_set(_MAX_IN_FLIGHT)
        client.max_queued_messages_set(_MAX_IN_FLIGHT)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_subscribe = self._on_subscribe
        client.on_publish = self._on_publish
        client.on_message = self._on_message
        return client

    # paho calls these with other arguments in each of its versions and protocols; what we need stands first.

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, properties: Any = None) -> None:
        if reason != 0:
            named = mqtt.connack_string(reason) if isinstance(reason, int) else str(reason)
            self._end = f"the broker refuses us: {named}"
            return
        self._accepted = True
        limits = vars(properties) if properties is not None else {}
        self._receive_maximum = limits.get("ReceiveMaximum", _MAX_IN_FLIGHT)  # paho ignores it
        self.max_packet_bytes = limits.get("MaximumPacketSize", self.max_packet_bytes)

    def _on_disconnect(self, _client: Any, _data: Any, *reasons: Any) -> None:
        # 1.6.1 gives (rc[, properties]), 2.x gives (flags, reason, properties)
        reason = reasons[1] if len(reasons) == 3 else reasons[0]
        if self._end is None:
            self._end = mqtt.error_string(reason) if isinstance(reason, int) else str(reason)

    def _on_subscribe(self, _client: Any, _data: Any, mid: int, codes: Any, _properties: Any = None) -> None:
        if mid == self._subscribing:
            self._subscribing = None
        if any((code if isinstance(code, int) else code.value) >= 0x80 for code in codes):
            self.may_read = False
            log.error(
                "the broker refuses a subscription: its access rules must let the agent read its topics"
            )

    def _on_publish(self, _client: Any, _data: Any, mid: int, *_rest: Any) -> None:
        self._unacknowledged.pop(mid, None)

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            self._on_message_of_ours(message.topic, bytes(message.payload))
        except Exception:
            log.exception("a message on %s was not handled", message.topic)
