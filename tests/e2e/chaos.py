"""A small district under attack: what is killed, when, and what must stand afterwards."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from parts.collector import CollectorProcess

DEADLINE_S = 240.0
Batch = tuple[str, int]


def wait_until(done: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
    """Return once `done`; fail where that takes so long that it never will be."""
    end = time.monotonic() + deadline_s
    while not done():
        if time.monotonic() > end:
            raise TimeoutError(what)
        time.sleep(0.1)  # polling other processes: there is nothing to wait on but their answers


class FleetProcess:
    """Ten gateways with the agent's real spool and publisher, in a process that can be killed."""

    def __init__(self, folder: Path, broker_url: str, first: int, stop_file: Path) -> None:
        self._log = folder / f"fleet-{first}.log"
        self._command = [sys.executable, "-m", "schoolpulse_sim", "fleet", "--broker", broker_url]
        self._command += ["--folder", str(folder / "gateways"), "--gateways", "10", "--first", str(first)]
        self._command += ["--interval", "400ms", "--points", "10", "--stop-file", str(stop_file)]
        self._command += ["--confirm-timeout", "3s", "--reconnect", "500ms"]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it, or start it again on the same folders."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill(self) -> None:
        """As a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    @property
    def finished(self) -> bool:
        """Whether everything it persisted is confirmed, which is when it ends by itself."""
        assert self._process is not None
        status = self._process.poll()
        assert status in (None, 0), self._log.read_text("utf-8", "replace")[-2000:]
        return status == 0


def read_ledgers(folder: Path) -> Iterator[tuple[Batch, int]]:
    """Each ``(stream, seq)`` that a gateway persisted, with its points."""
    for ledger in sorted(folder.glob("*/ledger")):
        for line in ledger.read_text("ascii").splitlines():
            stream, seq, points = line.split(" ")
            yield (stream, int(seq)), int(points)


@dataclass
class World:
    """The parts that can be hurt. `broker_dies` is None where the broker lives in the collector."""

    collector: CollectorProcess
    fleets: list[FleetProcess]
    break_broker: Callable[[], None] | None = None
    stop_store: Callable[[], None] | None = None
    start_store: Callable[[], None] | None = None

    def torment(
        self, seed: int, *, collector_kills: int, broker_kills: int, fleet_kills: int
    ) -> Counter[str]:
        """Kill everything as often as asked, in an order that the seed decides; what was done."""
        rng = random.Random(seed)
        acts = ["collector"] * collector_kills + ["fleet"] * fleet_kills
        if self.break_broker is not None:
            acts += ["broker"] * broker_kills
        rng.shuffle(acts)
        away = range(len(acts) // 3, 2 * len(acts) // 3) if self.stop_store else range(0)
        done: Counter[str] = Counter()
        for number, act in enumerate(acts):
            if self.stop_store and self.start_store:
                if number == away.start:
                    self.stop_store()
                    done["store stopped"] += 1
                elif number == away.stop:
                    self.start_store()
            self._await_some_work()
            time.sleep(rng.uniform(0, 0.5))  # the moment of the blow is drawn, nothing waits for it
            self._strike(act, rng)
            done[act] += 1
        return done

    def _await_some_work(self) -> None:
        """Until this life of the collector has journalled something: a blow must hit it at work."""

        def at_work() -> bool:
            return self.collector.metrics().get("schoolpulse_journalled_messages_total", 0) > 50

        wait_until(at_work, "the collector journals nothing")

    def _strike(self, act: str, rng: random.Random) -> None:
        if act == "collector":
            self.collector.kill()
            self.collector.start()
        elif act == "fleet":
            fleet = rng.choice(self.fleets)
            fleet.kill()
            fleet.start()
        elif self.break_broker is not None:
            self.break_broker()
