"""paho's connection over few system calls and few objects: large reads, one write for many acknowledgements.

paho reads a message in four or five small pieces, makes a dozen objects of it, and writes each
acknowledgement alone, a system call each. Every one of those lets go of the interpreter's lock and has to
queue for it again behind threads that compute: under load that, and not the work, limited the intake. So
messages are read and acknowledged here; everything else of the protocol (connecting, TLS, keep-alive,
subscribing, publishing) stays paho's.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from paho.mqtt.client import MQTT_ERR_SUCCESS, Client, MQTTv5

from schoolpulse.ingest.framing import Framer, Publish

READ_BYTES = 128 * 1024
WRITE_BYTES = 64 * 1024
"""So much is gathered before it is written without being asked to."""
TICK_S = 1.0
"""How often paho looks after its keep-alive, seconds."""
_LATER = (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError)
_PUBACK = b"\x40\x02"  # MQTT 5, 3.4.2.1: without a reason code and properties it means success


class BufferedSocket:
    """A socket that cuts what it reads into packets, gives paho its share, and writes in large pieces."""

    def __init__(self, sock: Any, framer: Framer) -> None:
        self._sock = sock
        self._framer = framer
        self._for_paho = b""
        self._room = memoryview(
            bytearray(READ_BYTES)
        )  # one for all reads: so large a piece costs page faults
        self._ended = False
        self._unsent = bytearray()

    def packets(self) -> list[Publish | bytes]:
        """Read once and give every packet that is whole; none at the end of the connection, which `recv`
        then tells paho.

        Raises:
            Malformed: what came is no MQTT.
        """
        try:
            size = self._sock.recv_into(self._room)
        except _LATER:
            return []
        except OSError:
            size = 0
        self._ended = not size
        self._framer.feed(self._room[:size])
        return self._framer.take()

    @property
    def ended(self) -> bool:
        """Whether the other end has closed the connection, or it broke."""
        return self._ended

    def hand_over(self, packet: bytes) -> None:
        """Let paho read `packet` next."""
        self._for_paho += packet

    def recv(self, size: int) -> bytes:
        """For paho: up to `size` bytes of what was handed over; nothing at the end of the connection.

        Raises:
            BlockingIOError: there is nothing now.
        """
        piece = self._for_paho[:size]
        if not piece and not self._ended:
            raise BlockingIOError
        self._for_paho = self._for_paho[size:]
        return piece

    def pending(self) -> int:
        """Bytes that TLS has deciphered already, which no selector tells of."""
        return int(self._sock.pending()) if hasattr(self._sock, "pending") else 0

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
    """paho's client on a `BufferedSocket`, driven by `run` as its external event loop.

    Args:
        received: called with each message, on the thread of `run`; it may wait, but not for long.
    """

    def __init__(self, *args: Any, received: Callable[[Publish], None], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._received = received
        self._bell: socket.socket | None = None
        self._acknowledgements: deque[bytes] = deque()
        # Called when other threads begin to queue packets; they never write to the socket themselves.
        self.on_socket_register_write = lambda *_: self._ring()

    def acknowledge(self, mids: Iterable[int]) -> None:
        """Acknowledge messages of QoS 1 in this order; from any thread, without waiting.

        What does not get out before this connection ends is forgotten: it comes again on the next.
        """
        self._acknowledgements.append(b"".join(_PUBACK + mid.to_bytes(2, "big") for mid in mids))
        self._ring()

    def run(self) -> None:
        """Read, write and keep alive until the connection ends.

        Raises:
            OSError: it broke while writing.
            Malformed: what came is no MQTT.
        """
        sock: Any = self.socket()
        self._acknowledgements.clear()
        listener, bell = socket.socketpair()
        with listener, bell, selectors.DefaultSelector() as selector:
            listener.setblocking(False)
            bell.setblocking(False)
            selector.register(listener, selectors.EVENT_READ)
            selector.register(sock, selectors.EVENT_READ)
            self._bell = bell
            try:
                while self._is_current(sock) and self._turn(sock, listener, selector):
                    pass
            finally:
                self._bell = None

    def _create_socket(self) -> Any:  # paho's only door for a socket of one's own
        return BufferedSocket(super()._create_socket(), Framer(with_properties=self.protocol == MQTTv5))

    def _turn(self, sock: BufferedSocket, listener: socket.socket, selector: selectors.BaseSelector) -> bool:
        """Wait, read once, write what there is; whether the connection stands."""
        writing = sock.unsent or self.want_write()
        selector.modify(sock, selectors.EVENT_READ | (selectors.EVENT_WRITE if writing else 0))
        ready = {key.fileobj: events for key, events in selector.select(0 if sock.pending() else TICK_S)}
        if listener in ready:
            with contextlib.suppress(BlockingIOError):
                listener.recv(1024)
        readable = ready.get(sock, 0) & selectors.EVENT_READ or sock.pending()
        if readable and not self._read(sock):
            return False
        while self._acknowledgements:
            with contextlib.suppress(*_LATER):
                sock.send(self._acknowledgements[0])
                self._acknowledgements.popleft()
                continue
            break  # the kernel takes no more now
        if self.want_write() and self.loop_write() != MQTT_ERR_SUCCESS:
            return False
        if self._is_current(sock):
            with contextlib.suppress(*_LATER):
                sock.flush()
        return self.loop_misc() == MQTT_ERR_SUCCESS

    def _read(self, sock: BufferedSocket) -> bool:
        """Deliver the messages that came, give paho the rest; whether the connection stands."""
        for packet in sock.packets():
            if isinstance(packet, Publish):
                self._received(packet)
            else:
                sock.hand_over(packet)
                if self.loop_read() != MQTT_ERR_SUCCESS or not self._is_current(sock):
                    return False
        return not sock.ended or self.loop_read() == MQTT_ERR_SUCCESS

    def _is_current(self, sock: BufferedSocket) -> bool:
        """Whether paho still has this socket: it lets go of it when the connection ends."""
        return self.socket() is sock

    def _ring(self) -> None:
        bell = self._bell
        if bell is not None:
            with contextlib.suppress(OSError):  # rung often enough, or the connection just ended
                bell.send(b"\0")
