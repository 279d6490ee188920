"""A publisher process for the ingest benchmark: makes its messages first, then sends them at full speed."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import deque

import paho.mqtt.client as mqtt
from paho.mqtt.enums import CallbackAPIVersion

from schoolpulse_agent import wire

AGENTS = 200
IN_FLIGHT = 2_000
QUEUED = 10_000


def messages(count: int, points: int) -> list[tuple[str, bytes]]:
    """`count` batches of `points` points of four fields, from `AGENTS` agents in turn."""
    start_ms = time.time_ns() // 1_000_000 - 3_600_000
    made = []
    for number in range(count):
        agent, seq = number % AGENTS, number // AGENTS + 1
        samples = [
            wire.Sample(
                "reachability",
                start_ms + seq,
                (("target", f"t{point}"), ("scope", "national"), ("method", "icmp")),
                (("up", 1), ("rtt_ms", 4.0 + point / 8), ("jitter_ms", 0.25), ("loss_ratio", 0.0)),
            )
            for point in range(points)
        ]
        body = wire.telemetry_body("boot-1", "synced", wire.blocks_of(samples))
        stream = f"bench-{points}-{agent}-{start_ms}"
        message = wire.telemetry_message(stream, seq, start_ms, body)
        made.append((wire.topic(f"gw-{agent}", wire.Kind.TELEMETRY), message))
    return made


def main() -> int:
    """Say that it is ready, wait for a line on standard input, send, say that it is done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--points", type=int, required=True)
    options = parser.parse_args()
    client = mqtt.Client(CallbackAPIVersion.VERSION2, client_id="bench-load", protocol=mqtt.MQTTv5)
    client.max_inflight_messages_set(IN_FLIGHT)
    client.connect("127.0.0.1", options.port, 60)
    load = messages(options.messages, options.points)
    print(json.dumps({"ready": True, "bytes": sum(len(payload) for _, payload in load)}), flush=True)  # noqa: T201
    sys.stdin.readline()
    client.loop_start()
    waiting: deque[mqtt.MQTTMessageInfo] = deque()
    for topic, payload in load:
        waiting.append(client.publish(topic, payload, qos=1))
        if len(waiting) > QUEUED:
            waiting.popleft().wait_for_publish()
    for info in waiting:
        info.wait_for_publish()
    client.disconnect()
    client.loop_stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
