"""Real HTTP receivers of webhooks on loopback: they take, fail, hang, redirect, as they are told."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Call:
    """One request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]


@dataclass
class Receiver:
    """Answers each call by `answer`: a status, or a status and headers; ``hang`` waits until the end."""

    answer: Callable[[Call], int | tuple[int, dict[str, str]] | str] = lambda _: 204
    calls: list[Call] = field(default_factory=list)
    url: str = ""
    arrived: threading.Condition = field(default_factory=threading.Condition)
    over: threading.Event = field(default_factory=threading.Event)

    def take(self, call: Call) -> int | tuple[int, dict[str, str]] | str:
        with self.arrived:
            self.calls.append(call)
            answer = self.answer(call)
            self.arrived.notify_all()
        return answer

    def wait_for(self, done: Callable[[list[Call]], bool], deadline_s: float = 60.0) -> None:
        """Return as soon as `done` says so of the calls; fail after the deadline."""
        with self.arrived:
            if not self.arrived.wait_for(lambda: done(self.calls), deadline_s):
                raise TimeoutError(f"only {len(self.calls)} calls came")


@contextmanager
def receiver(
    answer: Callable[[Call], int | tuple[int, dict[str, str]] | str] = lambda _: 204,
) -> Iterator[Receiver]:
    """A receiver on a free loopback port."""
    state = Receiver(answer)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            headers = {name.lower(): value for name, value in self.headers.items()}
            answer = state.take(Call(self.path, headers, body))
            if answer == "hang":
                state.over.wait(60)
                return
            status, more = answer if isinstance(answer, tuple) else (int(answer), {})
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield state
    finally:
        state.over.set()
        server.shutdown()
        server.server_close()
        thread.join()
