"""A TCP connection, made and closed."""

from __future__ import annotations

import os
import socket
import time
from errno import ECONNREFUSED

from schoolpulse_agent.probes.methods import dns
from schoolpulse_agent.probes.methods.engine import (
    Answer,
    Question,
    Steps,
    connect,
    family_of,
    open_socket,
    split_port,
)

DEFAULT_PORT = 443


def ask(question: Question, until: float) -> Steps[Answer]:
    """Connect to ``host:port`` of `question.address`; the round trip is that of the handshake."""
    host, port = split_port(question.address, DEFAULT_PORT)
    resolved = yield from dns.resolve(host, question, until)
    if not resolved.addresses:
        return Answer(None, resolved.trouble)
    return (yield from reach(question, resolved.addresses[0], port, until))


def reach(
    question: Question, address: str, port: int, until: float, *, refusal_counts: bool = False
) -> Steps[Answer]:
    """Connect to `address`; with `refusal_counts` a refusal is an answer as good as any."""
    with open_socket(family_of(address), socket.SOCK_STREAM, interface=question.interface) as sock:
        started = time.monotonic()
        trouble = yield from connect(sock, (address, port), until)
        took_ms = (time.monotonic() - started) * 1000
    if not trouble or (refusal_counts and trouble == os.strerror(ECONNREFUSED)):
        return Answer(took_ms)
    return Answer(None, trouble)
