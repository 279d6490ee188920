"""Real spools and publishers under kill -9: what stands in a ledger arrives."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parts.mosquitto import Mosquitto

pytestmark = pytest.mark.real("mosquitto")


def _start(broker: Mosquitto, folder: Path, log: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "schoolpulse_sim", "fleet", "--broker", broker.url]
    command += ["--folder", str(folder), "--gateways", "3", "--interval", "50ms", "--points", "4"]
    with log.open("ab") as out:
        return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=out)


def _ledger(folder: Path) -> set[tuple[str, int]]:
    found = set()
    for file in folder.glob("*/ledger"):
        for line in file.read_text().splitlines():
            stream, seq, points = line.split()
            assert points == "4"
            found.add((stream, int(seq)))
    return found


def test_what_stands_in_the_ledger_arrives(broker: Mosquitto, listener: Any, tmp_path: Path) -> None:
    folder = tmp_path / "fleet"
    for _ in range(2):
        heard = len(listener.batches)
        process = _start(broker, folder, tmp_path / "log")
        listener.wait_for(lambda heard=heard: len(listener.batches) > heard + 30)
        process.kill()
        process.wait(30)
    process = _start(broker, folder, tmp_path / "log")
    heard = len(listener.batches)
    listener.wait_for(lambda: len(listener.batches) > heard + 30)
    os.kill(process.pid, signal.SIGUSR1)
    assert process.wait(120) == 0
    ledger = _ledger(folder)
    assert len(ledger) > 90
    assert ledger <= set(listener.batches)
    # A kill may fall between the spool and the ledger, once a gateway and kill.
    assert len(set(listener.batches) - ledger) <= 3 * 2


def test_a_stop_file_ends_appending(broker: Mosquitto, listener: Any, tmp_path: Path) -> None:
    stop = tmp_path / "stop"
    command = [sys.executable, "-m", "schoolpulse_sim", "fleet", "--broker", broker.url]
    command += ["--folder", str(tmp_path / "fleet"), "--gateways", "2", "--interval", "50ms"]
    process = subprocess.Popen(
        [*command, "--stop-file", str(stop)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    listener.wait_for(lambda: len(listener.batches) > 10)
    stop.touch()
    assert process.wait(120) == 0
