"""A district in virtual time, into files: traffic as it would be recorded, the truth, the registry.

Agents know nothing of one another, so each is simulated by itself, an hour at a time, and the hour's
messages are merged by time. The same scenario and seed give the same lines, whatever the machine.
"""

from __future__ import annotations

import gzip
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from schoolpulse_agent import wire
from schoolpulse_sim.classroom_agent import ClassroomAgent
from schoolpulse_sim.classrooms import timeline_of
from schoolpulse_sim.conditions import make_timeline
from schoolpulse_sim.disorder import Recorder, deaf_periods
from schoolpulse_sim.district import District, School, make_district
from schoolpulse_sim.faults import Fault, make_schedule
from schoolpulse_sim.gateway import Gateway
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import FaultKind, Scenario
from schoolpulse_sim.sender import NEVER, Agent
from schoolpulse_sim.timing import MINUTE
from schoolpulse_sim.truth import to_text, truths
from schoolpulse_sim.virtual_link import VirtualLink

STEP_MS = 30 * MINUTE
Density = Literal["full", "evidence"]
THIN_MS = 30 * MINUTE
"""With ``evidence``: how often a gateway where nothing changes reports its probes in full."""

Line = tuple[int, int, bytes]
"""Receipt in ms, rank among lines of the same moment (school, then the school's order), the line."""
_ENDS = {False: b',"retain":false}\n', True: b',"retain":true}\n'}


class Plan:
    """A scenario made concrete: district, faults and the stretch of time."""

    def __init__(self, scenario: Scenario, seed: int, *, length_ms: int | None = None) -> None:
        self.scenario = scenario
        self.seed = seed
        self.start_ms = round(scenario.scenario.starts.timestamp() * 1000)
        self.end_ms = self.start_ms + (length_ms or scenario.scenario.lasts)
        self.district: District = make_district(scenario.district, seed)
        self.faults: list[Fault] = make_schedule(scenario, self.district, self.start_ms, self.end_ms)

    def faults_at(self, school: School) -> list[Fault]:
        """Those that concern `school`."""
        return [fault for fault in self.faults if school.index in fault.schools]

    def steps(self) -> Iterator[int]:
        """The ends of the stretches of time that traffic is made in."""
        for at_ms in range(self.start_ms, self.end_ms, STEP_MS):
            yield min(at_ms + STEP_MS, self.end_ms)

    def truth_text(self) -> str:
        """The whole of ``truth.jsonl``."""
        return to_text(truths(self.faults, self.district, self.scenario.monitoring, self.end_ms))


class AgentTraffic:
    """The traffic of one agent, made an hour (or any stretch) at a time.

    Args:
        agent: whose; its transport is `link`.
        link: what it says reaches the collector by.
        recorder: what becomes of it on the way.
        agent_id: its topic level.
        rank: among all agents, for messages of the same moment.
    """

    def __init__(self, agent: Agent, link: VirtualLink, recorder: Recorder, agent_id: str, rank: int) -> None:
        self.agent = agent
        self._link = link
        link.gateway = agent
        self._recorder = recorder
        self._count = rank
        prefix = f"{wire.TOPIC_PREFIX}/{agent_id}/"
        self._topics = {kind: f'"topic":"{prefix}{kind.value}","payload":'.encode() for kind in wire.Kind}

    def until(self, end_ms: int) -> list[Line]:
        """Go on to `end_ms`; the lines received before it, by time."""
        agent, link = self.agent, self._link
        while True:
            agent_ms, link_ms = agent.next_ms, link.next_ms
            next_ms = min(agent_ms, link_ms)
            if next_ms >= end_ms or next_ms == NEVER:
                break
            if link_ms <= agent_ms:
                link.advance(next_ms)
            else:
                agent.advance(next_ms)
        self._recorder.take(link.out)
        link.out.clear()
        lines = []
        for at_ms, kind, payload, retain in self._recorder.before(end_ms):
            self._count += 1
            text = b'{"at":%d,%b%b%b' % (at_ms, self._topics[kind], payload, _ENDS[retain])
            lines.append((at_ms, self._count, text))
        return lines


