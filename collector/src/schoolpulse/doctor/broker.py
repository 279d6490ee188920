"""The broker: whether it lets the collector in, what it dropped, and how it is set up.

What it dropped and which version it is stands under ``$SYS``; limits of a connection are in its CONNACK. Its
persistence and its queue's length it tells nobody: they are read from its configuration, where that is here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from schoolpulse.doctor.findings import Finding, bad, ok, warn
from schoolpulse.ingest.settings import BrokerSettings
from schoolpulse_agent import wire

DROPPED = "$SYS/broker/publish/messages/dropped"
VERSION = "$SYS/broker/version"
WAIT_S = 15.0
LEAST_QUEUE = 100_000


class _Look:
    """One connection that listens for a moment."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.reason = ""
        self.limits: Mapping[str, Any] = {}
        self.said: dict[str, str] = {}
        self._changed = threading.Condition()
        self._client = mqtt.Client(
            CallbackAPIVersion.VERSION2,
            client_id=f"{settings.client_id}-doctor",
            protocol=mqtt.MQTTv5,
            reconnect_on_failure=False,
        )
        if settings.username is not None and settings.password_file is not None:
            password = settings.password_file.read_text("utf-8").strip()
            self._client.username_pw_set(settings.username, password)
        if settings.tls:
            self._client.tls_set(ca_certs=str(settings.ca_file) if settings.ca_file else None)
        self._client.on_connect = self._on_connect
        self._client.on_message = self._on_message
        try:
            self._client.connect(settings.host, settings.port)
            self._client.loop_start()
            with self._changed:
                self._changed.wait_for(
                    lambda: self.reason not in {"", "Success"} or len(self.said) == 2, WAIT_S
                )
        finally:
            self._client.disconnect()
            self._client.loop_stop()

    def _on_connect(self, client: mqtt.Client, _data: Any, _flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self.reason = str(reason)
            self.limits = properties.json() if properties else {}
            self._changed.notify_all()
        if self.reason == "Success":
            client.subscribe([(DROPPED, 0), (VERSION, 0)])

    def _on_message(self, _client: mqtt.Client, _data: Any, message: mqtt.MQTTMessage) -> None:
        with self._changed:
            self.said[message.topic] = bytes(message.payload).decode("utf-8", "replace")
            self._changed.notify_all()


def look_at(settings: BrokerSettings) -> Iterator[Finding]:
    """Connect as the collector does, under another name, and read what the broker says of itself."""
    part = "broker"
    try:
        look = _Look(settings)
    except OSError as error:
        yield bad(
            part,
            f"no connection ({error.strerror or type(error).__name__})",
            "see the check of its port above",
        )
        return
    if look.reason != "Success":
        yield bad(
            part,
            f"it refuses the collector: {look.reason or 'no answer'}",
            "check [broker] username and password_file against its password file, then reload it",
        )
        return
    yield ok(part, f"it lets the collector in ({look.said.get(VERSION, 'no version said')})")
    size = look.limits.get("MaximumPacketSize")
    if size is not None and size < wire.MAX_MESSAGE_BYTES:
        yield bad(
            part,
            f"it takes messages of {size} bytes at most",
            f"max_packet_size of {2 * wire.MAX_MESSAGE_BYTES}",
        )
    if DROPPED not in look.said:
        yield warn(
            part, "it does not say what it dropped", "let the user read $SYS/#, as deploy/mosquitto/acl does"
        )
    elif look.said[DROPPED] != "0":
        yield warn(
            part,
            f"it dropped {look.said[DROPPED]} messages since it started",
            "nothing is lost, agents send again; raise max_queued_messages, see why the collector was away",
        )
    else:
        yield ok(part, "it dropped nothing")


def read_configuration(path: Path) -> dict[str, str]:
    """The settings of a mosquitto.conf with what it includes; the last word on each counts."""
    found: dict[str, str] = {}
    for line in path.read_text("utf-8").splitlines():
        name, _, value = line.strip().partition(" ")
        if name == "include_dir":
            for included in sorted(Path(value.strip()).glob("*.conf")):
                found |= read_configuration(included)
        elif name and not name.startswith("#"):
            found[name] = value.strip()
    return found


def look_at_configuration(path: Path) -> Iterator[Finding]:
    """What the broker tells nobody, from its file."""
    part = "broker's file"
    try:
        settings = read_configuration(path)
    except OSError as error:
        yield warn(part, f"{path} cannot be read ({error.strerror})", "run this as a user who may")
        return
    if settings.get("persistence") != "true":
        yield bad(part, "persistence is off: a restart forgets sessions", "persistence true")
    else:
        yield ok(part, "persistence is on")
    queue = int(settings.get("max_queued_messages", "1000"))
    if queue < LEAST_QUEUE:
        why = "0 misbehaves in 2.0" if queue == 0 else "beyond it the newest is dropped"
        yield bad(part, f"max_queued_messages is {queue}; {why}", "max_queued_messages 1000000")
    else:
        yield ok(part, f"it queues up to {queue} messages")
    if settings.get("allow_anonymous") == "true":
        yield bad(part, "anybody may connect", "allow_anonymous false, with a password_file and an acl_file")
    elif "acl_file" not in settings and "plugin" not in settings:
        yield bad(part, "no ACL: an agent may speak for another", "acl_file, see deploy/mosquitto/acl")
