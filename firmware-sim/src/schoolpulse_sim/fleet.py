"""Gateways with the agent's real spool and publisher, to be killed and started again on the same folders.

Each gateway appends synthetic batches to its spool on disk, and after each append that returned writes a
line ``stream seq points`` to its ledger. What stands in a ledger was persisted, and so must arrive.
"""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from schoolpulse_agent import wire
from schoolpulse_agent.publisher import Publisher
from schoolpulse_agent.settings import BatchSettings, BrokerSettings
from schoolpulse_agent.spool import Spool
from schoolpulse_sim.births import AGENT_VERSION
from schoolpulse_sim.rng import token

POLL_S = 0.2

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetSettings:
    """How a fleet is made up.

    Args:
        folder: one folder a gateway is made in it: spool and ledger.
        gateways: how many, from number `first` on.
        interval_s: between two batches of one gateway.
        points: in a batch, each of a series of its own.
        spool_bytes: bound of each spool.
        stop_file: appending ends when this file exists.
    """

    folder: Path
    gateways: int
    first: int = 1
    interval_s: float = 0.5
    points: int = 10
    spool_bytes: int = 20_000_000
    stop_file: Path | None = None
    batch: BatchSettings = field(default_factory=BatchSettings)


class _Gateway:
    def __init__(self, number: int, fleet: FleetSettings, broker: BrokerSettings) -> None:
        self.agent_id = f"gw-fleet-{number:04d}"
        folder = fleet.folder / self.agent_id
        folder.mkdir(parents=True, exist_ok=True)
        self._points = fleet.points
        self._boot = token("fleet", number, time.time_ns())
        self._started_s = time.monotonic()
        self.spool = Spool(folder / "spool", max_bytes=fleet.spool_bytes)
        # Line-buffered: a line is the kernel's before the next batch is made, whatever kills this process.
        self._ledger = (folder / "ledger").open("a", buffering=1, encoding="ascii")
        self._last_ms = 0
        self.publisher = Publisher(
            broker, self.agent_id, self.spool, self._birth, batch=fleet.batch, boot=self._boot
        )

    def append(self) -> None:
        """Make a batch, keep it, note it, hand it over."""
        self._last_ms = max(time.time_ns() // 1_000_000, self._last_ms + 1)
        samples = [
            wire.Sample(
                "reachability",
                self._last_ms,
                (("target", f"t{number}"), ("scope", "national"), ("method", "icmp")),
                (("up", 1), ("rtt_ms", 4.0 + number / 10), ("jitter_ms", 0.2), ("loss_ratio", 0.0)),
            )
            for number in range(self._points)
        ]
        body = wire.telemetry_body(self._boot, "synced", wire.blocks_of(samples))
        seq = self.spool.append(body)
        self._ledger.write(f"{self.spool.stream} {seq} {self._points}\n")
        self.publisher.notify()

    def owes(self) -> bool:
        """Whether something is not confirmed."""
        return any(self.spool.pending(stream) for stream in self.spool.streams())

    def close(self) -> None:
        """Goodbye to the broker, then let go of the files."""
        self.publisher.stop()
        self.spool.close()
        self._ledger.close()

    def _birth(self, session: int) -> dict[str, Any]:
        return {
            "v": wire.CONTRACT_VERSION,
            "agent_version": AGENT_VERSION,
            "boot": self._boot,
            "session": session,
            "at": time.time_ns() // 1_000_000,
            "uptime_s": round(time.monotonic() - self._started_s, 3),
            "hostname": self.agent_id,
            "capabilities": ["simulated"],
            "probes": ["reachability"],
            "uplinks": [{"name": "wan", "role": "primary", "technology": "fibre"}],
        }


class Fleet:
    """Real spools and publishers, fed at a steady rate.

    Args:
        settings: how many, where, how fast.
        broker: the agents' broker settings.
    """

    def __init__(self, settings: FleetSettings, broker: BrokerSettings) -> None:
        self._settings = settings
        self._halt = threading.Event()
        numbers = range(settings.first, settings.first + settings.gateways)
        self._gateways = [_Gateway(number, settings, broker) for number in numbers]

    @property
    def agent_ids(self) -> list[str]:
        """The agents of this fleet."""
        return [gateway.agent_id for gateway in self._gateways]

    def halt(self) -> None:
        """Append nothing more; go on delivering."""
        self._halt.set()

    def run(self) -> dict[str, int]:
        """Append until halted, deliver until everything is confirmed; the figures."""
        for gateway in self._gateways:
            gateway.publisher.start()
        batches = self._append_until_halted()
        while any(gateway.owes() for gateway in self._gateways):
            time.sleep(POLL_S)
        for gateway in self._gateways:
            gateway.close()
        return {
            "gateways": len(self._gateways),
            "batches": batches,
            "points": batches * self._settings.points,
        }

    def _append_until_halted(self) -> int:
        """Every gateway once an interval, evenly spread over it."""
        batches = 0
        step_s = self._settings.interval_s / len(self._gateways)
        due_s = time.monotonic()
        stop_file = self._settings.stop_file
        while True:
            for position, gateway in enumerate(self._gateways):
                if position % 50 == 0 and stop_file is not None and stop_file.exists():
                    self._halt.set()
                # What a slow disk held up is not caught up with: the rate is an upper bound.
                due_s = max(due_s + step_s, time.monotonic() - self._settings.interval_s)
                if self._halt.wait(max(0.0, due_s - time.monotonic())):
                    log.info("appending has ended after %d batches", batches)
                    return batches
                gateway.append()
                batches += 1
