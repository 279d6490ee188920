"""One gateway with its agent: a machine of states over virtual time, without clock and without I/O.

Its driver asks for `next_ms`, calls `advance` when that time has come, and hands it what its transport
says (`opened`, `lost`, `confirmed`). Time is always given from outside; all chance comes from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from schoolpulse_agent import wire
from schoolpulse_sim.births import gateway_birth
from schoolpulse_sim.conditions import Change, Conditions
from schoolpulse_sim.district import School
from schoolpulse_sim.meter import BACKUP, PRIMARY, Meter, Rows, blocks_text, points_in
from schoolpulse_sim.rng import Chance, token
from schoolpulse_sim.scenario import AgentSettings
from schoolpulse_sim.sender import NEVER, Connected, Sender, Transport
from schoolpulse_sim.spooled import Spooled
from schoolpulse_sim.timing import MINUTE, SECOND

FRESH_ROUNDS = 6
"""Rounds after a change that are all reported; then the probes report a summary every second batch."""
RESTLESS_MS = 5 * MINUTE
"""So long after any change nothing is thinned."""


class Gateway(Connected):
    """A school's gateway.

    Args:
        school: where it stands.
        timeline: the physical conditions, first entry at the beginning.
        settings: how its agent is set.
        seed: of the scenario.
        transport: its way to the broker.
        spread_ms: its agent starts at some moment of so long after the beginning.
        thin_ms: 0 for every probe; else rounds where nothing changes are sent only so often, and the
            batches between are empty (heartbeats).
    """

    def __init__(
        self,
        school: School,
        timeline: Sequence[Change],
        settings: AgentSettings,
        seed: int,
        transport: Transport,
        *,
        spread_ms: int,
        thin_ms: int = 0,
    ) -> None:
        self.school = school
        self._timeline = timeline
        self._settings = settings
        self._transport = transport
        self._thin_ms = thin_ms
        start_ms = timeline[0].at_ms
        self._chance = Chance(seed, "gateway", school.index)
        self._names = (seed, school.index, start_ms)
        self._boots = 1
        self.boot = token(*self._names, "boot", 1)
        self.spooled = Spooled(token(*self._names, "stream"), settings.keep_batches)
        self.sender = Sender(
            host=self,
            settings=settings,
            transport=transport,
            chance=self._chance,
            spooled=self.spooled,
            # Never reused over runs either: a collector may remember a session of an earlier one.
            session=start_ms // 1000,
        )
        self.meter = Meter(school, Chance(seed, "meter", school.index), start_ms - school.uptime_s * 1000)
        self.conditions: Conditions = timeline[0].conditions
        self._change = 0
        self.active = PRIMARY
        self._switch_ms = NEVER
        self._rows: Rows = {}
        self._seen: tuple[object, ...] = ()
        self._unstamped = self._in_step = False
        self._fresh = self._reports = 0
        self._restless_ms = 0
        self._passable: frozenset[str] = frozenset()
        self._set_passable(start_ms)
        self._forget_rounds()
        if self.running:
            self._start_agent(start_ms + int(self._chance.random() * spread_ms))

    # ---- time

    @property
    def next_ms(self) -> int:
        """When `advance` has something to do next."""
        change = self._change + 1
        change_ms = self._timeline[change].at_ms if change < len(self._timeline) else NEVER
        sender = self.sender
        return min(change_ms, self._switch_ms, self._round_ms, sender.open_ms, sender.backlog_ms)

    def advance(self, now_ms: int) -> None:
        """Do everything that is due at `now_ms`."""
        while self._change + 1 < len(self._timeline) and self._timeline[self._change + 1].at_ms <= now_ms:
            self._change += 1
            self._apply(self._timeline[self._change])
        if self._switch_ms <= now_ms:
            self._switch_ms = NEVER
            self.active = BACKUP if self.active == PRIMARY else PRIMARY
            self._set_passable(now_ms)
            self._wake(now_ms)
        if self._round_ms <= now_ms:
            self._round(now_ms)
        self.sender.advance(now_ms)

    # ---- the machine and its lines

    @property
    def running(self) -> bool:
        """Whether the agent runs: the machine does, and nobody stopped it."""
        return self.conditions.machine and self.conditions.agent

    def stamp(self, at_ms: int) -> int | None:
        """What the gateway's clock says at `at_ms`; None while it does not know the time."""
        off_s = self.conditions.clock_off_s
        return None if off_s is None else at_ms + off_s * 1000

    def birth(self, session: int, at_ms: int) -> dict[str, Any]:
        """What it says it is. A clock that was never set began in 1970 when the machine did."""
        uptime_s, stamp = self.meter.uptime_s(at_ms), self.stamp(at_ms)
        said_ms = uptime_s * 1000 if stamp is None else stamp
        return gateway_birth(self.school, self.boot, session, said_ms, uptime_s, self.conditions.updates)

    def stop(self, now_ms: int) -> None:
        """End in an orderly way for good: the last batch, a shutdown state, DISCONNECT."""
        if self.running:
            self._stop_agent(now_ms)
        self._round_ms = self._switch_ms = NEVER
        self._change = len(self._timeline)

    def flush(self, now_ms: int) -> None:
        """Make no further measurements; what there is becomes the last batch."""
        if self._rows:
            self._flush(now_ms)
        self._round_ms = NEVER

    def _apply(self, change: Change) -> None:
        before, now, at_ms = self.conditions, change.conditions, change.at_ms
        was_running = self.running
        if was_running and now.machine and not now.agent:
            self._stop_agent(at_ms)
        self.conditions = now
        if was_running and not now.machine:
            self.sender.vanish(at_ms)
            self._forget_rounds()
        elif now.machine and not before.machine:
            self._boots += 1
            self.boot = token(*self._names, "boot", self._boots)
            self.meter.booted(at_ms)
            self.active = PRIMARY
        if now.mains and not before.mains:
            # A gateway that is not up at this moment says that the rack's battery ran out, too.
            self.meter.powered(at_ms, rack=not before.machine)
        if self.running and not was_running:
            self._start_agent(at_ms + SECOND)
        if self.school.backup and now.machine:
            self._watch_lines(at_ms)
        self._set_passable(at_ms)
        self._wake(at_ms)

    def _watch_lines(self, at_ms: int) -> None:
        """The router's own failover: quickly away from a dead primary, more slowly back to a good one."""
        wanted = PRIMARY if self.conditions.line else BACKUP
        if wanted == self.active:
            self._switch_ms = NEVER
        elif self._switch_ms == NEVER:
            seconds = self._chance.between(3, 8) if wanted == BACKUP else self._chance.between(8, 15)
            self._switch_ms = at_ms + int(seconds * SECOND)

    def _set_passable(self, at_ms: int) -> None:
        now = self.conditions
        uplinks = set()
        if now.machine and now.broker:
            if now.line:
                uplinks.add(PRIMARY)
            if self.school.backup and self.active == BACKUP:
                uplinks.add(BACKUP)
        if uplinks != self._passable:
            self._passable = frozenset(uplinks)
            self._transport.passable(at_ms, self._passable)

    def _stop_agent(self, at_ms: int) -> None:
        self.flush(at_ms)
        self.sender.goodbye(at_ms)
        self._forget_rounds()

    def _start_agent(self, at_ms: int) -> None:
        self._round_ms = self._batch_ms = self._devices_ms = self._full_ms = self._beat_ms = at_ms
        self.sender.start(at_ms)

    # ---- the agent: measuring

    def _forget_rounds(self) -> None:
        """Nobody measures; what was measured and not kept yet is gone."""
        self._round_ms = self._batch_ms = self._devices_ms = self._full_ms = self._beat_ms = NEVER
        self._rows = {}
        self._seen = ()

    def _round(self, now_ms: int) -> None:
        settings, now = self._settings, self.conditions
        seen = (now.line, now.carrier, now.international, now.dns, now.portal, self.active)
        changed = bool(self._seen) and seen != self._seen
        self._seen = seen
        if changed:
            self._fresh = FRESH_ROUNDS
            if now.line or self.active == BACKUP:
                self.sender.hurry(now_ms)
        due = now_ms >= self._batch_ms
        # Where the clock is not set yet, samples are stamped once the time is known, with the true time.
        stamp = now_ms if now.clock_off_s is None else now_ms + now.clock_off_s * 1000
        if self._fresh:
            self.meter.probe(self._rows, now_ms, stamp, now, self.active)
        if changed:
            self.meter.lines(self._rows, stamp, now, self.active)
        if due:
            self._report(now_ms, stamp, now)
            self._batch_ms = self._next_batch(now_ms)
        self._fresh = max(0, self._fresh - 1)
        # Between reports a round in which nothing changes leaves nothing to be sent: skip to the next.
        self._round_ms = min(now_ms + settings.probe, self._batch_ms) if self._fresh else self._batch_ms
        self.sender.follow_route(now_ms, self._passable)
        if due or changed:
            self._flush(now_ms)

    def _report(self, now_ms: int, stamp: int, now: Conditions) -> None:
        """Every second batch the probes' summary, every other one lines, resources and devices."""
        if self._thin_ms and self._restless_ms < now_ms < self._full_ms and self._calm(now):
            return
        self._reports += 1
        if self._reports % 2:
            if not self._fresh:
                self.meter.probe(self._rows, now_ms, stamp, now, self.active)
            return
        self._full_ms = now_ms + self._thin_ms
        self.meter.lines(self._rows, stamp, now, self.active)
        self.meter.resources(self._rows, now_ms, stamp, now, self.active)
        if now_ms >= self._devices_ms:
            self._devices_ms = now_ms + self._settings.devices - SECOND
            every_ms = 0 if self._thin_ms else self._settings.devices
            self.meter.devices(self._rows, now_ms, stamp, now, every_ms)

    def _next_batch(self, now_ms: int) -> int:
        """A batch's length from now; after the first only a part, so that gateways do not march in step."""
        if self._in_step:
            return now_ms + self._settings.batch
        self._in_step = True
        return now_ms + 1 + int(self._chance.random() * self._settings.batch)

    def _wake(self, at_ms: int) -> None:
        """Something changes: the probes' next round, by their own beat, will see it."""
        self._restless_ms = at_ms + RESTLESS_MS
        if self._round_ms != NEVER:
            beat_ms = self._settings.probe
            self._round_ms = min(self._round_ms, at_ms + beat_ms - (at_ms - self._beat_ms) % beat_ms)

    @staticmethod
    def _calm(now: Conditions) -> bool:
        fine = now.line and now.international and now.dns and not now.portal
        return fine and not now.loss_ratio and not now.devices_down

    def _flush(self, now_ms: int) -> None:
        clock = "synced"
        if self.conditions.clock_off_s is None:
            # Kept by boot id and steady clock until the time is known, as far as there is room.
            self._unstamped = True
            if points_in(self._rows) > wire.MAX_ROWS // 2:
                self._rows = {}
            return
        if self._unstamped:
            clock, self._unstamped = "repaired", False
        points = 0
        if self._rows:
            blocks, points = blocks_text(self._rows), points_in(self._rows)
            self._rows = {}
            body = f'{{"boot":"{self.boot}","clock":"{clock}","blocks":{blocks}}}'.encode()
        else:
            body = b'{"boot":"%b","clock":"%b","blocks":[]}' % (self.boot.encode(), clock.encode())
        seq = self.spooled.append(body, points)
        if self.sender.connected:
            self.sender.send(now_ms, seq)
