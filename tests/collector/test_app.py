"""The collector as a whole, where it cannot start."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from fakes import FakeClock
from parts import free_port

from schoolpulse.app import Collector
from schoolpulse.config import Config
from schoolpulse.errors import BrokerUnavailable


def test_a_collector_whose_broker_does_not_start_says_so_and_can_be_stopped(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        broker = {"name": "rumqttd", "port": taken.getsockname()[1]}
        values = {"data_dir": tmp_path, "http": {"port": free_port()}, "embedded_broker": broker}
        collector = Collector(Config.model_validate(values), clock=FakeClock())
        with pytest.raises(BrokerUnavailable, match="does not start"):
            collector.start()
        collector.stop()
