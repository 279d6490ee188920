"""The shipped mosquitto configuration on a loopback port, with secrets made by the shipped script."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion
from parts import Part, free_port, need, need_file, wait_for_port

from schoolpulse.clock import SystemClock
from schoolpulse.database import connect
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.settings import DynsecAccounts, EnrolmentSettings
from schoolpulse.ingest.settings import BrokerSettings
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry

DEPLOY = Path(__file__).parents[2] / "deploy"


def secrets(folder: Path, *arguments: str) -> str:
    """What ``make_secrets.py`` prints."""
    command = [sys.executable, str(DEPLOY / "make_secrets.py"), "--out", str(folder), *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


class ShippedBroker(Part):
    """mosquitto with the configuration of `source`, its paths and ports moved and nothing else.

    Args:
        folder: holds the secrets that the script made.
        source: one of the two shipped configurations.
    """

    def __init__(self, folder: Path, source: Path) -> None:
        port, self.certificate_port = free_port(), free_port()
        text = source.read_text("utf-8") + (DEPLOY / "mosquitto/certificates.conf").read_text("utf-8")
        data = folder / "data"
        data.mkdir(exist_ok=True)
        self.accounts_file = data / "dynamic-security.json"
        if not self.accounts_file.exists():
            shutil.copyfile(folder / "secrets/dynamic-security.json", self.accounts_file)
            self.accounts_file.chmod(0o600)
        plugin = need_file("mosquitto_dynamic_security.so", Path("/usr/lib"))
        for place, ours, times in (
            ("plugin", plugin, 1),
            ("plugin_opt_config_file", self.accounts_file, 1),
            ("cafile", folder / "secrets/tls/ca.crt", 2),
            ("certfile", folder / "secrets/tls/server.crt", 2),
            ("keyfile", folder / "secrets/tls/server.key", 2),
        ):
            text, count = re.subn(rf"^{place} .*$", f"{place} {ours}", text, flags=re.MULTILINE)
            assert count == times, place
        text = re.sub(
            r"^persistence_location .*$", f"persistence_location {folder}/data/", text, flags=re.MULTILINE
        )
        for shipped, moved in ((8883, port), (8884, self.certificate_port)):
            text, count = re.subn(
                rf"^listener {shipped}$", f"listener {moved} 127.0.0.1", text, flags=re.MULTILINE
            )
            assert count == 1
        config = folder / "mosquitto.conf"
        # Started as root it would become the user mosquitto, who cannot read a test's folder.
        config.write_text(text + "\nuser root\n")
        super().__init__([need("mosquitto"), "-c", str(config)], port, folder / "mosquitto.log")
        self.ca = folder / "secrets/tls/ca.crt"
        self.folder = folder

    @property
    def url(self) -> str:
        """As `[broker] url` says it."""
        return f"mqtts://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until both listeners are there."""
        super().start()
        assert self._process is not None
        wait_for_port(self.certificate_port, self._process)

    def settings(self) -> BrokerSettings:
        """The collector's `[broker]`."""
        return BrokerSettings(
            url=self.url,
            username="collector",
            password_file=self.folder / "secrets/broker_password",
            ca_file=self.ca,
        )

    def accounts(self) -> DynsecAccounts:
        """The collector's `[accounts]`."""
        return DynsecAccounts(kind="dynsec", password_file=self.folder / "secrets/accounts_password")

    def desk(self) -> AgentDesk:
        """A desk of its own, with a registry of two schools."""
        engine = connect(f"sqlite:///{self.folder / 'state.db'}")
        registry = Registry(engine)
        registry.upsert(
            School(id=f"s-{number}", name=f"School {number}", level="thcs", agent_id=f"gw-{number}")
            for number in (1, 2)
        )
        return AgentDesk.open(
            engine, registry, SystemClock(), EnrolmentSettings(), self.accounts(), self.settings()
        )

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


class Reachable(Protocol):
    """A broker as its clients see it; one without an authority speaks no TLS."""

    @property
    def port(self) -> int:
        """For passwords."""
        ...

    @property
    def certificate_port(self) -> int:
        """For certificates."""
        ...

    @property
    def ca(self) -> Path | None:
        """Who vouches for it."""
        ...


class Client:
    """An MQTT 5 client over TLS: what it was answered is in its attributes."""

    def __init__(
        self,
        broker: Reachable,
        user: str | None,
        password: str | None,
        *,
        certificate: tuple[Path, Path] | None = None,
        will: str | None = None,
    ) -> None:
        self.connected = threading.Event()
        self.answer: Any = None
        self.gone = threading.Event()
        self.got: list[tuple[str, bytes]] = []
        self._arrived = threading.Condition()
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
        crt, key = map(str, certificate) if certificate else (None, None)
        if broker.ca is not None:
            self._client.tls_set(ca_certs=str(broker.ca), certfile=crt, keyfile=key)
        if will is not None:
            self._client.will_set(will, b"last words", qos=1)
        self._client.on_connect = self._on_connect
        self._client.on_disconnect = lambda *_: self.gone.set()
        self._client.on_publish = lambda _c, _u, mid, reason, _p: self._note(mid, reason)
        self._client.on_subscribe = lambda _c, _u, mid, reasons, _p: self._note(mid, reasons[0])
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", broker.certificate_port if certificate else broker.port)
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

    def wait_for(self, count: int) -> None:
        """Until so many messages have come."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.got) >= count, 30), self.got

    def wait_for_topic(self, topic: str) -> None:
        """Until something came on `topic`."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: topic in {found for found, _ in self.got}, 30), self.got

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Leave."""
        self._client.disconnect()
        self._client.loop_stop()

    def vanish(self) -> None:
        """Go without goodbye: the broker publishes the will."""
        self._client.loop_stop()
        sock = self._client.socket()
        assert sock is not None
        sock.close()

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
        with self._arrived:
            self.got.append((message.topic, bytes(message.payload)))
            self._arrived.notify_all()
