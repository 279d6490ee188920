"""Webhooks by the rules of Standard Webhooks: signed, no redirects, a hard time-out, a checked address."""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from schoolpulse import __version__
from schoolpulse.errors import EndpointRefused
from schoolpulse.notify.addresses import checked_addresses, resolve
from schoolpulse.notify.channels.base import Note, Outcome
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.notify.signing import headers

TIMEOUT_S = 15.0
GONE = 410


def own_body(note: Note, endpoint: EndpointSettings) -> str:
    """Our own format; `docs/vendor/webhooks.md` is its letter."""
    kind = "test" if note.incidents is None else "summary"
    data: dict[str, Any] = {
        "language": endpoint.language,
        "title": note.text.title,
        "text": note.text.body,
        "link": note.link or None,
    }
    if note.incidents is not None:
        data["incidents"] = [incident.to_json() for incident in note.incidents]
    if note.transition is not None:
        kind = f"incident.{note.transition.change}"
        data["transition"] = note.transition.number
        data["incident"] = note.transition.incident.to_json()
        data["evidence"] = list(note.transition.evidence)
    if note.school is not None:
        data["school"] = {
            "id": note.school.id,
            "name": note.school.name,
            "level": note.school.level,
            "area": list(note.school.area),
        }
    stamp = datetime.fromtimestamp(note.at_ms / 1000, UTC).isoformat(timespec="milliseconds")
    body = {"type": kind, "timestamp": stamp.replace("+00:00", "Z"), "data": data}
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))


class Webhook:
    """Sends a composed body to an endpoint's address.

    Args:
        compose: makes the body.
        timeout_s: for the whole attempt, from the look-up to the answer's head.
        look_up: a host and a port to addresses; the seam for the name service.
    """

    def __init__(
        self,
        compose: Callable[[Note, EndpointSettings], str],
        *,
        timeout_s: float = TIMEOUT_S,
        look_up: Callable[[str, int], list[str]] = resolve,
    ) -> None:
        self._compose = compose
        self._timeout_s = timeout_s
        self._look_up = look_up

    def compose(self, note: Note, endpoint: EndpointSettings) -> str:
        """The body."""
        return self._compose(note, endpoint)

    def send(self, endpoint: EndpointSettings, message_id: str, body: str, now_ms: int) -> Outcome:
        """One attempt; 2xx is delivered, 410 is gone, everything else is to be tried again."""
        data = body.encode()
        try:
            head = headers(message_id, now_ms // 1000, data, endpoint.secrets())
            connection = self._connection(endpoint)
        except (OSError, ValueError, EndpointRefused) as error:
            return Outcome(delivered=False, error=_said(error))
        head |= {"content-type": "application/json", "user-agent": f"SchoolPulse/{__version__}"}
        # Socket time-outs begin anew with every byte; this one does not.
        alarm = threading.Timer(self._timeout_s, _cut, (connection,))
        alarm.daemon = True
        alarm.start()
        try:
            return self._exchange(connection, endpoint, data, head, now_ms)
        except (HTTPError, OSError, ValueError) as error:
            return Outcome(delivered=False, error=_said(error))
        finally:
            alarm.cancel()
            connection.close()

    def _exchange(
        self,
        connection: HTTPConnection,
        endpoint: EndpointSettings,
        data: bytes,
        head: dict[str, str],
        now_ms: int,
    ) -> Outcome:
        parts = urlsplit(endpoint.url)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request("POST", path, data, head | {"host": parts.netloc}, preload_content=False)
        answer = connection.getresponse()
        status = answer.status
        if 200 <= status < 300:
            return Outcome(delivered=True, status=status)
        return Outcome(
            delivered=False,
            status=status,
            error=f"answered {status}",
            retry_after_s=_retry_after_s(answer.headers.get("retry-after"), now_ms),
            gone=status == GONE,
        )

    def _connection(self, endpoint: EndpointSettings) -> HTTPConnection:
        """A connection pinned to a checked address, so that no second look-up can lead elsewhere."""
        parts = urlsplit(endpoint.url)
        host = parts.hostname or ""
        port = parts.port or (443 if parts.scheme == "https" else 80)
        addresses = checked_addresses(host, self._look_up(host, port), allow_private=endpoint.allow_private)
        if parts.scheme == "http":
            return HTTPConnection(addresses[0], port, timeout=self._timeout_s)
        return HTTPSConnection(
            addresses[0],
            port,
            timeout=self._timeout_s,
            server_hostname=host,
            assert_hostname=host,
            ssl_context=ssl.create_default_context(cafile=endpoint.ca_file),
        )


def _cut(connection: HTTPConnection) -> None:
    if connection.sock is not None:
        with contextlib.suppress(OSError):
            connection.sock.shutdown(socket.SHUT_RDWR)


def _said(error: Exception) -> str:
    """What went wrong, without the address (urllib3 puts it in) and without a body."""
    if isinstance(error, (EndpointRefused, ValueError)) and not isinstance(error, HTTPError):
        return str(error)[:200]
    return type(error).__name__


def _retry_after_s(text: str | None, now_ms: int) -> float | None:
    """``Retry-After``: seconds, or a date (RFC 9110, 10.2.3)."""
    if text is None:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - now_ms / 1000)
    except (TypeError, ValueError):
        return None
