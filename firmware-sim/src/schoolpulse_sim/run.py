"""A district in real time over real MQTT: every agent its own connection, will and session."""

from __future__ import annotations

import heapq
import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schoolpulse_agent import wire
from schoolpulse_sim.classroom_agent import ClassroomAgent
from schoolpulse_sim.classrooms import timeline_of
from schoolpulse_sim.conditions import Change, make_timeline
from schoolpulse_sim.disorder import malformed
from schoolpulse_sim.district import District, School, make_district
from schoolpulse_sim.faults import Fault, make_schedule
from schoolpulse_sim.gateway import Gateway
from schoolpulse_sim.mqtt_link import MqttLink
from schoolpulse_sim.net import Broker, Net
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import Scenario, load_scenario
from schoolpulse_sim.sender import NEVER, Agent
from schoolpulse_sim.timing import DAY, SECOND
from schoolpulse_sim.truth import to_text, truths
from schoolpulse_sim.virtual_link import Delivered

HORIZON_MS = 30 * DAY
"""How far ahead a real-time run knows its faults."""
PER_GATEWAY_SPREAD_MS = 5
"""Gateways connect at about 200 a second: a district's reconnect, not a stampede."""
LOOP_MS = 250
MAX_EVENTS = 1_000
GOOD = wire.telemetry_message("stream", 1, 1_700_000_000_000, wire.telemetry_body("boot", "synced", []))
"""What broken messages are made of."""
STOP_GRACE_S = 15.0

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of what happens in the district, for whoever watches: ``begins`` or ``ends``."""

    at_ms: int
    what: str
    fault: Fault
    schools: tuple[str, ...]


class Agenda:
    """Which agent wants to be advanced next; an agent's own word may change while it waits.

    Args:
        agents: by position.
    """

    def __init__(self, agents: Sequence[Agent]) -> None:
        self._agents = agents
        self._noted = [NEVER] * len(agents)
        self._heap: list[tuple[int, int]] = []
        for position in range(len(agents)):
            self.note(position)

    def note(self, position: int) -> None:
        """Look again at when this agent wants to be called."""
        next_ms = self._agents[position].next_ms
        if next_ms != self._noted[position]:
            self._noted[position] = next_ms
            heapq.heappush(self._heap, (next_ms, position))

    def advance(self, now_ms: int, at_most: int) -> int:
        """Advance those that are due, some at a time; when the next one is due."""
        while self._heap and at_most and self._heap[0][0] <= now_ms:
            noted_ms, position = heapq.heappop(self._heap)
            if noted_ms != self._noted[position]:
                continue  # it was noted again since
            self._noted[position] = NEVER
            self._agents[position].advance(now_ms)
            self.note(position)
            at_most -= 1
        return self._heap[0][0] if self._heap else NEVER


class Simulation:
    """A running district.

    Args:
        scenario: the scenario, or the name or path of one.
        broker: the broker, or its URL.
        seed: everything that is drawn depends on it.
        schools: how many, where not as many as the scenario says.
    """

    def __init__(
        self,
        scenario: Scenario | str | Path,
        broker: Broker | str,
        *,
        seed: int = 1,
        schools: int | None = None,
    ) -> None:
        found = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        self.scenario = found.sized(schools)
        self.broker = Broker.of(broker) if isinstance(broker, str) else broker
        self.seed = seed
        self.district: District = make_district(self.scenario.district, seed)
        self._events: deque[Happening] = deque(maxlen=MAX_EVENTS)
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._ready = threading.Event()
        self.gateways: list[Gateway] = []
        self.classrooms: list[ClassroomAgent] = []
        self.faults: list[Fault] = []
        self.error: BaseException | None = None
        self.connect_s = 0.0
        """From the first attempt to connect until every agent had been connected."""
        self.start_ms = self.end_ms = 0

    # ---- for the caller's thread

    def start(self) -> None:
        """Begin now; returns at once."""
        self.start_ms = time.time_ns() // 1_000_000
        self._steady_start = time.monotonic()
        self.faults = make_schedule(self.scenario, self.district, self.start_ms, self.start_ms + HORIZON_MS)
        self._thread = threading.Thread(target=self._main, name="district")
        self._thread.start()

    def wait_ready(self, timeout_s: float) -> bool:
        """Wait until every agent that should be connected has been; whether it came to that."""
        return self._ready.wait(timeout_s)

    def stop(self) -> None:
        """End in order: the last batches, goodbyes, no will. Waits for it."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    @property
    def alive(self) -> bool:
        """Whether the district's loop runs."""
        return self._thread is not None and self._thread.is_alive()

    @property
    def agents(self) -> list[Agent]:
        """The gateways' agents, by school, and then those of classrooms."""
        return [*self.gateways, *self.classrooms]

    def stats(self) -> dict[str, int]:
        """How far everything is; batches and points count once, however often they were sent."""
        agents = self.agents
        spools = [agent.spooled for agent in agents]
        return {
            "agents": self.district.agents,
            "classrooms": self.district.agents - len(self.district.schools),
            "agents_connected": sum(agent.connected for agent in agents),
            "batches_made": sum(spool.batches_made for spool in spools),
            "batches_confirmed": sum(spool.batches_confirmed for spool in spools),
            "unconfirmed": sum(len(spool) for spool in spools),
            "discarded": sum(spool.batches_made - spool.batches_confirmed - len(spool) for spool in spools),
            "points_made": sum(spool.points_made for spool in spools),
            "points_sent": sum(spool.points_sent for spool in spools),
            "points_waiting": sum(spool.points_waiting for spool in spools),
        }

    @property
    def truth(self) -> list[dict[str, Any]]:
        """The lines of ``truth.jsonl`` for all that has begun until now (or until the end)."""
        until_ms = self.end_ms or self.now_ms()
        begun = [fault for fault in self.faults if fault.start_ms <= until_ms]
        return truths(begun, self.district, self.scenario.monitoring, until_ms)

    def truth_text(self) -> str:
        """The same as text."""
        return to_text(self.truth)

    def events(self) -> list[Happening]:
        """What has happened, oldest first, at most the last thousand."""
        return list(self._events)

    def now_ms(self) -> int:
        """Milliseconds UTC; begins at the wall clock and goes on with the steady one."""
        return self.start_ms + int((time.monotonic() - self._steady_start) * 1000)

    # ---- the district's own thread

    def _main(self) -> None:
        net = Net(self.now_ms)
        try:
            self._build(net)
            self._loop(net)
            self._finish(net)
        except BaseException as error:
            self.error = error
            log.exception("the district has stopped")
            raise
        finally:
            self.end_ms = self.now_ms()
            net.close()

    def _build(self, net: Net) -> None:
        by_school: dict[int, list[Fault]] = {}
        for fault in self.faults:
            for index in fault.schools:
                by_school.setdefault(index, []).append(fault)
            self._announce(net, fault)
        settings = self.scenario.agent
        spread_ms = max(SECOND, PER_GATEWAY_SPREAD_MS * self.district.agents)
        for school in self.district.schools:
            timeline: list[Change] = make_timeline(
                school, by_school.get(school.index, ()), self.seed, self.start_ms
            )
            link = MqttLink(net, self.broker, school.agent_id, settings.keepalive)
            gateway = Gateway(school, timeline, settings, self.seed, link, spread_ms=spread_ms)
            link.gateway, link.position = gateway, school.index
            self.gateways.append(gateway)
            self._build_classrooms(net, school, timeline, spread_ms)
            if self.scenario.messages.malformed_per_school_day:
                self._poison(net, link, Chance(self.seed, "poison", school.index))

    def _build_classrooms(self, net: Net, school: School, timeline: list[Change], spread_ms: int) -> None:
        settings = self.scenario.agent
        for room in school.classrooms:
            own = timeline_of(school, room, timeline, self.seed, self.start_ms + HORIZON_MS)
            link = MqttLink(net, self.broker, room.agent_id, settings.keepalive)
            agent = ClassroomAgent(school, room, own, settings, self.seed, link, spread_ms=spread_ms)
            link.gateway, link.position = agent, len(self.district.schools) + len(self.classrooms)
            self.classrooms.append(agent)

    def _poison(self, net: Net, link: MqttLink, chance: Chance) -> None:
        """Let a gateway send what breaks the contract, now and then, beside its good messages."""
        wait_ms = chance.exponential(DAY / self.scenario.messages.malformed_per_school_day)

        def send(now_ms: int) -> None:
            kind, payload = malformed(Delivered(now_ms, wire.Kind.TELEMETRY, GOOD), chance)
            link.publish(now_ms, kind, payload)
            self._poison(net, link, chance)

        net.at(self.now_ms() + max(1, round(wait_ms)), send)

    def _announce(self, net: Net, fault: Fault) -> None:
        schools = tuple(self.district.schools[index].id for index in fault.schools)

        def happened(what: str) -> None:
            self._events.append(Happening(self.now_ms(), what, fault, schools))
            log.info(
                "%s %s at %s",
                fault.kind,
                what,
                schools[0] if len(schools) == 1 else f"{len(schools)} schools",
            )

        net.at(fault.start_ms, lambda _now_ms: happened("begins"))
        net.at(fault.end_ms, lambda _now_ms: happened("ends"))

    def _loop(self, net: Net) -> None:
        agents = self.agents
        agenda = Agenda(agents)
        began_ms = self.now_ms()
        waiting = {position for position, agent in enumerate(agents) if agent.running}
        while not self._stopping.is_set():
            now_ms = self.now_ms()
            next_ms = agenda.advance(now_ms, at_most=100)
            net.turn(min(now_ms + LOOP_MS, next_ms))
            for link in net.touched:
                agenda.note(link.position)
            net.touched.clear()
            if waiting:
                waiting = {position for position in waiting if not agents[position].connected}
                if not waiting:
                    self.connect_s = round((self.now_ms() - began_ms) / 1000, 1)
                    self._ready.set()

    def _finish(self, net: Net) -> None:
        """Hand over what can be handed over, then say goodbye."""
        agents = self.agents
        for agent in agents:
            agent.flush(self.now_ms())
        # Where nothing was ever confirmed there is no collector, and none to wait for.
        patience_s = STOP_GRACE_S if any(one.spooled.batches_confirmed for one in agents) else 0.0
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline and any(one.connected and len(one.spooled) for one in agents):
            now_ms = self.now_ms()
            for agent in agents:
                if agent.next_ms <= now_ms and agent.next_ms != NEVER:
                    agent.advance(now_ms)
            net.turn(now_ms + LOOP_MS)
        for agent in agents:
            agent.stop(self.now_ms())
        net.turn(self.now_ms() + LOOP_MS)
