"""A WebSocket client (RFC 6455) as far as ndt7 needs it: big binary messages, small texts, no extensions.

Payloads of binary messages are counted and dropped; what is sent is noise. So nothing has to be masked: a
frame carries a fresh key and random bytes, and whatever that unmasks to is random too.
"""

from __future__ import annotations

import base64
import hashlib
import os
import selectors
import socket
import ssl
import time
from typing import NamedTuple, Union
from urllib.parse import urlsplit

PROTOCOL = "net.measurementlab.ndt.v7"
TEXT, BINARY, CLOSE, PING, PONG = 0x1, 0x2, 0x8, 0x9, 0xA
MAX_TEXT_BYTES = 64 * 1024
MAX_MESSAGE_BYTES = 1 << 24
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_MAX_HEAD_BYTES = 16 * 1024
_PIECE = 1 << 16

Socket = Union[socket.socket, ssl.SSLSocket]


class WebSocketTrouble(OSError):
    """The other end does not speak WebSocket as it should, or hung up."""


class Event(NamedTuple):
    """Something that came: `size` bytes of a binary message, a `text`, or the end (`closed`)."""

    size: int = 0
    text: str = ""
    closed: bool = False


def header(opcode: int, size: int, key: bytes) -> bytes:
    """The header of a masked, final frame of `size` bytes."""
    first = bytes((0x80 | opcode,))
    if size < 126:
        length = bytes((0x80 | size,))
    elif size < 1 << 16:
        length = b"\xfe" + size.to_bytes(2, "big")
    else:
        length = b"\xff" + size.to_bytes(8, "big")
    return first + length + key


def masked(opcode: int, payload: bytes) -> bytes:
    """A small frame, masked as a client has to (RFC 6455, section 5.3)."""
    key = os.urandom(4)
    return header(opcode, len(payload), key) + bytes(b ^ key[at % 4] for at, b in enumerate(payload))


