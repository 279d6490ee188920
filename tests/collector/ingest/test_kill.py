"""The ingest killed with -9 at random moments, the broker too: every batch in the journal exactly once."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
from collector.ingest import collector_process
from collector.ingest.collecting import Publisher, until
from collector.ingest.messages_in import telemetry
from parts.mosquitto import Mosquitto

from schoolpulse.clock import SystemClock
from schoolpulse.contract.models import Telemetry
from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics

AGENTS = [f"agent-{number}" for number in range(20)]
BATCHES_A_ROUND = 40
ROUNDS = 6


class _Agents:
    """What twenty agents do: send what is new, and again what is not confirmed."""

    def __init__(self, publisher: Publisher) -> None:
        self._publisher = publisher
        self.last_seq = 0

    def send_new(self) -> None:
        for seq in range(self.last_seq + 1, self.last_seq + BATCHES_A_ROUND + 1):
            for agent in AGENTS:
                self._publisher.send(*telemetry(seq, agent=agent))
        self.last_seq += BATCHES_A_ROUND

    def send_again(self) -> int:
        sent = 0
        for agent in AGENTS:
            confirmed = self._publisher.confirmed(agent, "s")
            for seq in range(1, self.last_seq + 1):
                if seq not in confirmed:
                    sent += 1
                    self._publisher.send(*telemetry(seq, agent=agent))
        return sent


def _start(folder: Path, url: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, collector_process.__file__, str(folder), url])


@pytest.mark.parametrize(
    "persistent", [True, False], ids=["broker keeps its queue", "broker loses its queue"]
)
def test_nothing_is_lost_and_nothing_doubled(tmp_path: Path, persistent: bool) -> None:
    rng = random.Random(7)
    broker = Mosquitto(tmp_path)
    broker.start()
    publisher = Publisher(broker.port)
    agents = _Agents(publisher)
    process = _start(tmp_path, broker.url)
    for round_ in range(ROUNDS):
        agents.send_new()
        # At some moment of the work, whichever it is on this machine.
        time.sleep(rng.uniform(0.05, 0.8))  # a random moment is the point here, nothing is waited for
        process.kill()
        process.wait(60)
        if not persistent and round_ in {1, 3}:
            broker.kill()
            broker.start()
        process = _start(tmp_path, broker.url)
    until(lambda: publisher.connected, "publisher connected")
    until(lambda: _settled(publisher, agents) or agents.send_again() == 0, "everything confirmed")
    process.kill()
    process.wait(60)
    publisher.close()
    broker.stop()
    _check(tmp_path, agents.last_seq)


def _settled(publisher: Publisher, agents: _Agents) -> bool:
    """Whether all is confirmed, given a moment in which to become so before things are sent again."""
    end = time.monotonic() + 2
    while time.monotonic() < end:
        if all(publisher.confirmed(agent, "s").through == agents.last_seq for agent in AGENTS):
            return True
        time.sleep(0.05)  # confirms come from another process
    return False


def _check(folder: Path, last_seq: int) -> None:
    journal = Journal(folder / "journal.db", max_bytes=1 << 30, metrics=Metrics(), clock=SystemClock())
    found: dict[str, list[int]] = {agent: [] for agent in AGENTS}
    after, received_ms = 0, 0
    while messages := journal.read(after, 1_000):
        for message in messages:
            assert message.position > after
            assert message.received_ms >= received_ms
            after, received_ms = message.position, message.received_ms
            if isinstance(message.body, Telemetry):
                found[message.agent_id].append(message.body.seq)
    assert {agent: sorted(seqs) for agent, seqs in found.items()} == {
        agent: list(range(1, last_seq + 1)) for agent in AGENTS
    }
    assert {(stream.through, stream.missing) for stream in journal.streams()} == {(last_seq, 0)}
    assert journal.dead_letter_counts() == {}
    journal.close()
