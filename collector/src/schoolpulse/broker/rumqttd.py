"""rumqttd as the package iotcore brings it: a broker that pip installs.

It forgets every session and queue when it stops. With the collector's confirm that loses nothing: an
agent sends again what was not confirmed (docs/decisions/0002-embedded-broker.md).
"""

from __future__ import annotations

import contextlib
import signal
import textwrap
import threading
from collections.abc import Iterator
from pathlib import Path

from iotcore import Broker

from schoolpulse.errors import BrokerUnavailable
from schoolpulse_agent import wire


class Rumqttd:
    """rumqttd with one MQTT 5 listener, in a child process that ends with its parent."""

    name = "rumqttd"

    def __init__(self, *, host: str, port: int, folder: Path) -> None:
        self._config = folder / "rumqttd.toml"
        self._address = f"{host}:{port}"
        self._settings = _CONFIG.format(host=host, port=port, payload=2 * wire.MAX_MESSAGE_BYTES)
        self._broker: Broker | None = None

    def start(self) -> None:
        """Start it and return when it accepts connections.

        Raises:
            BrokerUnavailable: the port is taken, or the process ends.
        """
        self._config.parent.mkdir(parents=True, exist_ok=True)
        self._config.write_text(self._settings)
        try:
            with _deaf_to_ctrl_c():
                self._broker = Broker(config_path=str(self._config)).start()
        except (OSError, RuntimeError) as error:
            self.stop()
            raise BrokerUnavailable(
                f"the embedded broker does not start on {self._address}: {error}",
                hint="is another broker running? choose another port",
            ) from error

    def stop(self) -> None:
        """Stop it and remove its configuration."""
        if self._broker is not None:
            self._broker.stop()
            self._broker = None
        self._config.unlink(missing_ok=True)


@contextlib.contextmanager
def _deaf_to_ctrl_c() -> Iterator[None]:
    """A child that is started in here does not hear the terminal's Ctrl-C: we end it, after its clients."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_CONFIG = textwrap.dedent("""\
    id = 0
    [router]
    id = 0
    max_connections = 20000
    max_outgoing_packet_count = 2000
    max_segment_size = 104857600
    max_segment_count = 4
    [v5.main]
    name = "main"
    listen = "{host}:{port}"
    next_connection_delay_ms = 0
    [v5.main.connections]
    connection_timeout_ms = 60000
    max_payload_size = {payload}
    max_inflight_count = 2000
    dynamic_filters = true
    """)
