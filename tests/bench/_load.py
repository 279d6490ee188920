"""A publisher process for the ingest benchmark: makes its packets first, then sends them at full speed.

The packets are written by hand (MQTT 5, 3.1 and 3.3), many to a system call: agents do not share the
collector's cores, and what this costs is taken from what is measured.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import time
from collections.abc import Sequence

from schoolpulse_agent import wire

AGENTS = 200
IN_FLIGHT = 1_000
GROUP = 100
CONNECT = b"\x10\x17\x00\x04MQTT\x05\x02\x00\x00\x00\x00\x0abench-load"
CONNACK = b"\x20"
PUBACK = 0x40
DISCONNECT = b"\xe0\x00"


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


def packet(mid: int, topic: str, payload: bytes) -> bytes:
    """A PUBLISH with QoS 1 and no properties."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + mid.to_bytes(2, "big") + b"\0" + payload
    length = bytearray()
    left = len(body)
    while True:
        left, digit = left >> 7, left & 127
        length.append(digit | (128 if left else 0))
        if not left:
            return b"\x32" + bytes(length) + body


def send(sock: socket.socket, packets: Sequence[bytes]) -> None:
    """Send all, never more than `IN_FLIGHT` beyond what was acknowledged; returns when all of it was."""
    received = b""
    sent = acknowledged = 0
    while acknowledged < len(packets):
        group = packets[sent : min(sent + GROUP, acknowledged + IN_FLIGHT)]
        if group:
            sock.sendall(b"".join(group))
            sent += len(group)
        if sent - acknowledged > IN_FLIGHT - GROUP or sent == len(packets):
            received += sock.recv(1 << 16)
            at = 0
            while at + 2 <= len(received) and at + 2 + received[at + 1] <= len(received):
                acknowledged += received[at] == PUBACK
                at += 2 + received[at + 1]
            received = received[at:]


def main() -> int:
    """Say that it is ready, wait for a line on standard input, send, say that it is done."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--messages", type=int, required=True)
    parser.add_argument("--points", type=int, required=True)
    options = parser.parse_args()
    load = messages(options.messages, options.points)
    size = sum(len(payload) for _, payload in load)
    packets = [packet(number % 65_535 + 1, *message) for number, message in enumerate(load)]
    with socket.create_connection(("127.0.0.1", options.port)) as sock:
        sock.sendall(CONNECT)
        if sock.recv(1024)[:1] != CONNACK:
            raise ConnectionRefusedError("the broker does not take the publisher")
        print(json.dumps({"ready": True, "bytes": size}), flush=True)  # noqa: T201
        sys.stdin.readline()
        send(sock, packets)
        sock.sendall(DISCONNECT)
    return 0


if __name__ == "__main__":
    sys.exit(main())
