"""An agent's real connection to a broker: one paho client a session, driven by one loop over many sockets.

A cut is played as it is in the world: a connection whose packets do not pass is not closed, it falls
silent, and the broker finds out by its keepalive and sends the will. So a dead session's socket is kept
in silence for longer than the broker waits.
"""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from schoolpulse_agent import wire
from schoolpulse_sim.net import Broker, Net
from schoolpulse_sim.sender import Agent
from schoolpulse_sim.timing import SECOND

CONNECT_TIMEOUT_MS = 10 * SECOND
SESSION_EXPIRY_S = 600
MAX_PENDING = 200
"""Messages that a silent connection takes before it takes no more, as a socket's buffer would."""

log = logging.getLogger(__name__)


class MqttLink:
    """The transport of one agent.

    Args:
        net: the loop.
        broker: where to.
        agent_id: client id and topic level.
        keepalive_ms: what the broker is told.
    """

    __slots__ = (
        "_agent_id",
        "_broker",
        "_client",
        "_keepalive_ms",
        "_net",
        "_passable",
        "_pending",
        "_silent_ms",
        "_uplink",
        "gateway",
        "position",
    )

    def __init__(self, net: Net, broker: Broker, agent_id: str, keepalive_ms: int) -> None:
        self.gateway: Agent | None = None
        self.position = 0
        """Its agent's among the district's."""
        self._net = net
        self._broker = broker
        self._agent_id = agent_id
        self._keepalive_ms = keepalive_ms
        self._client: mqtt.Client | None = None
        self._uplink = ""
        self._passable: frozenset[str] = frozenset()
        self._silent_ms: int | None = None
        self._pending: list[tuple[wire.Kind, bytes]] = []

    # ---- what the gateway asks for

    def open(self, at_ms: int, uplink: str, will: bytes) -> None:
        """Connect over `uplink`; nothing comes back over a dead one, and the attempt times out."""
        self._uplink = uplink
        self._pending = []
        client = self._client = self._new_client(will)
        if uplink not in self._passable:
            self._net.at(at_ms + CONNECT_TIMEOUT_MS, lambda now_ms: self._gone(client, now_ms))
            return
        keepalive_s = max(1, self._keepalive_ms // 1000)
        try:
            if self._broker.version == 5:
                expiry = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]  # paho leaves it untyped
                expiry.SessionExpiryInterval = SESSION_EXPIRY_S
                host, port = self._broker.host, self._broker.port
                client.connect(host, port, keepalive_s, clean_start=False, properties=expiry)
            else:
                client.connect(self._broker.host, self._broker.port, keepalive_s)
        except OSError as error:
            log.debug("%s: cannot connect: %s", self._agent_id, error)
            self._net.at(at_ms, lambda now_ms: self._gone(client, now_ms))
            return
        sock = client.socket()
        if isinstance(sock, socket.socket):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._net.watch(self, client)
        self._net.at(at_ms + CONNECT_TIMEOUT_MS, lambda now_ms: self._give_up(client, now_ms))
        self._net.at(at_ms + self._keepalive_ms // 4, lambda now_ms: self._tick(client, now_ms))

    def publish(self, _at_ms: int, kind: wire.Kind, payload: bytes) -> None:
        """Send, or hold while the line is silent."""
        if self._client is None:
            return
        if self._silent_ms is not None:
            if len(self._pending) < MAX_PENDING:
                self._pending.append((kind, payload))
            return
        retain = kind in {wire.Kind.STATE, wire.Kind.BIRTH}
        self._client.publish(wire.topic(self._agent_id, kind), payload, qos=wire.QOS, retain=retain)
        self._push(self._client)

    def close(self, _at_ms: int) -> None:
        """DISCONNECT, where it still gets through."""
        client, self._client = self._client, None
        if client is None:
            return
        sock = client.socket()
        if sock is None:
            return
        if self._silent_ms is not None:
            self._bury(client)
            return
        client.on_disconnect = None
        client.disconnect()
        with contextlib.suppress(OSError, ValueError):
            while client.want_write():
                if client.loop_write() != mqtt.MQTT_ERR_SUCCESS:
                    break
        self._net.unwatch(sock.fileno())
        _close(client)

    def vanish(self, _at_ms: int) -> None:
        """Fall silent for good; the socket stays until the broker has noticed."""
        client, self._client = self._client, None
        if client is not None:
            self._bury(client)

    def passable(self, at_ms: int, uplinks: frozenset[str]) -> None:
        """Fall silent, or speak again, as the line does."""
        self._passable = uplinks
        client = self._client
        if client is None or client.socket() is None:
            return
        passes = self._uplink in uplinks
        if not passes and self._silent_ms is None:
            self._silent_ms = at_ms
            self._net.unwatch(self._fd(client))
            self._net.at(at_ms + self._keepalive_ms * 3 // 2, lambda now_ms: self._unanswered(client, now_ms))
        elif passes and self._silent_ms is not None:
            self._silent_ms = None
            self._net.watch(self, client)
            pending, self._pending = self._pending, []
            for kind, payload in pending:
                self.publish(at_ms, kind, payload)
            self.serve(client)

    # ---- what the loop does

    def serve(self, client: mqtt.Client) -> None:
        """Read what has come and write what waits."""
        with contextlib.suppress(ValueError):  # paho reads a socket that a callback has just closed
            client.loop_read(8)
        self._push(client)

    def _push(self, client: mqtt.Client) -> None:
        if client.want_write():
            client.loop_write()
            self._net.writes(client, wanted=client.want_write())
        else:
            self._net.writes(client, wanted=False)

    def _tick(self, client: mqtt.Client, now_ms: int) -> None:
        if client is not self._client:
            return
        if self._silent_ms is None:
            client.loop_misc()
            self._push(client)
        self._net.at(now_ms + self._keepalive_ms // 4, lambda later_ms: self._tick(client, later_ms))

    def _new_client(self, will: bytes) -> mqtt.Client:
        version = mqtt.MQTTv5 if self._broker.version == 5 else mqtt.MQTTv311
        clean = None if self._broker.version == 5 else False
        client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            self._agent_id,
            clean_session=clean,
            protocol=version,
            reconnect_on_failure=False,
        )
        client.connect_timeout = 3.0
        client.will_set(wire.topic(self._agent_id, wire.Kind.STATE), will, qos=wire.QOS, retain=True)
        if self._broker.username is not None:
            client.username_pw_set(self._broker.username, self._broker.password)
        if self._broker.tls is not None:
            client.tls_set_context(self._broker.tls)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_socket_close = self._on_socket_close
        self._silent_ms = None
        return client

    def _on_connect(
        self, client: mqtt.Client, _user: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if client is not self._client or self.gateway is None:
            return
        if reason.is_failure:
            log.warning("%s: the broker refuses: %s", self._agent_id, reason)
            return  # the broker closes, and that is when we hear it
        client.subscribe(wire.topic(self._agent_id, wire.Kind.CONFIRM), qos=wire.QOS)
        self.gateway.opened(self._net.now_ms())
        self._net.touched.add(self)

    def _on_disconnect(self, client: mqtt.Client, *_: Any) -> None:
        # Told to the gateway from the loop, not from inside paho.
        self._net.at(self._net.now_ms(), lambda now_ms: self._gone(client, now_ms))

    def _on_message(self, client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        if client is self._client and self.gateway is not None:
            try:
                confirm = wire.parse_confirm(bytes(message.payload))
            except ValueError:
                log.warning("%s: a confirm that is none", self._agent_id)
                return
            self.gateway.confirmed(self._net.now_ms(), confirm)
            self._net.touched.add(self)

    def _on_socket_close(self, _client: mqtt.Client, _user: Any, sock: Any) -> None:
        self._net.unwatch(sock.fileno())

    def _give_up(self, client: mqtt.Client, now_ms: int) -> None:
        """The broker has taken the connection but never answered."""
        if self.gateway is not None and client is self._client and not self.gateway.connected:
            self._gone(client, now_ms)

    def _unanswered(self, client: mqtt.Client, now_ms: int) -> None:
        """No answer for longer than the keepalive allows: the agent takes the connection for dead."""
        silent_ms = self._silent_ms
        patience_ms = self._keepalive_ms * 3 // 2
        if client is self._client and silent_ms is not None and now_ms - silent_ms >= patience_ms:
            self._bury(client)
            self._gone(client, now_ms)

    def _gone(self, client: mqtt.Client, now_ms: int) -> None:
        if client is self._client and self.gateway is not None:
            self._client = None
            self._silent_ms = None
            self.gateway.lost(now_ms)
            self._net.touched.add(self)

    @staticmethod
    def _fd(client: mqtt.Client) -> int:
        sock = client.socket()
        return sock.fileno() if sock is not None else -1

    def _bury(self, client: mqtt.Client) -> None:
        """Keep a dead session's socket in silence until the broker must have noticed."""
        sock = client.socket()
        client.on_disconnect = None
        if sock is not None:
            self._net.unwatch(sock.fileno())
            # The client is held with its socket: paho closes the socket when the client is collected.
            rests_ms = self._net.now_ms() + self._keepalive_ms * 2 + 5 * SECOND
            self._net.at(rests_ms, lambda _now_ms: _close(client))


def _close(client: mqtt.Client) -> None:
    sock = client.socket()
    if sock is not None:
        with contextlib.suppress(OSError):
            sock.close()
