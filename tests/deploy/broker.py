"""The shipped mosquitto configuration on a loopback port, with secrets made by the shipped script."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from parts import Part, free_port, need

DEPLOY = Path(__file__).parents[2] / "deploy"


def secrets(folder: Path, *arguments: str) -> str:
    """What ``make_secrets.py`` prints."""
    command = [sys.executable, str(DEPLOY / "make_secrets.py"), "--out", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class ShippedBroker(Part):
    """mosquitto with the configuration of `source`, its paths and port moved and nothing else.

    Args:
        folder: holds the secrets that the script made.
        source: one of the two shipped configurations.
    """

    def __init__(self, folder: Path, source: Path) -> None:
        port = free_port()
        text = source.read_text("utf-8")
        (folder / "data").mkdir(exist_ok=True)
        for place, ours in (
            ("password_file", folder / "secrets/passwords"),
            ("acl_file", folder / "acl"),
            ("cafile", folder / "secrets/tls/ca.crt"),
            ("certfile", folder / "secrets/tls/server.crt"),
            ("keyfile", folder / "secrets/tls/server.key"),
        ):
            text, count = re.subn(rf"^{place} .*$", f"{place} {ours}", text, flags=re.MULTILINE)
            assert count == 1, place
        text = re.sub(
            r"^persistence_location .*$", f"persistence_location {folder}/data/", text, flags=re.MULTILINE
        )
        text, count = re.subn(r"^listener 8883$", f"listener {port} 127.0.0.1", text, flags=re.MULTILINE)
        assert count == 1
        (folder / "acl").write_text((DEPLOY / "mosquitto/acl").read_text("utf-8"))
        config = folder / "mosquitto.conf"
        # Started as root it would become the user mosquitto, who cannot read a test's folder.
        config.write_text(text + "\nuser root\n")
        super().__init__([need("mosquitto"), "-c", str(config)], port, folder / "mosquitto.log")
        self.ca = folder / "secrets/tls/ca.crt"

    def reload(self) -> None:
        """Have it read its password file anew, as an administrator does."""
        assert self._process is not None
        self._process.send_signal(signal.SIGHUP)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Client:
    """An MQTT 5 client over TLS: what it was answered is in its attributes."""

    def __init__(self, broker: ShippedBroker, user: str | None, password: str | None) -> None:
        self.connected = threading.Event()
        self.answer: Any = None
        self.gone = threading.Event()
        self.got: list[tuple[str, bytes]] = []
        self.arrived = threading.Event()
        self._reasons: dict[int, Any] = {}
        self._answered = threading.Condition()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=user or "nobody",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        if user is not None:
            self._client.username_pw_set(user, password)
        self._client.tls_set(ca_certs=str(broker.ca))
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self.gone.set()
        self._client.on_publish = lambda _c, _u, mid, reason, _p: self._note(mid, reason)
        self._client.on_subscribe = lambda _c, _u, mid, reasons, _p: self._note(mid, reasons[0])
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", broker.port)
        self._client.loop_start()
        assert self.connected.wait(30)

    def publish(self, topic: str, payload: bytes = b"{}") -> str:
        """What the broker says to a QoS 1 message."""
        info = self._client.publish(topic, payload, qos=1)
        return self._wait(info.mid)

    def subscribe(self, topic: str) -> str:
        """What the broker says to a subscription."""
        _, mid = self._client.subscribe(topic, qos=1)
        assert mid is not None
        return self._wait(mid)

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def _wait(self, mid: int) -> str:
        with self._answered:
            assert self._answered.wait_for(lambda: mid in self._reasons, 30)
            return str(self._reasons[mid])

    def _note(self, mid: int, reason: Any) -> None:
        with self._answered:
            self._reasons[mid] = reason
            self._answered.notify_all()

    def _on_connect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self.answer = reason
        self.connected.set()

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        self.got.append((message.topic, bytes(message.payload)))
        self.arrived.set()
