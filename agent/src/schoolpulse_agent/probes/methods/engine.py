"""Asks many targets at once in one thread, so that a dead one delays nobody.

A question is a generator: it yields a `Wait` for each moment in which it has to wait for its socket, is
resumed with whether that came in time, and returns its `Answer`.
"""

from __future__ import annotations

import errno
import os
import selectors
import socket
import time
from collections.abc import Generator, Hashable
from typing import Callable, NamedTuple, TypeVar

READ = selectors.EVENT_READ
WRITE = selectors.EVENT_WRITE
_SO_BINDTODEVICE = 25  # Linux; the socket module names it since Python 3.14


class Wait(NamedTuple):
    """Wait for `events` of `sock` until the steady clock's second `until`."""

    sock: socket.socket
    events: int
    until: float


class Answer(NamedTuple):
    """What one question brought. `rtt_ms` is None where there was no (right) answer, and `trouble` says why.

    `captive` is whether somebody else answered in the place of the one who was asked; None where that
    cannot be told.
    """

    rtt_ms: float | None
    trouble: str = ""
    captive: bool | None = None
    method: str = ""


class Question(NamedTuple):
    """What to ask whom.

    Args:
        address: an address or a name, with ``:port`` or as a URL where the method wants it.
        query: the name to look up, for the method dns.
        interface: leave by this interface; by the routing table if empty.
        resolvers: addresses of name servers, for names.
    """

    address: str
    query: str = ""
    interface: str = ""
    resolvers: tuple[str, ...] = ()


Result = TypeVar("Result")
Steps = Generator[Wait, bool, Result]
Method = Callable[[Question, float], Steps[Answer]]
"""A method asks one question until a second of the steady clock."""


def open_socket(family: int, kind: int, protocol: int = 0, interface: str = "") -> socket.socket:
    """A non-blocking socket that leaves by `interface`.

    Raises:
        OSError: not allowed, or no such interface.
    """
    sock = socket.socket(family, kind, protocol)
    try:
        sock.setblocking(False)
        if interface:
            sock.setsockopt(socket.SOL_SOCKET, _SO_BINDTODEVICE, interface.encode() + b"\0")
    except OSError:
        sock.close()
        raise
    return sock


def ask_all(questions: dict[Hashable, Steps[Answer]]) -> dict[Hashable, Answer]:
    """Ask all `questions` side by side until each has its answer. Each must bound its own waits."""
    return run_all(questions, lambda error: Answer(None, _reason(error)))


def run_all(
    questions: dict[Hashable, Steps[Result]], failed: Callable[[Exception], Result]
) -> dict[Hashable, Result]:
    """Run all `questions` side by side; what one raises, `failed` turns into its result."""
    answers: dict[Hashable, Result] = {}
    waiting: dict[Hashable, Wait] = {}
    with selectors.DefaultSelector() as selector:
        turns: list[tuple[Hashable, bool | None]] = [(key, None) for key in questions]
        while turns:
            for key, came in turns:
                old = waiting.pop(key, None)
                if old is not None:
                    selector.unregister(old.sock)
                try:
                    wait = next(questions[key]) if came is None else questions[key].send(came)
                except StopIteration as stop:
                    answers[key] = stop.value
                except Exception as error:  # noqa: BLE001 - no route, refused, nonsense: an answer too
                    answers[key] = failed(error)
                else:
                    waiting[key] = wait
                    selector.register(wait.sock, wait.events, key)
            turns = _next_turns(selector, waiting)
    return answers


def _reason(error: Exception) -> str:
    """What went wrong; only trouble with the network is an answer."""
    if not isinstance(error, OSError):
        raise error
    return error.strerror or type(error).__name__


def _next_turns(
    selector: selectors.BaseSelector, waiting: dict[Hashable, Wait]
) -> list[tuple[Hashable, bool | None]]:
    turns: list[tuple[Hashable, bool | None]] = []
    while waiting and not turns:
        first = min(wait.until for wait in waiting.values())
        ready = selector.select(max(0.0, first - time.monotonic()))
        turns = [(key.data, True) for key, _ in ready]
        if not turns:
            now = time.monotonic()
            turns = [(key, False) for key, wait in waiting.items() if wait.until <= now]
    return turns


def connect(sock: socket.socket, address: tuple[str, int], until: float) -> Steps[str]:
    """Connect; empty when connected, else what went wrong."""
    code = sock.connect_ex(address)
    if code not in (0, errno.EINPROGRESS):
        return _strerror(code)
    if not (yield Wait(sock, WRITE, until)):
        return "no answer"
    return _strerror(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR))


def _strerror(code: int) -> str:
    return os.strerror(code) if code else ""


def split_port(address: str, default: int) -> tuple[str, int]:
    """Host and port of ``host:port``, ``[v6]:port``, a bare host or a bare IPv6 address.

    Raises:
        ValueError: the port is none.
    """
    host, colon, port = address.rpartition(":")
    if address.startswith("[") and address.endswith("]"):
        return address[1:-1], default
    if not colon or (":" in host and not host.endswith("]")):
        return address, default
    number = int(port)
    if not 0 < number < 65536:
        raise ValueError("a port is from 1 to 65535")
    return host.strip("[]"), number


def family_of(host: str) -> int:
    """The address family of a literal address; 0 for a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, host)
        except OSError:
            continue
        return family
    return 0
