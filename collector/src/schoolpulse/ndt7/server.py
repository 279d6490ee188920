"""An ndt7 server: download and upload tests over WebSocket, by M-Lab's protocol.

See https://github.com/m-lab/ndt-server/blob/main/spec/ndt7-protocol.md. The framing is that of `websockets`.
"""

from __future__ import annotations

import contextlib
import http
import json
import logging
import os
import ssl
import threading
import time
import uuid
from typing import Any, NamedTuple

from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from schoolpulse.ndt7 import tcp_info

log = logging.getLogger(__name__)

PROTOCOL = Subprotocol("net.measurementlab.ndt.v7")
DOWNLOAD, UPLOAD = "/ndt/v7/download", "/ndt/v7/upload"
FIRST_MESSAGE, LARGEST_MESSAGE, MAX_MESSAGE = 1 << 13, 1 << 20, 1 << 24
_GROWTH = 16
_REPORT_S = 0.25
"""Between two messages with figures; the protocol allows ten a second."""


class Limits(NamedTuple):
    """How long one direction takes, when it is stopped whatever happens, and how many run at once."""

    test_s: float = 10.0
    hard_stop_s: float = 15.0
    at_once: int = 8


class Ndt7Server:
    """Answers tests from `start` to `stop`.

    Args:
        host: address to listen on.
        port: 0 takes a free one.
        context: for ``wss://``; plain ``ws://`` without.
        limits: of one test and of all together.
    """

    def __init__(
        self, host: str, port: int, *, context: ssl.SSLContext | None = None, limits: Limits | None = None
    ) -> None:
        self._limits = limits or Limits()
        self._slots = threading.BoundedSemaphore(self._limits.at_once)
        self._noise = os.urandom(LARGEST_MESSAGE)
        self._server: Server = serve(
            self._handle,
            host,
            port,
            ssl=context,
            subprotocols=[PROTOCOL],
            compression=None,
            max_size=MAX_MESSAGE,
            process_request=_refuse,
        )
        self._thread = threading.Thread(target=self._server.serve_forever, name="ndt7", daemon=True)
        self.tests = 0
        """How many have run to their end."""

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return int(self._server.socket.getsockname()[1])

    def start(self) -> None:
        """Begin to answer."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening; tests that run are cut off."""
        self._server.shutdown()
        self._thread.join(self._limits.hard_stop_s)

    def _handle(self, connection: ServerConnection) -> None:
        if not self._slots.acquire(blocking=False):
            connection.close(1013, "busy: try again later")
            return
        path = connection.request.path.partition("?")[0] if connection.request else ""
        run = _Test(connection, self._limits, self._noise)
        try:
            with contextlib.suppress(ConnectionClosed):
                moved = run.download() if path == DOWNLOAD else run.upload()
                self.tests += 1
                log.info("a %s test of %.1f MB", "download" if path == DOWNLOAD else "upload", moved / 1e6)
        finally:
            self._slots.release()


def _refuse(connection: ServerConnection, request: Request) -> Response | None:
    """404 for what is no test of this protocol."""
    if request.path.partition("?")[0] in {DOWNLOAD, UPLOAD}:
        return None
    return connection.respond(http.HTTPStatus.NOT_FOUND, "ndt7 tests only\n")


class _Test:
    """One direction of one test."""

    def __init__(self, connection: ServerConnection, limits: Limits, noise: bytes) -> None:
        self._connection = connection
        self._limits = limits
        self._noise = memoryview(noise)
        self._id = uuid.uuid4().hex
        self._started = time.monotonic()
        self._reported = 0.0

    def download(self) -> int:
        """Send noise for the time of a test; how many bytes went."""
        size, sent = FIRST_MESSAGE, 0
        while time.monotonic() - self._started < self._limits.test_s:
            self._connection.send(self._noise[:size])
            sent += size
            while size < LARGEST_MESSAGE and size <= sent // _GROWTH:
                size *= 2
            self._report("download", sent)
        self._report("download", sent, last=True)
        self._connection.close(1000)
        return sent

    def upload(self) -> int:
        """Take noise until the client has enough, or the time is over; how many bytes came."""
        received = 0
        while True:
            left = self._limits.hard_stop_s - (time.monotonic() - self._started)
            if left <= 0:
                break
            try:
                message = self._connection.recv(timeout=min(left, _REPORT_S))
                received += len(message)
            except TimeoutError:
                pass
            except ConnectionClosed:
                return received
            self._report("upload", received)
        self._connection.close(1000)
        return received

    def _report(self, test: str, count: int, *, last: bool = False) -> None:
        now = time.monotonic()
        if now - self._reported < _REPORT_S and not last:
            return
        self._reported = now
        elapsed_us = round((now - self._started) * 1e6)
        message: dict[str, Any] = {
            "AppInfo": {"ElapsedTime": elapsed_us, "NumBytes": count},
            "ConnectionInfo": {
                "Client": _name(self._connection.remote_address),
                "Server": _name(self._connection.local_address),
                "UUID": self._id,
            },
            "Origin": "server",
            "Test": test,
            "TCPInfo": tcp_info.read(self._connection.socket) | {"ElapsedTime": elapsed_us},
        }
        self._connection.send(json.dumps(message, separators=(",", ":")))


def _name(address: Any) -> str:
    return f"[{address[0]}]:{address[1]}" if ":" in address[0] else f"{address[0]}:{address[1]}"
