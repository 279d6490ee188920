"""The one loop that all simulated gateways' sockets and timers share, and where the broker is."""

from __future__ import annotations

import contextlib
import heapq
import itertools
import select
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

import paho.mqtt.client as mqtt

from schoolpulse.errors import UsageError

if TYPE_CHECKING:  # a link knows its net; the net only keeps links
    from schoolpulse_sim.mqtt_link import MqttLink


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how one logs in."""

    host: str
    port: int
    tls: ssl.SSLContext | None = None
    username: str | None = None
    password: str | None = None
    version: int = 5

    @classmethod
    def of(cls, url: str, *, version: int = 5, ca_file: str | None = None) -> Broker:
        """The broker that ``mqtt://[user[:password]@]host[:port]`` (or ``mqtts://``) names.

        Raises:
            UsageError: it is no such address.
        """
        parts = urlsplit(url)
        try:
            port = parts.port
        except ValueError:
            port = -1
        if parts.scheme not in {"mqtt", "mqtts"} or not parts.hostname or port == -1:
            raise UsageError(
                f"no broker address: {parts.scheme}://...", hint="mqtt://host:1883 or mqtts://host:8883"
            )
        tls = ssl.create_default_context(cafile=ca_file) if parts.scheme == "mqtts" else None
        username = unquote(parts.username) if parts.username else None
        password = unquote(parts.password) if parts.password else None
        return cls(parts.hostname, port or (8883 if tls else 1883), tls, username, password, version)


class Net:
    """One loop over all sockets and timers of a simulation; the only place that waits.

    Args:
        now_ms: the clock.
    """

    def __init__(self, now_ms: Callable[[], int]) -> None:
        self.now_ms = now_ms
        self.touched: set[MqttLink] = set()
        """Links whose gateways heard something since somebody last cleared this."""
        self._poll = select.epoll()
        self._by_fd: dict[int, tuple[MqttLink, mqtt.Client]] = {}
        self._timers: list[tuple[int, int, Callable[[int], None]]] = []
        self._order = itertools.count()

    def at(self, at_ms: int, call: Callable[[int], None]) -> None:
        """Call `call(now_ms)` once, when `at_ms` has come."""
        heapq.heappush(self._timers, (at_ms, next(self._order), call))

    def watch(self, link: MqttLink, client: mqtt.Client) -> None:
        """Serve this client's socket from now on."""
        sock = client.socket()
        if sock is not None and sock.fileno() not in self._by_fd:
            self._by_fd[sock.fileno()] = (link, client)
            self._poll.register(sock.fileno(), select.EPOLLIN)

    def writes(self, client: mqtt.Client, *, wanted: bool) -> None:
        """Whether to wake up when this client's socket takes more."""
        sock = client.socket()
        if sock is not None and sock.fileno() in self._by_fd:
            self._poll.modify(sock.fileno(), select.EPOLLIN | (select.EPOLLOUT if wanted else 0))

    def unwatch(self, fd: int) -> None:
        """Serve this socket no more."""
        if self._by_fd.pop(fd, None) is not None:
            with contextlib.suppress(OSError):  # closed meanwhile: epoll has forgotten it by itself
                self._poll.unregister(fd)

    def turn(self, until_ms: int) -> None:
        """Wait until a socket or a timer wants something, at most until `until_ms`, and serve them all."""
        due_ms = min(until_ms, self._timers[0][0]) if self._timers else until_ms
        for fd, _ in self._poll.poll(max(0, due_ms - self.now_ms()) / 1000):
            if fd in self._by_fd:
                link, client = self._by_fd[fd]
                link.serve(client)
        now_ms = self.now_ms()
        while self._timers and self._timers[0][0] <= now_ms:
            heapq.heappop(self._timers)[2](now_ms)

    def close(self) -> None:
        """Let go of the poll object."""
        self._poll.close()
