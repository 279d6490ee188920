"""mosquitto where it is on the PATH, with the limits that a collector needs."""

from __future__ import annotations

import contextlib
import shutil
import socket
import subprocess
import textwrap
import time
from pathlib import Path

from schoolpulse.errors import BrokerUnavailable
from schoolpulse_agent import wire

START_TIMEOUT_S = 10.0


def executable() -> str | None:
    """The path of mosquitto on this machine; Debian keeps it outside a user's PATH."""
    return shutil.which("mosquitto") or shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin")


class Mosquitto:
    """mosquitto as a child process on one address, anonymous: for the first run on loopback."""

    name = "mosquitto"

    def __init__(self, *, host: str, port: int, folder: Path) -> None:
        self._host, self._port = host, port
        self._config = folder / "mosquitto.conf"
        self._log = folder / "mosquitto.log"
        self._settings = _CONFIG.format(host=host, port=port, payload=2 * wire.MAX_MESSAGE_BYTES)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return when it accepts connections.

        Raises:
            BrokerUnavailable: it is not installed, or ends at once.
        """
        program = executable()
        if program is None:
            raise BrokerUnavailable("mosquitto is not installed", hint="apt install mosquitto")
        refused = BrokerUnavailable(
            f"mosquitto does not start on {self._host}:{self._port}",
            hint=f"is another broker running? its own words are in {self._log}",
        )
        if self._accepts():
            raise refused
        self._config.parent.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._settings)
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603  # the program is mosquitto, the rest is ours
                [program, "-c", str(self._config)],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                # It does not hear the terminal's Ctrl-C: we end it, after its clients.
                start_new_session=True,
            )
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            if self._accepts():
                return
            time.sleep(0.02)
        self.stop()
        raise refused

    def _accepts(self) -> bool:
        with contextlib.suppress(OSError), socket.create_connection((self._host, self._port), 1):
            return True
        return False

    def stop(self) -> None:
        """Stop it and remove its configuration; the log stays."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            self._process = None
        self._config.unlink(missing_ok=True)


_CONFIG = textwrap.dedent("""\
    listener {port} {host}
    allow_anonymous true
    max_queued_messages 1000000
    max_inflight_messages 2000
    message_size_limit {payload}
    set_tcp_nodelay true
    """)
