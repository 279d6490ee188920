"""A small resolver of our own: one A query over UDP (RFC 1035), to a server that we choose.

The system's resolver would hide which server answered and may block for half a minute. An answer counts
only if it repeats our random id and the random upper and lower case of the question (draft-vixie-dnsext-
dns0x20), so that a guessed answer from elsewhere does not.
"""

from __future__ import annotations

import os
import random
import socket
import struct
import time
from pathlib import Path
from typing import NamedTuple

from schoolpulse_agent.probes.base import file_text
from schoolpulse_agent.probes.methods.engine import (
    READ,
    Answer,
    Question,
    Steps,
    Wait,
    family_of,
    open_socket,
    split_port,
)

PORT = 53
DEFAULT_QUERY = "vnnic.vn"
_HEADER = struct.Struct(">HHHHHH")
_A, _IN = 1, 1
_RESPONSE, _RECURSION_DESIRED, _RCODE = 0x8000, 0x0100, 0x000F
_RCODES = {1: "malformed query", 2: "server failure", 3: "no such name", 5: "refused"}
_MAX_NAME_HOPS = 64


class Reply(NamedTuple):
    """What a name server said: addresses, or why there are none."""

    addresses: tuple[str, ...]
    trouble: str = ""


def query(name: str, query_id: int, chance: random.Random) -> bytes:
    """An A query for `name` in random case.

    Raises:
        ValueError: `name` cannot be a host name.
    """
    labels = name.rstrip(".").encode("idna").split(b".")
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) + len(labels) > 254:
        raise ValueError(f"{name!r} is no host name")
    mixed = [
        bytes(chance.choice((c | 0x20, c & ~0x20)) if chr(c).isalpha() else c for c in label)
        for label in labels
    ]
    head = _HEADER.pack(query_id, _RECURSION_DESIRED, 1, 0, 0, 0)
    return (
        head + b"".join(bytes([len(label)]) + label for label in mixed) + b"\0" + struct.pack(">HH", _A, _IN)
    )


def parse_reply(packet: bytes, asked: bytes) -> Reply | None:
    """The reply to the query `asked` in `packet`, or None where it is no answer to that query."""
    question = asked[_HEADER.size :]
    end = _HEADER.size + len(question)
    if len(packet) < end or packet[:2] != asked[:2] or packet[_HEADER.size : end] != question:
        return None
    _, flags, questions, answers, _, _ = _HEADER.unpack_from(packet)
    if not flags & _RESPONSE or questions != 1:
        return None
    rcode = flags & _RCODE
    if rcode:
        return Reply((), _RCODES.get(rcode, f"error {rcode}"))
    try:
        addresses = _addresses(packet, end, answers)
    except (struct.error, IndexError, ValueError, OSError):
        return Reply((), "malformed answer")
    return Reply(addresses, "" if addresses else "no address")


def _addresses(packet: bytes, offset: int, answers: int) -> tuple[str, ...]:
    found = []
    for _ in range(answers):
        offset = _skip_name(packet, offset)
        kind, klass, _ttl, length = struct.unpack_from(">HHIH", packet, offset)
        offset += 10
        if kind == _A and klass == _IN and length == 4:
            found.append(socket.inet_ntoa(packet[offset : offset + 4]))
        offset += length
    return tuple(found)


def _skip_name(packet: bytes, offset: int) -> int:
    for _ in range(_MAX_NAME_HOPS):
        length = packet[offset]
        if length >= 0xC0:
            return offset + 2
        offset += 1 + length
        if length == 0:
            return offset
    raise ValueError("a name without an end")


def parse_resolv_conf(text: str) -> tuple[str, ...]:
    """The name servers out of ``/etc/resolv.conf``, at most three, as the system's resolver takes them."""
    servers = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 2 and words[0] == "nameserver":
            servers.append(words[1])
    return tuple(servers[:3])


def system_resolvers(root: Path) -> tuple[str, ...]:
    """The name servers that the machine under `root` uses."""
    return parse_resolv_conf(file_text(root / "etc/resolv.conf"))


def lookup(server: str, name: str, interface: str, until: float) -> Steps[tuple[Reply, float]]:
    """Ask `server` for the addresses of `name`; the reply, and how many milliseconds it took.

    Raises:
        OSError: the server cannot be asked.
    """
    host, port = split_port(server, PORT)
    family = family_of(host)
    if not family:
        return Reply((), "the name server must be given by address"), 0.0
    try:
        asked = query(name, int.from_bytes(os.urandom(2), "big"), random.SystemRandom())
    except (ValueError, UnicodeError):
        return Reply((), "no host name"), 0.0
    with open_socket(family, socket.SOCK_DGRAM, interface=interface) as sock:
        sock.connect((host, port))
        started = time.monotonic()
        sock.send(asked)
        while (yield Wait(sock, READ, until)):
            reply = parse_reply(sock.recv(4096), asked)
            if reply is not None:
                return reply, (time.monotonic() - started) * 1000
    return Reply((), "no answer"), 0.0


def resolve(host: str, question: Question, until: float) -> Steps[Reply]:
    """The addresses of `host`, which may be one already; asks the resolvers in turn, sharing the time."""
    if family_of(host):
        return Reply((host,))
    reply = Reply((), "no name server is configured")
    servers = question.resolvers[:2]
    for at, server in enumerate(servers):
        share = (until - time.monotonic()) / (len(servers) - at)
        try:
            reply, _ = yield from lookup(server, host, question.interface, time.monotonic() + share)
        except OSError as error:
            reply = Reply((), error.strerror or "unreachable")
        if reply.addresses:
            return reply
    return Reply((), f"name lookup: {reply.trouble}")


def ask(question: Question, until: float) -> Steps[Answer]:
    """Look up `question.query` at the name server `question.address`; ``resolver`` is the system's first."""
    server = question.address
    if server == "resolver":
        if not question.resolvers:
            return Answer(None, "no name server is configured")
        server = question.resolvers[0]
    reply, took_ms = yield from lookup(server, question.query or DEFAULT_QUERY, question.interface, until)
    return Answer(took_ms) if reply.addresses else Answer(None, reply.trouble)
