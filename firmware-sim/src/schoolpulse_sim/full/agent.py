"""One real agent in a process of its own: its runner, spool and publisher over simulated probes."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from dataclasses import dataclass
from pathlib import Path

from schoolpulse_agent.clock import SystemClock
from schoolpulse_agent.runner import Runner
from schoolpulse_agent.settings import (
    AgentSettings,
    BatchSettings,
    ProbeSettings,
    Settings,
    SpoolSettings,
    Uplink,
    broker_at,
)
from schoolpulse_sim.conditions import Change
from schoolpulse_sim.district import School
from schoolpulse_sim.full.probes import INTERVALS_S, View, make_probes
from schoolpulse_sim.full.route import make_routes
from schoolpulse_sim.meter import BACKUP, PRIMARY, Meter
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import AgentSettings as Rhythm

_QUICK = frozenset({"wan", "reachability"})
"""Probes whose interval the scenario's ``[agent] probe`` bounds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which agent a process is to be; everything that it needs travels in it."""

    school: School
    timeline: tuple[Change, ...]
    rhythm: Rhythm
    seed: int
    boot: str
    boot_ms: int
    broker_url: str
    folder: Path


class MachineClock(SystemClock):
    """The real clock; the steady one counts from when the simulated machine booted."""

    def __init__(self, boot_ms: int) -> None:
        self._ahead_s = (time.time_ns() // 1_000_000 - boot_ms) / 1000 - time.monotonic()

    def monotonic(self) -> float:
        """Seconds since the machine booted."""
        return time.monotonic() + self._ahead_s


def main(order: Order) -> None:
    """Be that agent until SIGTERM. Its log goes to a file in its folder."""
    done = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: done.set())
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.basicConfig(level=logging.INFO, filename=order.folder / "log")
    runner = make_runner(order)

    def stop_when_told() -> None:  # `Runner.stop` may not be called by a signal's handler
        done.wait()
        runner.stop()

    threading.Thread(target=stop_when_told, daemon=True).start()
    runner.run()
    logging.shutdown()
    os._exit(0)  # multiprocessing would wait for threads that were left on purpose


def make_runner(order: Order) -> Runner:
    """The agent that `order` asks for."""
    school, rhythm = order.school, order.rhythm
    clock = MachineClock(order.boot_ms)
    routes = make_routes(school, order.timeline, order.seed)
    meter = Meter(school, Chance(order.seed, "meter", school.index, order.boot_ms), order.boot_ms)
    uplinks = [Uplink(PRIMARY, "primary", "", school.technology)]
    if school.backup:
        uplinks.append(Uplink(BACKUP, "backup", "", school.backup))
    # A machine with a battery clock and nothing else in its /proc and /sys.
    root = order.folder / "root"
    (root / "sys/class/rtc/rtc0").mkdir(parents=True, exist_ok=True)
    probe_s = rhythm.probe / 1000
    settings = Settings(
        agent=AgentSettings(school.agent_id, order.folder / "state"),
        broker=broker_at(
            order.broker_url,
            keepalive_s=rhythm.keepalive // 1000,
            reconnect_spread_s=rhythm.reconnect_spread / 1000,
            reconnect_max_s=rhythm.reconnect_max / 1000,
        ),
        batch=BatchSettings(interval_s=rhythm.batch / 1000, backlog_per_s=float(rhythm.backlog_per_s)),
        spool=SpoolSettings(),
        uplinks=tuple(uplinks),
        probes={
            name: ProbeSettings(enabled=True, interval_s=min(usual_s, probe_s) if name in _QUICK else usual_s)
            for name, usual_s in INTERVALS_S.items()
        },
    )
    probes = make_probes(View(routes, meter, clock.now_ms))
    return Runner(settings, probes=probes, clock=clock, root=root, boot=order.boot)