def connect(
    url: str, timeout_s: float, *, interface: str = "", context: ssl.SSLContext | None = None
) -> Socket:
    """Connect to ``ws://`` or ``wss://`` and shake hands; a non-blocking socket.

    Raises:
        OSError: no connection, no such certificate, or no ndt7 there.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = parts.scheme == "wss"
    until = time.monotonic() + timeout_s
    raw = _open(host, parts.port or (443 if secure else 80), timeout_s, interface)
    try:
        sock: Socket = raw
        if secure:
            sock = (context or ssl.create_default_context()).wrap_socket(raw, server_hostname=host)
        _shake_hands(
            sock, parts.netloc, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), until
        )
        sock.setblocking(False)
    except BaseException:
        raw.close()
        raise
    return sock


def _open(host: str, port: int, timeout_s: float, interface: str) -> socket.socket:
    trouble: OSError = WebSocketTrouble(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM):
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(timeout_s)
            if interface:
                sock.setsockopt(socket.SOL_SOCKET, 25, interface.encode() + b"\0")  # SO_BINDTODEVICE
            sock.connect(address)
        except OSError as error:
            sock.close()
            trouble = error
        else:
            return sock
    raise trouble


def _shake_hands(sock: Socket, host: str, path: str, until: float) -> None:
    key = base64.b64encode(os.urandom(16))
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {host}",
        "Upgrade: websocket",
        "Connection: Upgrade",
        f"Sec-WebSocket-Key: {key.decode()}",
        f"Sec-WebSocket-Protocol: {PROTOCOL}",
        "Sec-WebSocket-Version: 13",
    )
    sock.sendall(("\r\n".join(lines) + "\r\n\r\n").encode("ascii"))
    head = b""
    while not head.endswith(b"\r\n\r\n"):  # a byte at a time: what follows are frames already
        byte = sock.recv(1)
        if not byte or len(head) > _MAX_HEAD_BYTES or time.monotonic() > until:
            raise WebSocketTrouble("the server does not shake hands")
        head += byte
    status, _, rest = head.decode("latin-1").partition("\r\n")
    fields = {
        name.lower(): value.strip() for name, _, value in (line.partition(":") for line in rest.split("\r\n"))
    }
    if status.split(" ")[1:2] != ["101"]:
        raise WebSocketTrouble(f"the server answers {status[:60]!r}")
    # RFC 6455 prescribes SHA-1 here; it proves that a WebSocket server answered, and nothing else.
    proof = hashlib.sha1(key + _GUID, usedforsecurity=False).digest()
    if fields.get("sec-websocket-accept") != base64.b64encode(proof).decode():
        raise WebSocketTrouble("the server does not prove to be a WebSocket")
    if fields.get("sec-websocket-protocol") != PROTOCOL:
        raise WebSocketTrouble("the server does not speak ndt7")


class Reader:
    """Takes frames apart as their bytes come."""

    def __init__(self) -> None:
        self._head = bytearray()
        self._opcode = 0
        self._left = 0
        self._kind = 0
        self._text = bytearray()

    def feed(self, data: memoryview) -> list[Event]:
        """The events in `data`.

        Raises:
            WebSocketTrouble: it is no frame that a server may send.
        """
        events = []
        while len(data):
            if not self._left:
                taken = self._take_head(data)
                data = data[taken:]
                if self._head:
                    continue  # the header goes on in the next piece
            piece = data[: self._left]
            data = data[len(piece) :]
            self._left -= len(piece)
            event = self._payload(piece)
            if event is not None:
                events.append(event)
        return events

    def _take_head(self, data: memoryview) -> int:
        for taken, byte in enumerate(data, start=1):
            self._head.append(byte)
            need = 2 + {126: 2, 127: 8}.get(self._head[1] & 0x7F, 0) if len(self._head) > 1 else 2
            if len(self._head) == need:
                self._begin(bytes(self._head))
                self._head.clear()
                return taken
        return len(data)

    def _begin(self, head: bytes) -> None:
        if head[1] & 0x80:
            raise WebSocketTrouble("a server must not mask")
        self._opcode = head[0] & 0x0F
        size = head[1] & 0x7F
        self._left = int.from_bytes(head[2:], "big") if size > 125 else size
        if self._opcode in {TEXT, BINARY}:
            self._kind = self._opcode
        limit = MAX_TEXT_BYTES if self._opcode not in {BINARY, 0} else MAX_MESSAGE_BYTES
        if self._left > limit:
            raise WebSocketTrouble(f"a frame of {self._left} bytes")
        self._text.clear()

    def _payload(self, piece: memoryview) -> Event | None:
        if self._opcode == BINARY or (self._opcode == 0 and self._kind == BINARY):
            return Event(size=len(piece))
        self._text += piece
        if self._left:
            return None
        if self._opcode == CLOSE:
            return Event(closed=True)
        return Event(text=self._text.decode("utf-8", "replace")) if self._opcode == TEXT else None


class Pump:
    """Moves bytes both ways over a non-blocking socket, TLS or not."""

    def __init__(self, sock: Socket) -> None:
        self._sock = sock
        self._buffer = bytearray(_PIECE)
        self._reader = Reader()
        self._selector = selectors.DefaultSelector()
        self._selector.register(sock, selectors.EVENT_READ)

    def wait(self, timeout_s: float, *, to_send: bool) -> None:
        """Until something can be read, or with `to_send` written, or the time is over."""
        if isinstance(self._sock, ssl.SSLSocket) and self._sock.pending():
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if to_send else 0)
        self._selector.modify(self._sock, events)
        self._selector.select(max(0.0, timeout_s))

    def receive(self) -> list[Event]:
        """What has come."""
        try:
            count = self._sock.recv_into(self._buffer)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return []
        if count == 0:
            return [Event(closed=True)]
        return self._reader.feed(memoryview(self._buffer)[:count])

    def send(self, data: memoryview) -> int:
        """Send as much of `data` as goes now."""
        try:
            return self._sock.send(data)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return 0

    def close(self) -> None:
        """Say goodbye, as far as that goes at once, and hang up."""
        self.send(memoryview(masked(CLOSE, (1000).to_bytes(2, "big"))))
        self._selector.close()
        self._sock.close()
