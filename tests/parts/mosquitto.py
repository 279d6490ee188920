"""Debian's mosquitto with the limits that docs/administrator asks for."""

from __future__ import annotations

from pathlib import Path

from parts import Part, free_port, need


class Mosquitto(Part):
    """An anonymous mosquitto on loopback; `kill` loses its queues, since it keeps nothing on disk.

    Args:
        folder: for its configuration and log.
        settings: more lines of mosquitto.conf, e.g. ``persistence true``.
    """

    def __init__(self, folder: Path, *settings: str) -> None:
        port = free_port()
        config = folder / f"mosquitto-{port}.conf"
        lines = [
            f"listener {port} 127.0.0.1",
            "allow_anonymous true",
            "max_queued_messages 1000000",
            "max_inflight_messages 2000",
            "set_tcp_nodelay true",
            *settings,
        ]
        config.write_text("\n".join(lines) + "\n")
        super().__init__([need("mosquitto"), "-c", str(config)], port, folder / f"mosquitto-{port}.log")

    @property
    def url(self) -> str:
        """As `[broker] url` wants it."""
        return f"mqtt://127.0.0.1:{self.port}"
