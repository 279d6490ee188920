"""The one conversation of an enrolment: a code and a password go out, an identity comes back.

TLS is verified always: by the system's authorities, by one that is given, or by the pin inside the code,
which is compared before anything is sent. Plain HTTP is spoken to this very machine only.
"""

from __future__ import annotations

import hmac
import http.client
import ipaddress
import json
import socket
import ssl
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from schoolpulse_agent import wire
from schoolpulse_agent.enroll_words import EnrollTrouble
from schoolpulse_agent.settings import CLASSROOM, GATEWAY, broker_at
from schoolpulse_agent.wire_code import Code, pin_of

PATH = "/api/v1/enrol"
TIMEOUT_S = 20.0
MAX_ANSWER_BYTES = 128 * 1024
TRIES = 3
"""An answer may be lost on its way; the same question gets the same answer."""


class Identity(NamedTuple):
    """What an agent is told about itself. `ready`: the broker has its account already."""

    agent_id: str
    role: str
    school: str
    broker_url: str
    protocol: str
    ca_pem: str | None
    ready: bool
    at_ms: int


class Server(NamedTuple):
    """Where to enrol."""

    host: str
    port: int
    tls: bool
    path: str

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


def server_at(url: str) -> Server:
    """The server of ``https://host[:port][/prefix]``.

    Raises:
        EnrollTrouble: it is no such address.
    """
    parts = urlsplit(url if "//" in url else f"https://{url}")
    host = parts.hostname or ""
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme not in ("https", "http") or not host or port == 0 or parts.query or parts.username:
        raise EnrollTrouble("server", why="https://giamsat.example.vn")
    tls = parts.scheme == "https"
    if not tls and not _is_this_machine(host):
        raise EnrollTrouble("server", why="https://, http:// -> 127.0.0.1")
    return Server(host, port or (443 if tls else 80), tls, parts.path.rstrip("/") + PATH)


def trade(server: Server, code: Code, password: str, ca_file: Path | None = None) -> Identity:
    """The identity that the code stands for, now with that password.

    Raises:
        EnrollTrouble: there is none; says why and what to do.
    """
    trouble = EnrollTrouble("unreachable", where=str(server))
    for _ in range(TRIES):
        try:
            return _ask(server, code, password, ca_file)
        except (http.client.HTTPException, OSError) as error:  # noqa: PERF203  # three tries, not a hot loop
            if isinstance(error, ssl.SSLCertVerificationError):
                raise EnrollTrouble("certificate", where=str(server), why=error.verify_message) from error
            trouble = EnrollTrouble("unreachable", where=str(server), why=str(error) or type(error).__name__)
    raise trouble


def _ask(server: Server, code: Code, password: str, ca_file: Path | None) -> Identity:
    connection = _connect(server, code.pin, ca_file)
    try:
        body = json.dumps({"code": code.secret, "password": password})
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        connection.request("POST", server.path, body, headers)
        answer = connection.getresponse()
        content = answer.read(MAX_ANSWER_BYTES)
    finally:
        connection.close()
    if answer.status == 403:
        raise EnrollTrouble("refused")
    if answer.status == 429:
        raise EnrollTrouble("often", why=answer.getheader("Retry-After", "60"))
    if answer.status in (502, 503, 504):
        raise ConnectionError(f"HTTP {answer.status}")
    if answer.status != 200:
        raise EnrollTrouble("answer", where=str(server), why=f"HTTP {answer.status}")
    try:
        return _read(json.loads(content))
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise EnrollTrouble("answer", where=str(server), why=type(error).__name__) from error


def _connect(server: Server, pin: str, ca_file: Path | None) -> http.client.HTTPConnection:
    if not server.tls:
        return http.client.HTTPConnection(server.host, server.port, timeout=TIMEOUT_S)
    connection = http.client.HTTPSConnection(
        server.host, server.port, timeout=TIMEOUT_S, context=_context(pin, ca_file)
    )
    connection.connect()
    if pin:
        sock: Any = connection.sock
        shown = sock.getpeercert(binary_form=True)
        if not shown or not hmac.compare_digest(pin_of(shown), pin):
            connection.close()
            raise EnrollTrouble("pin", where=str(server))
    return connection


def _context(pin: str, ca_file: Path | None) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=str(ca_file) if ca_file else None)
    except OSError as error:
        raise EnrollTrouble("certificate", where=str(ca_file), why=error.strerror or str(error)) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT  # see schoolpulse_agent.credentials
    elif pin:
        # Not unverified: `_connect` compares the certificate itself with the pin before anything is sent.
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _read(answer: Any) -> Identity:
    broker = answer["broker"]
    agent_id, ca_pem, school = answer["agent_id"], broker["ca_pem"], answer["school"]
    if not wire.valid_agent_id(agent_id) or broker["username"] != agent_id:
        raise ValueError("no agent id")
    broker_at(broker["url"])  # raises ValueError where it is none
    if broker["protocol"] not in ("5", "3.1.1") or any(sign in broker["url"] for sign in "\"'\\\n"):
        raise ValueError("no broker")
    if ca_pem is not None and "-----BEGIN CERTIFICATE-----" not in ca_pem:
        raise ValueError("no certificate")
    name = str(school["name"]) if school else ""
    if answer["role"] not in (GATEWAY, CLASSROOM):
        raise ValueError("no role")
    return Identity(
        agent_id,
        answer["role"],
        "".join(character for character in name if character.isprintable())[:200],
        broker["url"],
        broker["protocol"],
        ca_pem,
        bool(answer["ready"]),
        int(answer["at_ms"]),
    )


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" and socket.gethostbyname(host).startswith("127.")
