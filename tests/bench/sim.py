"""Gateways of the simulator, each its own MQTT connection with will and session, from one process.

A small confirmer in this process stands for the collector, since unconfirmed batches would pile up at the
gateways. ``SCHOOLPULSE_BENCH_GATEWAYS`` (10,000) and ``SCHOOLPULSE_BENCH_STEADY_S`` (60) set the size.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as mqtt
import psutil
from paho.mqtt.enums import CallbackAPIVersion
from parts.mosquitto import Mosquitto

from schoolpulse_agent import wire

SCENARIO = """
[scenario]
title = "Nothing goes wrong"
[district]
devices = [10, 20]
"""
CONNECT_LIMIT_S = 300.0


class _Confirmer:
    """Confirms each batch as the collector would, and counts."""

    def __init__(self, port: int) -> None:
        self.batches = self.wills = 0
        self._done: dict[str, wire.SeqSet] = {}
        self._client = mqtt.Client(CallbackAPIVersion.VERSION2, "confirmer", protocol=mqtt.MQTTv5)
        self._client.on_message = self._on_message
        self._client.connect("127.0.0.1", port)
        for kind in (wire.Kind.TELEMETRY, wire.Kind.STATE):
            self._client.subscribe(f"{wire.TOPIC_PREFIX}/+/{kind.value}", qos=1)
        self._client.loop_start()

    def close(self) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def _on_message(self, client: mqtt.Client, _user: Any, message: mqtt.MQTTMessage) -> None:
        agent_id, kind = wire.split_topic(message.topic)
        head = bytes(message.payload[:90])
        if kind is wire.Kind.STATE:
            self.wills += b'"online":false' in head and b"reason" not in message.payload
            return
        self.batches += 1
        stream = head.split(b'"stream":"', 1)[1].split(b'"', 1)[0].decode()
        seq = int(head.split(b'"seq":', 1)[1].split(b",", 1)[0])
        done = self._done.setdefault(stream, wire.SeqSet())
        done.add(seq)
        client.publish(wire.topic(agent_id, wire.Kind.CONFIRM), wire.confirm_message(stream, done), qos=1)


def run() -> Iterator[dict[str, Any]]:
    """Connect them all, let them send for a while, end them in order."""
    gateways = int(os.environ.get("SCHOOLPULSE_BENCH_GATEWAYS", "10000"))
    steady_s = float(os.environ.get("SCHOOLPULSE_BENCH_STEADY_S", "60"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        broker = Mosquitto(folder)
        broker.start()
        try:
            yield _measure(folder, broker, gateways, steady_s)
        finally:
            broker.stop()


def _measure(folder: Path, broker: Mosquitto, gateways: int, steady_s: float) -> dict[str, Any]:
    scenario = folder / "steady.toml"
    scenario.write_text(SCENARIO)
    confirmer = _Confirmer(broker.port)
    command = [sys.executable, "-m", "schoolpulse_sim", "run", "--scenario", str(scenario)]
    command += ["--schools", str(gateways), "--broker", broker.url]
    began_s = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    try:
        assert process.stdout is not None
        watchdog = threading.Timer(CONNECT_LIMIT_S, process.kill)
        watchdog.start()
        ready = json.loads(process.stdout.readline() or b"{}")
        watchdog.cancel()
        started_s = time.monotonic() - began_s
        watched = psutil.Process(process.pid)
        cpu_before, batches_before, at_s = watched.cpu_times(), confirmer.batches, time.monotonic()
        time.sleep(steady_s)
        elapsed_s = time.monotonic() - at_s
        batches = confirmer.batches - batches_before
        cpu = watched.cpu_times()
        cpu_s = cpu.user + cpu.system - cpu_before.user - cpu_before.system
        rss_kb = watched.memory_info().rss / 1024
        wills = confirmer.wills
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=180)
    finally:
        process.kill()
        process.wait()
        confirmer.close()
    figures = json.loads(out)
    return {
        "gateways": gateways,
        "connected": ready.get("agents", 0),
        "connect_s": ready.get("connect_s"),
        "start_s": round(started_s, 1),
        "steady_s": round(elapsed_s, 1),
        "rss_kb_per_gateway": round(rss_kb / gateways, 1),
        "messages_per_s": round(batches / elapsed_s, 1),
        "cpu_ratio": round(cpu_s / elapsed_s, 3),
        "connections_lost": wills,
        "unconfirmed": figures["unconfirmed"],
        "discarded": figures["discarded"],
    }
