"""What an embedded broker is: something that can be started on a port and stopped."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol


class EmbeddedBroker(Protocol):
    """A broker of our own on one address; MQTT 5 with wills and retained messages."""

    @property
    def name(self) -> str:
        """The broker's own name, for logs and the summary."""
        ...

    def start(self) -> None:
        """Start it and return when it accepts connections.

        Raises:
            BrokerUnavailable: it does not start.
        """
        ...

    def stop(self) -> None:
        """Stop it and free its port and files; harmless when it is not running."""
        ...


class BrokerFactory(Protocol):
    """Makes a broker that is not started yet."""

    def __call__(self, *, host: str, port: int, folder: Path) -> EmbeddedBroker:
        """A broker for ``host:port`` that keeps its files in `folder`."""
        ...
