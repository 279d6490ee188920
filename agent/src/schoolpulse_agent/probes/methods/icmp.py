"""ICMP echo (RFC 792, RFC 4443), by a raw socket or Linux's unprivileged ping socket.

Where neither is allowed, a TCP connection stands in; the answer then says so in its method.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time

from schoolpulse_agent.probes.methods import dns, tcp
from schoolpulse_agent.probes.methods.engine import (
    READ,
    Answer,
    Question,
    Steps,
    Wait,
    family_of,
    open_socket,
)

_ECHO_V4, _REPLY_V4, _ECHO_V6, _REPLY_V6 = 8, 0, 128, 129
_HEADER = struct.Struct(">BBHHH")
_TOKEN_BYTES = 16
FALLBACK_PORTS = (443, 53)


def checksum(data: bytes) -> int:
    """The Internet checksum (RFC 1071)."""
    if len(data) % 2:
        data += b"\0"
    total: int = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def echo_request(family: int, identifier: int, token: bytes) -> bytes:
    """An echo request that carries `token`. For IPv6 the kernel fills in the checksum."""
    kind = _ECHO_V4 if family == socket.AF_INET else _ECHO_V6
    packet = _HEADER.pack(kind, 0, 0, identifier, 1) + token
    if family == socket.AF_INET:
        packet = _HEADER.pack(kind, 0, checksum(packet), identifier, 1) + token
    return packet


def echo(identifier: int, sequence: int) -> bytes:
    """An IPv4 echo request without a load, told apart by its numbers."""
    packet = _HEADER.pack(_ECHO_V4, 0, 0, identifier, sequence)
    return _HEADER.pack(_ECHO_V4, 0, checksum(packet), identifier, sequence)


def is_reply(packet: bytes, family: int, token: bytes, *, with_ip_header: bool) -> bool:
    """Whether `packet` is the echo reply that brings our `token` back."""
    if with_ip_header and packet:
        packet = packet[(packet[0] & 0x0F) * 4 :]
    wanted = _REPLY_V4 if family == socket.AF_INET else _REPLY_V6
    return len(packet) >= _HEADER.size and packet[0] == wanted and packet[_HEADER.size :] == token


def _open(family: int, interface: str) -> tuple[socket.socket, bool] | None:
    """A socket for echoes and whether it is raw; None where neither kind is allowed."""
    protocol = socket.IPPROTO_ICMP if family == socket.AF_INET else socket.IPPROTO_ICMPV6
    with contextlib.suppress(PermissionError):
        return open_socket(family, socket.SOCK_RAW, protocol, interface), True
    with contextlib.suppress(PermissionError):
        return open_socket(family, socket.SOCK_DGRAM, protocol, interface), False
    return None


def ask(question: Question, until: float) -> Steps[Answer]:
    """Send one echo to `question.address` and wait for its reply."""
    resolved = yield from dns.resolve(question.address, question, until)
    if not resolved.addresses:
        return Answer(None, resolved.trouble, method="icmp")
    address = resolved.addresses[0]
    family = family_of(address)
    opened = _open(family, question.interface)
    if opened is None:
        return (yield from _by_tcp(question._replace(address=address), until))
    sock, is_raw = opened
    with sock:
        token = os.urandom(_TOKEN_BYTES)
        sock.connect((address, 0))
        started = time.monotonic()
        sock.send(echo_request(family, int.from_bytes(os.urandom(2), "big"), token))
        while (yield Wait(sock, READ, until)):
            packet = sock.recv(2048)
            if is_reply(packet, family, token, with_ip_header=is_raw and family == socket.AF_INET):
                return Answer((time.monotonic() - started) * 1000, method="icmp")
    return Answer(None, "no answer", method="icmp")


def _by_tcp(question: Question, until: float) -> Steps[Answer]:
    """Any reply to a connection attempt proves the host, a refusal too."""
    answer = Answer(None, "no answer")
    for at, port in enumerate(FALLBACK_PORTS):
        share = (until - time.monotonic()) / (len(FALLBACK_PORTS) - at)
        answer = yield from tcp.reach(
            question, question.address, port, time.monotonic() + share, refusal_counts=True
        )
        if answer.rtt_ms is not None:
            break
    return answer._replace(method="tcp")
