"""A plain HTTP GET, and whether somebody else answered it: a captive portal.

Plain on purpose: a portal can answer in the place of an ``http://`` address and not of an ``https://`` one.
"""

from __future__ import annotations

import socket
import time
from typing import NamedTuple
from urllib.parse import urlsplit

from schoolpulse_agent import __version__
from schoolpulse_agent.probes.methods import dns
from schoolpulse_agent.probes.methods.engine import (
    READ,
    Answer,
    Question,
    Steps,
    Wait,
    connect,
    family_of,
    open_socket,
)

MAX_HEAD_BYTES = 16 * 1024


class Head(NamedTuple):
    """The head of an HTTP response."""

    status: int
    location: str


def request(host: str, path: str) -> bytes:
    """A GET that asks for nothing to be kept."""
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        f"User-Agent: schoolpulse-agent/{__version__}",
        "Accept: */*",
        "Connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii", "replace")


def parse_head(data: bytes) -> Head | None:
    """The response head in `data`; None where it is not complete or none."""
    head, end, _ = data.partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    words = lines[0].split(b" ", 2)
    if not end or len(words) < 2 or not words[0].startswith(b"HTTP/1.") or not words[1].isdigit():
        return None
    location = next((line[9:] for line in lines[1:] if line[:9].lower() == b"location:"), b"")
    return Head(int(words[1]), location.decode("ascii", "replace").strip())


def judge(url: str, head: Head) -> tuple[bool, bool]:
    """Whether the answer is the one asked for, and whether it came from somebody in between.

    An address that ends in ``generate_204`` must answer 204 and nothing else. Any other may answer with
    success or send us on within its own host.
    """
    asked = urlsplit(url)
    if asked.path.endswith("generate_204"):
        right = head.status == 204
        return right, not right and head.status < 500
    elsewhere = urlsplit(head.location).hostname
    if 300 <= head.status < 400 and elsewhere is not None:
        same = _site(elsewhere) == _site(asked.hostname or "")
        return same, not same
    return 200 <= head.status < 400, head.status == 511  # RFC 6585: network authentication required


def _site(host: str) -> str:
    return host.lower().removeprefix("www.")


def ask(question: Question, until: float) -> Steps[Answer]:
    """GET the URL in `question.address` and judge the head of what comes back."""
    parts = urlsplit(question.address)
    host, port = parts.hostname or "", parts.port or 80
    resolved = yield from dns.resolve(host, question, until)
    if not resolved.addresses:
        return Answer(None, resolved.trouble)
    address = resolved.addresses[0]
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with open_socket(family_of(address), socket.SOCK_STREAM, interface=question.interface) as sock:
        started = time.monotonic()
        trouble = yield from connect(sock, (address, port), until)
        if trouble:
            return Answer(None, trouble)
        sock.send(request(parts.netloc, path))
        data = b""
        while (yield Wait(sock, READ, until)):
            piece = sock.recv(4096)
            data += piece
            head = parse_head(data)
            if head is not None:
                right, captive = judge(question.address, head)
                took_ms = (time.monotonic() - started) * 1000
                return Answer(took_ms if right else None, "" if right else f"status {head.status}", captive)
            if not piece or len(data) > MAX_HEAD_BYTES:
                return Answer(None, "no HTTP answer", captive=True)
    return Answer(None, "no answer")
