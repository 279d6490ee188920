"""One ndt7 test: a download, then an upload, each over its own connection and bounded in time and bytes."""

from __future__ import annotations

import json
import os
import ssl
import time
from typing import Any, NamedTuple

from schoolpulse_agent.ndt7.websocket import BINARY, Event, Pump, connect, header

TEST_S = 10.0
HARD_STOP_S = 15.0
CONNECT_S = 10.0
FIRST_MESSAGE, LARGEST_MESSAGE = 1 << 13, 1 << 20
_GROWTH = 16
_LEAST_S = 0.2


class Target(NamedTuple):
    """Where to test: addresses of both directions, as the Locate API gives them or a server has them."""

    download: str
    upload: str
    name: str


class Limits(NamedTuple):
    """What one direction may take."""

    duration_s: float = TEST_S
    max_bytes: int = 250_000_000


class Outcome(NamedTuple):
    """What a whole test found. None where a direction gave nothing to judge by."""

    down_mbps: float | None
    up_mbps: float | None
    min_rtt_ms: float | None
    retrans_ratio: float | None
    bytes_used: int


class Direction(NamedTuple):
    """One direction's figures; `info` is the server's last TCPInfo."""

    mbps: float | None
    moved: int
    info: dict[str, Any]


def run_test(
    target: Target, limits: Limits, *, interface: str = "", context: ssl.SSLContext | None = None
) -> Outcome:
    """Test both directions.

    Raises:
        OSError: no connection, or not with ndt7.
    """
    down = download(target.download, limits, interface=interface, context=context)
    up = upload(target.upload, limits, interface=interface, context=context)
    rtts = [rtt for info in (down.info, up.info) if (rtt := _number(info.get("MinRTT")))]
    sent = _number(down.info.get("BytesSent"))
    retrans = _number(down.info.get("BytesRetrans")) / sent if sent else None
    return Outcome(
        down.mbps,
        up.mbps,
        round(min(rtts) / 1000, 2) if rtts else None,
        None if retrans is None else round(retrans, 5),
        down.moved + up.moved,
    )


def download(
    url: str, limits: Limits, *, interface: str = "", context: ssl.SSLContext | None = None
) -> Direction:
    """Take what the server sends; the rate is what arrived here in the time that it took."""
    pump = Pump(connect(url, CONNECT_S, interface=interface, context=context))
    info: dict[str, Any] = {}
    moved, started = 0, time.monotonic()
    last = started
    try:
        ended = False
        while not ended and moved < limits.max_bytes:
            left = started + min(limits.duration_s + 3, HARD_STOP_S) - time.monotonic()
            if left <= 0:
                break
            pump.wait(left, to_send=False)
            for event in pump.receive():
                ended = ended or event.closed
                moved += event.size
                if event.size:
                    last = time.monotonic()
                info = _tcp_info(event) or info
    finally:
        pump.close()
    return Direction(_mbps(moved, last - started), moved, info)


def upload(
    url: str, limits: Limits, *, interface: str = "", context: ssl.SSLContext | None = None
) -> Direction:
    """Send noise; the rate is what arrived at the server, by its last word."""
    pump = Pump(connect(url, CONNECT_S, interface=interface, context=context))
    noise = _Noise()
    info: dict[str, Any] = {}
    started = time.monotonic()
    until = started + limits.duration_s
    try:
        ended = False
        frame = noise.frame(0)
        while not ended and time.monotonic() < until and noise.sent < limits.max_bytes:
            pump.wait(until - time.monotonic(), to_send=True)
            for event in pump.receive():
                ended = ended or event.closed
                info = _tcp_info(event) or info
            frame = frame[noise.count(pump.send(frame)) :]
            if not len(frame):
                frame = noise.frame(noise.sent)
        grace = time.monotonic() + 1
        while not ended and time.monotonic() < grace:  # the server's last word is still on its way
            pump.wait(grace - time.monotonic(), to_send=False)
            for event in pump.receive():
                ended = ended or event.closed
                info = _tcp_info(event) or info
    finally:
        pump.close()
    received, took_us = _number(info.get("BytesReceived")), _number(info.get("ElapsedTime"))
    return Direction(_mbps(received, took_us / 1e6), noise.sent, info)


class _Noise:
    """Frames of random bytes that grow as the protocol asks: doubled while a 16th of what was sent."""

    def __init__(self) -> None:
        self.sent = 0
        self._size = FIRST_MESSAGE
        self._bytes = os.urandom(FIRST_MESSAGE)

    def frame(self, sent: int) -> memoryview:
        """The next frame, after `sent` bytes."""
        while self._size < LARGEST_MESSAGE and self._size <= sent // _GROWTH:
            self._size *= 2
        if len(self._bytes) < self._size:
            self._bytes = os.urandom(self._size)
        return memoryview(header(BINARY, self._size, os.urandom(4)) + self._bytes)

    def count(self, sent: int) -> int:
        """Note that so many bytes went out."""
        self.sent += sent
        return sent


def _tcp_info(event: Event) -> dict[str, Any] | None:
    if not event.text:
        return None
    try:
        message = json.loads(event.text)
    except ValueError:
        return None
    info = message.get("TCPInfo") if isinstance(message, dict) else None
    return info if isinstance(info, dict) else None


def _mbps(moved: float, seconds: float) -> float | None:
    return round(moved * 8 / seconds / 1e6, 2) if seconds >= _LEAST_S and moved else None


def _number(value: object) -> float:
    """A figure of the server's; 0 where it gives none."""
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else 0.0
