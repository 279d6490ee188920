"""One conversation with mosquitto's dynamic security plugin over MQTT 5: connect, ask, hear, leave."""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from schoolpulse.enrolment.settings import DynsecAccounts
from schoolpulse.errors import AccountsUnavailable
from schoolpulse.ingest.settings import BrokerSettings

TOPIC = "$CONTROL/dynamic-security/v1"
ANSWERS = TOPIC + "/response"
TIMEOUT_S = 15.0
ANSWER_TIMEOUT_S = 60.0
"""With thousands of accounts the plugin takes about a second for each command."""


class MqttControl:
    """Asks the plugin, each time over a connection of its own.

    Args:
        broker: the collector's own broker settings: the address and authority where `settings` name none.
        settings: the account that may ask.
    """

    def __init__(self, broker: BrokerSettings, settings: DynsecAccounts) -> None:
        self._broker = broker.model_copy(update={"url": settings.url}) if settings.url else broker
        self._ca_file = settings.ca_file or broker.ca_file
        self._settings = settings

    def ask(self, commands: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
        """The plugin's answer to each command, in order.

        Raises:
            AccountsUnavailable: it cannot be reached, or does not answer.
        """
        try:
            return _Conversation(self._broker, self._ca_file, self._settings).hold(commands)
        except (OSError, ValueError) as error:
            raise AccountsUnavailable(
                f"the broker's accounts at {self._broker.url} cannot be reached: {error}",
                hint="is the broker up, and [accounts] password_file that of its accounts user?",
            ) from error


class _Conversation:
    def __init__(self, broker: BrokerSettings, ca_file: Path | None, settings: DynsecAccounts) -> None:
        self._broker = broker
        self._mark = secrets.token_hex(8)
        self._changed = threading.Condition()
        self._refusal = ""
        self._ready = False
        self._answers: list[Mapping[str, Any]] = []
        client = self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"schoolpulse-accounts-{self._mark}",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        client.connect_timeout = TIMEOUT_S
        client.username_pw_set(settings.username, _first_line(settings.password_file))
        if broker.tls:
            client.tls_set_context(ssl.create_default_context(cafile=ca_file))
        client.on_connect = self._on_connect
        client.on_subscribe = self._on_subscribe
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message

    def hold(self, commands: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        self._client.connect(self._broker.host, self._broker.port)
        self._client.loop_start()
        try:
            self._wait(lambda: self._ready, "it does not let us in")
            body = {"commands": [{**command, "correlationData": self._mark} for command in commands]}
            self._client.publish(TOPIC, json.dumps(body).encode(), qos=1)
            self._wait(
                lambda: len(self._answers) >= len(commands),
                "its dynamic security plugin does not answer",
                ANSWER_TIMEOUT_S,
            )
        finally:
            self._client.disconnect()
            self._client.loop_stop()
        return self._answers[: len(commands)]

    def _wait(self, done: Callable[[], bool], otherwise: str, timeout_s: float = TIMEOUT_S) -> None:
        with self._changed:
            in_time = self._changed.wait_for(lambda: self._refusal or done(), timeout_s)
            if self._refusal or not in_time:
                raise OSError(self._refusal or otherwise)

    def _note(self, *, refusal: str = "", ready: bool = False) -> None:
        with self._changed:
            self._refusal = self._refusal or refusal
            self._ready = self._ready or ready
            self._changed.notify_all()

    def _on_connect(
        self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, _properties: Any
    ) -> None:
        if reason.is_failure:
            self._note(refusal=f"it refuses us: {reason}")
        else:
            client.subscribe(ANSWERS, qos=1)

    def _on_subscribe(self, _client: Any, _data: Any, _mid: int, codes: Any, _properties: Any) -> None:
        refused = next((code for code in codes if code.is_failure), None)
        self._note(refusal=f"it does not let us read {ANSWERS}: {refused}" if refused else "", ready=True)

    def _on_disconnect(self, _client: Any, _data: Any, _flags: Any, reason: Any, _properties: Any) -> None:
        self._note(refusal=f"the connection ended: {reason}")

    def _on_message(self, _client: Any, _data: Any, message: mqtt.MQTTMessage) -> None:
        try:
            answers = json.loads(message.payload)["responses"]
            # Whoever else asks the plugin at this moment has its answers on the same topic.
            ours = [one for one in answers if one.get("correlationData") == self._mark]
        except (ValueError, TypeError, KeyError, AttributeError):
            return
        with self._changed:
            self._answers += ours
            self._changed.notify_all()


def _first_line(path: Path) -> str:
    lines = path.read_text("utf-8").splitlines()
    if not lines:
        raise ValueError(f"{path} is empty")
    return lines[0]
