"""The brokers that can be embedded, by the name that a configuration gives them."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

from schoolpulse.broker import mosquitto
from schoolpulse.broker.base import BrokerFactory, EmbeddedBroker
from schoolpulse.clock import Clock
from schoolpulse.errors import BrokerUnavailable

_log = logging.getLogger(__name__)

START_TRIES = 20
START_RETRY_S = 0.5
"""After a crash the broker of the life before may hold its port for a moment."""


def _rumqttd(*, host: str, port: int, folder: Path) -> EmbeddedBroker:
    from schoolpulse.broker.rumqttd import Rumqttd  # noqa: PLC0415  # an extra: not installed everywhere

    return Rumqttd(host=host, port=port, folder=folder)


BROKERS: Mapping[str, tuple[BrokerFactory, Callable[[], bool]]] = {
    "rumqttd": (_rumqttd, lambda: find_spec("iotcore") is not None),
    "mosquitto": (mosquitto.Mosquitto, lambda: mosquitto.executable() is not None),
}
"""Name -> (factory, whether this machine has it); the first that it has is the default."""


def embedded_broker(name: str | None, *, host: str, port: int, folder: Path) -> EmbeddedBroker:
    """The broker of that name, or with None the first that this machine has; not started yet.

    Raises:
        BrokerUnavailable: this machine has it not.
    """
    for known, (factory, available) in BROKERS.items():
        if name in (None, known) and available():
            return factory(host=host, port=port, folder=folder)
    raise BrokerUnavailable(
        f"this machine has no {name or 'broker that can be embedded'}",
        hint="pip install 'schoolpulse[embedded]', or apt install mosquitto",
    )


def start_broker(broker: EmbeddedBroker, clock: Clock) -> None:
    """Start it; where its port is still taken, some times more.

    Raises:
        BrokerUnavailable: it does not start.
    """
    for remaining in reversed(range(START_TRIES)):
        try:
            broker.start()
        except BrokerUnavailable:
            if not remaining:
                raise
            clock.wait(threading.Event(), START_RETRY_S)
        else:
            _log.info("the embedded broker %s runs", broker.name)
            return
