"""A classroom's machine with its agent: as `Gateway`, a machine of states without clock and without I/O."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schoolpulse_agent import wire
from schoolpulse_sim.births import classroom_birth
from schoolpulse_sim.classrooms import LOOK_MS, Machine
from schoolpulse_sim.conditions import Change, Conditions
from schoolpulse_sim.district import Classroom, School
from schoolpulse_sim.meter import PRIMARY
from schoolpulse_sim.rng import Chance, token
from schoolpulse_sim.scenario import AgentSettings
from schoolpulse_sim.sender import NEVER, Connected, Sender, Transport
from schoolpulse_sim.spooled import Spooled
from schoolpulse_sim.timing import MINUTE, SECOND


class ClassroomAgent(Connected):
    """A classroom's agent.

    Args:
        school: where it stands.
        room: whose machine.
        timeline: `classrooms.timeline_of` it.
        settings: how agents are set.
        seed: of the scenario.
        transport: its way to the broker.
        spread_ms: one that is on at the beginning starts at some moment of so long after it.
    """

    def __init__(
        self,
        school: School,
        room: Classroom,
        timeline: Sequence[Change],
        settings: AgentSettings,
        seed: int,
        transport: Transport,
        *,
        spread_ms: int,
    ) -> None:
        self.room = room
        self._timeline = timeline
        self._settings = settings
        self._transport = transport
        start_ms = timeline[0].at_ms
        self._chance = Chance(seed, "classroom-agent", room.agent_id)
        self._names = (seed, room.agent_id, start_ms)
        self._boots = 1
        self.boot = token(*self._names, "boot", 1)
        self.spooled = Spooled(token(*self._names, "stream"), settings.keep_batches)
        self.sender = Sender(
            host=self,
            settings=settings,
            transport=transport,
            chance=self._chance,
            spooled=self.spooled,
            session=start_ms // 1000,
        )
        up_ms = self._chance.whole(5, 90) * MINUTE
        self.machine = Machine(school, room, Chance(seed, "machine", room.agent_id), start_ms - up_ms)
        self.active = PRIMARY
        self.conditions: Conditions = timeline[0].conditions
        self._change = 0
        self._samples: list[wire.Sample] = []
        self._in_step = False
        self._passes: bool | None = None
        self._set_passable(start_ms)
        self._look_ms = self._batch_ms = NEVER
        if self.running:
            self._start_agent(start_ms + int(self._chance.random() * spread_ms))

    # ---- time

    @property
    def next_ms(self) -> int:
        """When `advance` has something to do next."""
        change = self._change + 1
        change_ms = self._timeline[change].at_ms if change < len(self._timeline) else NEVER
        return min(change_ms, self._look_ms, self._batch_ms, self.sender.open_ms, self.sender.backlog_ms)

    def advance(self, now_ms: int) -> None:
        """Do everything that is due at `now_ms`."""
        while self._change + 1 < len(self._timeline) and self._timeline[self._change + 1].at_ms <= now_ms:
            self._change += 1
            self._apply(self._timeline[self._change])
        if self._look_ms <= now_ms:
            self._look_ms = now_ms + LOOK_MS
            samples, urgent = self.machine.look(now_ms)
            self._samples += samples
            if urgent:
                self._flush(now_ms)
        if self._batch_ms <= now_ms:
            self._batch_ms = self._next_batch(now_ms)
            self._flush(now_ms)
        self.sender.advance(now_ms)

    # ---- the machine

    @property
    def running(self) -> bool:
        """Whether the agent runs: the machine is on, and nobody shuts it down."""
        return self.conditions.machine and self.conditions.agent

    def stamp(self, at_ms: int) -> int | None:
        """What the machine's clock says: a PC's battery keeps it right."""
        return at_ms

    def birth(self, session: int, at_ms: int) -> dict[str, Any]:
        """What it says it is."""
        return classroom_birth(self.room, self.boot, session, at_ms, self.machine.uptime_s(at_ms))

    def stop(self, now_ms: int) -> None:
        """End in an orderly way for good: the last batch, a shutdown state, DISCONNECT."""
        if self.running:
            self._stop_agent(now_ms)
        self._change = len(self._timeline)

    def flush(self, now_ms: int) -> None:
        """Make no further measurements; what there is becomes the last batch."""
        if self._samples:
            self._flush(now_ms)
        self._look_ms = self._batch_ms = NEVER

    def _apply(self, change: Change) -> None:
        before, now, at_ms = self.conditions, change.conditions, change.at_ms
        was_running = self.running
        if was_running and now.machine and not now.agent:
            self._stop_agent(at_ms)
        self.conditions = now
        if was_running and not now.machine:
            self.sender.vanish(at_ms)
            self._look_ms = self._batch_ms = NEVER
            self._samples = []  # what was measured and not kept yet is gone
        elif now.machine and not before.machine:
            self._boots += 1
            self.boot = token(*self._names, "boot", self._boots)
            self.machine.booted(at_ms)
        if self.running and not was_running:
            self._start_agent(at_ms + SECOND)
        self._set_passable(at_ms)

    def _set_passable(self, at_ms: int) -> None:
        now = self.conditions
        passes = now.machine and now.line and now.broker
        if passes is not self._passes:
            self._passes = passes
            self._transport.passable(at_ms, frozenset({PRIMARY} if passes else ()))
            if passes:
                self.sender.hurry(at_ms)

    def _stop_agent(self, at_ms: int) -> None:
        self.flush(at_ms)
        self.sender.goodbye(at_ms)

    def _start_agent(self, at_ms: int) -> None:
        self._look_ms = self._batch_ms = at_ms
        self.sender.start(at_ms)

    def _next_batch(self, now_ms: int) -> int:
        """A batch's length from now; after the first only a part, so that machines do not march in step."""
        if self._in_step:
            return now_ms + self._settings.batch
        self._in_step = True
        return now_ms + 1 + int(self._chance.random() * self._settings.batch)

    def _flush(self, now_ms: int) -> None:
        samples, self._samples = self._samples, []
        body = wire.telemetry_body(self.boot, "synced", wire.blocks_of(samples))
        seq = self.spooled.append(body, len(samples))
        if self.sender.connected:
            self.sender.send(now_ms, seq)
