"""A district of real agents: the physics around them plays the scenario, in real time.

Power cuts kill the agent's process, its folder stays; a cut line is a relay that falls silent. The
spools, sessions, windows and back-offs are the agent's own.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from schoolpulse_sim.conditions import make_timeline
from schoolpulse_sim.district import School, make_district
from schoolpulse_sim.faults import make_schedule
from schoolpulse_sim.full.agent import Order, main
from schoolpulse_sim.full.gate import Gate
from schoolpulse_sim.full.route import Route, make_routes
from schoolpulse_sim.net import Broker
from schoolpulse_sim.rng import token
from schoolpulse_sim.scenario import Scenario
from schoolpulse_sim.timing import DAY
from schoolpulse_sim.truth import truths

HORIZON_MS = DAY
STOP_S = 30.0


class FullDistrict:
    """Real agents, one process each.

    Args:
        scenario: what happens.
        broker: where the relays lead to; plain TCP.
        folder: state folders of the agents, one each.
        seed: everything that is drawn depends on it.
    """

    def __init__(self, scenario: Scenario, broker: Broker, folder: Path, *, seed: int = 1) -> None:
        self.scenario = scenario
        self.seed = seed
        self.district = make_district(scenario.district, seed)
        self.start_ms = self.end_ms = 0
        self.error: BaseException | None = None
        self._broker = broker
        self._folder = folder
        self._stopping = threading.Event()
        self._begun = threading.Event()
        self.connect_s: float | None = None
        """Known to the agents alone."""
        self._thread: threading.Thread | None = None
        self._processes: dict[int, BaseProcess] = {}

    def start(self) -> None:
        """Begin now; returns at once."""
        self.start_ms = time.time_ns() // 1_000_000
        self.faults = make_schedule(self.scenario, self.district, self.start_ms, self.start_ms + HORIZON_MS)
        self._thread = threading.Thread(target=self._main, name="full-district")
        self._thread.start()

    def stop(self) -> None:
        """End every agent in order."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def alive(self) -> bool:
        """Whether the physics runs."""
        return self._thread is not None and self._thread.is_alive()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until every agent's process has been started; whether that is so."""
        return self._begun.wait(timeout_s)

    def stats(self) -> dict[str, int]:
        """What can be said from outside: the agents keep their own counts."""
        running = sum(process.is_alive() for process in list(self._processes.values()))
        return {"agents": len(self.district.schools), "agents_running": running}

    @property
    def truth(self) -> list[dict[str, Any]]:
        """The lines of ``truth.jsonl`` for all that has begun until now (or until the end)."""
        until_ms = self.end_ms or time.time_ns() // 1_000_000
        begun = [fault for fault in self.faults if fault.start_ms <= until_ms]
        return truths(begun, self.district, self.scenario.monitoring, until_ms)

    def _main(self) -> None:
        try:
            asyncio.run(self._play())
        except BaseException as error:
            self.error = error
            raise
        finally:
            self.end_ms = time.time_ns() // 1_000_000
            for process in self._processes.values():
                process.kill()
                process.join()

    async def _play(self) -> None:
        gates = [Gate(self._broker.host, self._broker.port) for _ in self.district.schools]
        lives = [
            asyncio.create_task(self._live(school, gate))
            for school, gate in zip(self.district.schools, gates, strict=True)
        ]
        self._begun.set()
        while not self._stopping.is_set() and not any(life.done() and life.exception() for life in lives):
            await asyncio.sleep(0.1)
        for life in lives:
            life.cancel()
        results = await asyncio.gather(*lives, return_exceptions=True)
        for process in self._processes.values():
            process.terminate()
        await asyncio.gather(*(self._ended(process) for process in self._processes.values()))
        for gate in gates:
            await gate.close()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _live(self, school: School, gate: Gate) -> None:
        """Let one school's conditions happen to its agent and its line."""
        faults = [fault for fault in self.faults if school.index in fault.schools]
        timeline = make_timeline(school, faults, self.seed, self.start_ms)
        port = await gate.open()
        boots, boot_ms = 1, self.start_ms - school.uptime_s * 1000
        before: Route | None = None
        for route in make_routes(school, timeline, self.seed):
            await asyncio.sleep(max(0.0, route.at_ms / 1000 - time.time()))
            now = route.conditions
            gate.pass_over(route.active, route.passable)
            running = school.index in self._processes
            if running and not now.machine:
                await self._end(school, kill=True)
            elif running and not now.agent:
                await self._end(school, kill=False)
            if before is not None and now.machine and not before.conditions.machine:
                boots, boot_ms = boots + 1, route.at_ms
            if now.machine and now.agent and school.index not in self._processes:
                self._begin(school, port, boots, boot_ms)
            before = route

    def _begin(self, school: School, port: int, boots: int, boot_ms: int) -> None:
        folder = self._folder / school.agent_id
        folder.mkdir(parents=True, exist_ok=True)
        faults = [fault for fault in self.faults if school.index in fault.schools]
        order = Order(
            school=school,
            timeline=tuple(make_timeline(school, faults, self.seed, self.start_ms)),
            rhythm=self.scenario.agent,
            seed=self.seed,
            boot=token(self.seed, school.index, self.start_ms, "boot", boots),
            boot_ms=boot_ms,
            broker_url=f"mqtt://127.0.0.1:{port}",
            folder=folder,
        )
        # Spawned, not forked: this process has threads.
        process = multiprocessing.get_context("spawn").Process(target=main, args=(order,))
        process.start()
        self._processes[school.index] = process

    async def _end(self, school: School, *, kill: bool) -> None:
        process = self._processes.pop(school.index)
        process.kill() if kill else process.terminate()
        await self._ended(process)

    @staticmethod
    async def _ended(process: BaseProcess) -> None:
        deadline = time.monotonic() + STOP_S
        while process.is_alive() and time.monotonic() < deadline:
            await asyncio.sleep(0.05)  # another process: there is nothing to wait on
        process.kill()
        process.join()
