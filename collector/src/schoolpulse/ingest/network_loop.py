"""paho's packets over few system calls: large reads, and one write for many acknowledgements.

paho reads a message in four or five small pieces and writes each acknowledgement alone, a system call each.
Every one of them lets go of the interpreter's lock and has to queue for it again behind threads that
compute, up to the switch interval each time: under load that, and not the work, limited the intake.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from typing import Any

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client

READ_BYTES = 128 * 1024
WRITE_BYTES = 64 * 1024
"""So much is gathered before it is written without being asked to."""
TICK_S = 1.0
"""How often paho looks after its keep-alive, seconds."""
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)


class BufferedSocket:
    """A socket that reads ahead, and that writes when `flush` is called. Non-blocking, one thread's."""

    def __init__(self, sock: Any) -> None:
        self._sock = sock
        self._read = b""
        self._at = 0
        self._unsent = bytearray()

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes of what was read ahead; nothing at the end of the connection.

        Raises:
            BlockingIOError: there is nothing now (or for TLS its own kind of that).
        """
        at = self._at
        if at == len(self._read):
            self._read = self._sock.recv(READ_BYTES)
            at = 0
        piece = self._read[at : at + size]
        self._at = at + len(piece)
        return piece

    def pending(self) -> int:
        """Bytes that can be had without waiting for the kernel to announce them."""
        ahead = len(self._read) - self._at
        return ahead + self._sock.pending() if hasattr(self._sock, "pending") else ahead

    def send(self, data: bytes | bytearray) -> int:
        """Take `data` along with the next `flush`.

        Raises:
            BlockingIOError: too much waits already (or for TLS its own kind of that).
        """
        if len(self._unsent) >= WRITE_BYTES:
            self.flush()
        self._unsent += data
        return len(data)

    @property
    def unsent(self) -> int:
        """Bytes that wait for the kernel."""
        return len(self._unsent)

    def flush(self) -> None:
        """Write what waits.

        Raises:
            BlockingIOError: the kernel did not take all of it (or for TLS its own kind of that).
            OSError: the connection is broken.
        """
        while self._unsent:
            del self._unsent[: self._sock.send(self._unsent)]

    def close(self) -> None:
        """Write what the kernel still takes, which may be the goodbye, and close."""
        with contextlib.suppress(OSError):
            self.flush()
        self._sock.close()

    def fileno(self) -> int:
        """For selectors."""
        return int(self._sock.fileno())

    def setblocking(self, flag: bool) -> None:
        """As the socket's own."""
        self._sock.setblocking(flag)


class BufferedClient(Client):
    """paho's client on a `BufferedSocket`, driven by `run` as its external event loop."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._bell: socket.socket | None = None
        # Called when other threads begin to queue packets; they never write to the socket themselves.
        self.on_socket_register_write = lambda *_: self._ring()

    def _create_socket(self) -> Any:  # paho's only door for a socket of one's own
        return BufferedSocket(super()._create_socket())

    def run(self) -> None:
        """Read, write and keep alive until the connection ends.

        Raises:
            OSError: it broke while writing.
        """
        sock = self.socket()
        if not isinstance(sock, BufferedSocket):
            return  # it ended before it began
        listener, bell = socket.socketpair()
        with listener, bell, selectors.DefaultSelector() as selector:
            listener.setblocking(False)
            bell.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
            selector.register(sock, selectors.EVENT_READ)
            self._bell = bell
            try:
                while self._has(sock) and self._turn(sock, listener, selector):
                    pass
            finally:
                self._bell = None

    def _turn(self, sock: BufferedSocket, listener: socket.socket, selector: selectors.BaseSelector) -> bool:
        """Wait, then read until there is no more or something to write; whether the connection stands."""
        writing = sock.unsent or self.want_write()
        selector.modify(sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0))
        ready = {key.fileobj: events for key, events in selector.select(0 if sock.pending() else TICK_S)}
        if listener in ready:
            with contextlib.suppress(BlockingIOError):
                listener.recv(1024)
        if ready.get(sock, 0) & selectors.EVENT_READ or sock.pending():
            done = self.loop_read()
            while done == MQTT_ERR_SUCCESS and sock.pending() and not self.want_write():
                done = self.loop_read()
            if done != MQTT_ERR_SUCCESS:
                return False
        if self.want_write() and self.loop_write() != MQTT_ERR_SUCCESS:
            return False
        if self._has(sock):
            with contextlib.suppress(*_LATER):
                sock.flush()
        return self.loop_misc() == MQTT_ERR_SUCCESS

    def _has(self, sock: BufferedSocket) -> bool:
        return self.socket() is sock

    def _ring(self) -> None:
        bell = self._bell
        if bell is not None:
            with contextlib.suppress(OSError):  # rung often enough, or the connection just ended
                bell.send(b"\0")