def school_traffic(plan: Plan, school: School, density: Density) -> Iterator[AgentTraffic]:
    """The gateway's traffic, and where `density` is ``full`` that of classrooms: no incident needs them."""
    seed, settings, messages = plan.seed, plan.scenario.agent, plan.scenario.messages
    faults = plan.faults_at(school)
    timeline = make_timeline(school, faults, seed, plan.start_ms)
    gaps = deaf_periods(faults)
    link = VirtualLink(Chance(seed, "link", school.index), settings.keepalive)
    thin_ms = THIN_MS if density == "evidence" else 0
    gateway = Gateway(school, timeline, settings, seed, link, spread_ms=settings.batch, thin_ms=thin_ms)
    recorder = Recorder(messages, Chance(seed, "disorder", school.index), gaps)
    rank = school.index + 1 << 40
    yield AgentTraffic(gateway, link, recorder, school.agent_id, rank)
    for room in school.classrooms if density == "full" else ():
        own = timeline_of(school, room, timeline, seed, plan.end_ms)
        link = VirtualLink(Chance(seed, "link", room.agent_id), settings.keepalive)
        agent = ClassroomAgent(school, room, own, settings, seed, link, spread_ms=settings.batch)
        recorder = Recorder(messages, Chance(seed, "disorder", room.agent_id), gaps)
        yield AgentTraffic(agent, link, recorder, room.agent_id, rank + (room.number << 32))


def traffic(plan: Plan, density: Density = "full", *, part: tuple[int, int] = (0, 1)) -> Iterator[list[Line]]:
    """Stretch by stretch, the lines in order of receipt, simulated in this process.

    Args:
        plan: what happens.
        density: ``full``, or ``evidence`` for what the incident engine needs.
        part: ``(i, n)``: only every n-th school from the i-th on; the first part also tells of the collector.
    """
    first, parts = part
    schools = plan.district.schools[first::parts]
    agents = [agent for school in schools for agent in school_traffic(plan, school, density)]
    own = list(own_link(plan)) if first == 0 else []
    for end_ms in plan.steps():
        lines = [line for agent in agents for line in agent.until(end_ms)]
        lines += [line for line in own if end_ms - STEP_MS <= line[0] < end_ms]
        lines.sort()
        yield lines


def own_link(plan: Plan) -> Iterator[Line]:
    """The collector's own connection to the broker: lines with an empty topic, which no message can have."""
    blind = {FaultKind.BROKER_AWAY, FaultKind.COLLECTOR_AWAY}
    moments = [(plan.start_ms, "true")]
    for fault in plan.faults:
        if fault.kind in blind:
            moments += [(fault.start_ms, "false"), (fault.end_ms, "true")]
    for number, (at_ms, connected) in enumerate(sorted(moments)):
        text = f'{{"at":{at_ms},"topic":"","payload":{{"connected":{connected}}},"retain":false}}\n'
        yield at_ms, number, text.encode()


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A file to be written; compressed where its name ends in ``.gz``, always with the same header."""
    with path.open("wb") as raw:
        if path.suffix != ".gz":
            yield raw
            return
        with gzip.GzipFile(filename="", mode="wb", compresslevel=3, fileobj=raw, mtime=0) as packed:
            yield packed  # type: ignore[misc]  # a GzipFile is a BinaryIO in all that is used here


def write(chunks: Iterable[Sequence[Line]], events: Path) -> tuple[int, int]:
    """Write the traffic; how many lines and bytes (before compression)."""
    count = size = 0
    with opened(events) as out:
        for lines in chunks:
            text = b"".join([line[2] for line in lines])
            out.write(text)
            count += len(lines)
            size += len(text)
    return count, size
