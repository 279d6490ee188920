"""A webhook receiver of the demonstration's own: checks the signature and hands on what it understood."""

from __future__ import annotations

import hmac
import json
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from schoolpulse.notify import signing

MAX_BODY_BYTES = 1024 * 1024


class Receiver:
    """An HTTP server on a free loopback port that answers 204 to what is signed rightly, else 401.

    Args:
        secret: the endpoint's ``whsec_`` secret.
        heard: called with each body that was new, on the server's thread.
    """

    def __init__(self, secret: str, heard: Callable[[dict[str, Any]], None]) -> None:
        self._key = signing.decode_secret(secret)
        self._heard = heard
        self._ids: set[str] = set()
        self._lock = threading.Lock()
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:  # the base class calls it so
                length = min(int(self.headers.get("content-length") or 0), MAX_BODY_BYTES)
                status = receiver.take(dict(self.headers.items()), self.rfile.read(length))
                self.send_response(status)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
                """Say nothing: the demonstration's console is for people."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, name="receiver", daemon=True)

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self._server.server_address[1]}/"

    @property
    def delivered(self) -> int:
        """How many different webhooks arrived."""
        with self._lock:
            return len(self._ids)

    def start(self) -> None:
        """Listen."""
        self._thread.start()

    def stop(self) -> None:
        """Stop listening and free the port."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _signed(self, headers: dict[str, str], body: bytes) -> bool:
        try:
            named = signing.headers(
                headers["webhook-id"], int(headers["webhook-timestamp"]), body, [self._key]
            )
            said = headers["webhook-signature"]
        except (KeyError, ValueError):
            return False
        return hmac.compare_digest(named["webhook-signature"].encode(), said.encode())

    def take(self, headers: dict[str, str], body: bytes) -> int:
        """The HTTP status for one delivery."""
        lower = {name.lower(): value for name, value in headers.items()}
        if not self._signed(lower, body):
            return 401
        with self._lock:
            new = lower["webhook-id"] not in self._ids
            self._ids.add(lower["webhook-id"])
        if new:
            self._heard(json.loads(body))
        return 204
