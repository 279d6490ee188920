"""uvicorn in a thread of its own, on a socket that is bound before anything else starts."""

from __future__ import annotations

import socket
import threading

import uvicorn
from fastapi import FastAPI

from schoolpulse.errors import SchoolPulseError

START_TIMEOUT_S = 30.0
SHUTDOWN_TIMEOUT_S = 5


class WebServer:
    """Serves one application.

    The socket is bound by the constructor: a port that is taken is said at once, and `port` may be 0.

    Raises:
        SchoolPulseError: the address cannot be bound.
    """

    def __init__(self, host: str, port: int) -> None:
        try:
            # The family follows from the address: both 127.0.0.1 and ::1 are hosts.
            family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            # Named as TCP, or asyncio does not switch Nagle off, and every second answer waits 40 ms.
            self._socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self._socket.bind(address)
        except OSError as error:
            raise SchoolPulseError(
                f"cannot listen on {host}:{port}: {error.strerror}",
                hint="another program has the port; [http] port chooses another",
            ) from error
        self._server: uvicorn.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def port(self) -> int:
        """The port that it is bound to."""
        return int(self._socket.getsockname()[1])

    def start(self, app: FastAPI) -> None:
        """Serve `app`; returns when requests are answered.

        Raises:
            SchoolPulseError: it does not come up.
        """
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=SHUTDOWN_TIMEOUT_S,
        )
        server = self._server = _Server(config)
        self._thread = threading.Thread(target=server.run, args=([self._socket],), name="web", daemon=True)
        self._thread.start()
        if not server.ready.wait(START_TIMEOUT_S):
            raise SchoolPulseError("the web server does not start", hint="see the log above")

    def stop(self) -> None:
        """Finish what is being answered, and free the port."""
        if self._server is not None and self._thread is not None:
            self._server.should_exit = True
            self._thread.join()
        self._socket.close()


class _Server(uvicorn.Server):
    """A server that says when it has started, or that it has given up."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
