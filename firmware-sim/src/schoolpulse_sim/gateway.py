"""One gateway with its agent: a machine of states over virtual time, without clock and without I/O.

Its driver asks for `next_ms`, calls `advance` when that time has come, and hands it what its transport
says (`opened`, `lost`, `confirmed`). Time is always given from outside; all chance comes from the seed.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from schoolpulse_agent import wire
from schoolpulse_sim.conditions import Change, Conditions
from schoolpulse_sim.district import School
from schoolpulse_sim.meter import BACKUP, PRIMARY, Meter, Rows, blocks_text, points_in
from schoolpulse_sim.rng import Chance, token
from schoolpulse_sim.scenario import AgentSettings
from schoolpulse_sim.spooled import Spooled
from schoolpulse_sim.timing import MINUTE, SECOND

NEVER = 2**63
AGENT_VERSION = "0.1.0-sim"
FRESH_ROUNDS = 6
"""Rounds after a change that are all reported; then the probes report a summary every second batch."""
RESTLESS_MS = 5 * MINUTE
"""So long after any change nothing is thinned."""
_MODELS = ("GL.iNet GL-MT3000", "MikroTik hAP ax2", "Raspberry Pi 4", "Teltonika RUTX11", "NanoPi R4S")


class Transport(Protocol):
    """The way to the broker, real or virtual."""

    def open(self, at_ms: int, uplink: str, will: bytes) -> None:
        """Begin to connect over `uplink`; `opened` or `lost` follows."""

    def publish(self, at_ms: int, kind: wire.Kind, payload: bytes, /) -> None:
        """Send one message at QoS 1; states and births are retained."""

    def close(self, at_ms: int, /) -> None:
        """Say DISCONNECT: no will."""

    def vanish(self, at_ms: int, /) -> None:
        """Forget the connection without a word: the broker finds out by its keepalive."""

    def passable(self, at_ms: int, uplinks: frozenset[str]) -> None:
        """From now on packets pass over these uplinks and no other."""


class Gateway:
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
        # Never reused over runs either: a collector may remember a session of an earlier one.
        self._session = start_ms // 1000
        self.spooled = Spooled(token(*self._names, "stream"), settings.keep_batches)
        self.meter = Meter(school, Chance(seed, "meter", school.index), start_ms - school.uptime_s * 1000)
        self.conditions: Conditions = timeline[0].conditions
        self._change = 0
        self.active = PRIMARY
        self._switch_ms = NEVER
        self.connected = False
        self.connecting = False
        self._uplink = PRIMARY
        self._tries = 0
        self._rows: Rows = {}
        self._unstamped = self._in_step = False
        self._seen: tuple[object, ...] = ()
        self._fresh = self._reports = 0
        self._restless_ms = self._beat_ms = 0
        self._passable: frozenset[str] = frozenset()
        self._set_passable(start_ms)
        first_ms = start_ms + int(self._chance.random() * spread_ms)
        self._start_agent(first_ms if self.running else NEVER)

    # ---- time

    @property
    def next_ms(self) -> int:
        """When `advance` has something to do next."""
        change = self._change + 1
        change_ms = self._timeline[change].at_ms if change < len(self._timeline) else NEVER
        return min(change_ms, self._switch_ms, self._round_ms, self._open_ms, self._backlog_ms)

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
        if self._open_ms <= now_ms:
            self._open(now_ms)
        if self._backlog_ms <= now_ms:
            self._send_backlog(now_ms)

    # ---- the machine and its lines

    @property
    def running(self) -> bool:
        """Whether the agent runs: the machine does, and nobody stopped it."""
        return self.conditions.machine and self.conditions.agent

    def _apply(self, change: Change) -> None:
        before, now, at_ms = self.conditions, change.conditions, change.at_ms
        was_running = self.running
        if before.machine and before.agent and now.machine and not now.agent:
            self._stop_agent(at_ms)
        self.conditions = now
        if was_running and not now.machine:
            self._die(at_ms)
        elif now.machine and not before.machine:
            self._boots += 1
            self.boot = token(*self._names, "boot", self._boots)
            self.meter.booted(at_ms)
            self.active = PRIMARY
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

    def _die(self, at_ms: int) -> None:
        self._transport.vanish(at_ms)
        self._forget(lost_rows=True)

    def _stop_agent(self, at_ms: int) -> None:
        self.flush(at_ms)
        if self.connected:
            stamp = self._stamp(at_ms)
            payload = wire.state_message(False, self.boot, self._session, stamp, "shutdown")
            self._transport.publish(at_ms, wire.Kind.STATE, payload)
        self._transport.close(at_ms)
        self._forget(lost_rows=True)

    def _forget(self, *, lost_rows: bool) -> None:
        self.connected = self.connecting = False
        self._open_ms = self._backlog_ms = NEVER
        if lost_rows:
            self._round_ms = NEVER
            self._rows = {}
            self._seen = ()

    def _start_agent(self, at_ms: int) -> None:
        self._round_ms = self._open_ms = at_ms
        self._backlog_ms = self._batch_ms = self._devices_ms = self._full_ms = NEVER
        if at_ms != NEVER:
            self._batch_ms = self._devices_ms = self._full_ms = at_ms
            self._beat_ms = at_ms
        self._tries = 0

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

    # ---- the agent: measuring

    def _stamp(self, at_ms: int) -> int | None:
        """What the gateway's clock says at `at_ms`; None while it does not know the time."""
        off_s = self.conditions.clock_off_s
        return None if off_s is None else at_ms + off_s * 1000

    def _round(self, now_ms: int) -> None:
        settings, now = self._settings, self.conditions
        seen = (now.line, now.carrier, now.international, now.dns, now.portal, self.active)
        changed = bool(self._seen) and seen != self._seen
        self._seen = seen
        if changed:
            self._fresh = FRESH_ROUNDS
            self._hurry(now_ms)
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
        self._round_ms = now_ms + settings.probe if self._fresh else self._batch_ms
        if self.active != self._uplink and (self.connected or self.connecting):
            self._move_uplink(now_ms)
        if due or changed:
            self._flush(now_ms)

    def _report(self, now_ms: int, stamp: int, now: Conditions) -> None:
        """Every second batch the probes' summary, every other one lines, resources and devices."""
        if self._thin_ms and now_ms < self._full_ms and now_ms > self._restless_ms and self._calm(now):
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
            self.meter.devices(self._rows, now_ms, stamp, now)

    def _hurry(self, now_ms: int) -> None:
        """The network seems to be back: try about now instead of when the patience is over."""
        if self._open_ms != NEVER and (self.conditions.line or self.active == BACKUP):
            self._tries = 0
            self._open_ms = min(self._open_ms, now_ms + int(self._chance.random() * SECOND))

    def _next_batch(self, now_ms: int) -> int:
        """A batch's length from now; after the first only a part, so that gateways do not march in step."""
        if self._in_step:
            return now_ms + self._settings.batch
        self._in_step = True
        return now_ms + int(self._chance.random() * self._settings.batch)

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
        if not self.running:
            return
        clock = "synced"
        if self.conditions.clock_off_s is None:
            # Kept by boot id and steady clock until the time is known, as far as there is room.
            self._unstamped = True
            if points_in(self._rows) > wire.MAX_ROWS // 2:
                self._rows = {}
            return
        if self._unstamped:
            clock, self._unstamped = "repaired", False
        blocks = blocks_text(self._rows)
        body = f'{{"boot":"{self.boot}","clock":"{clock}","blocks":{blocks}}}'.encode()
        seq = self.spooled.append(body, points_in(self._rows))
        self._rows = {}
        if self.connected:
            self._send(now_ms, seq)

    # ---- the agent: sending

    def _open(self, now_ms: int) -> None:
        self._open_ms = NEVER
        self._session += 1
        self.connecting = True
        self._uplink = self.active
        self._transport.open(now_ms, self.active, wire.state_message(False, self.boot, self._session))

    def _move_uplink(self, now_ms: int) -> None:
        """The default route has changed: what was sent over the old one may never arrive."""
        if self._uplink in self._passable:
            self._transport.close(now_ms)
        else:
            self._transport.vanish(now_ms)
        self._forget(lost_rows=False)
        self._open_ms = now_ms
        self._open(now_ms)

    def opened(self, now_ms: int) -> None:
        """The broker has accepted the connection."""
        if not self.connecting:
            return
        self.connecting, self.connected = False, True
        self._tries = 0
        stamp = self._stamp(now_ms)
        state = wire.state_message(True, self.boot, self._session, stamp)
        self._transport.publish(now_ms, wire.Kind.STATE, state)
        self._transport.publish(now_ms, wire.Kind.BIRTH, self._birth(now_ms))
        self.spooled.rewind()
        newest = self.spooled.newest()
        if newest is not None:
            self._send(now_ms, newest)
            self._backlog_ms = now_ms + SECOND

    def lost(self, now_ms: int) -> None:
        """The connection is gone, or could not be made: try again, more and more patiently."""
        self._forget(lost_rows=False)
        if self.running:
            limit_ms = min(
                self._settings.reconnect_max, self._settings.reconnect_spread << min(self._tries, 9)
            )
            self._tries += 1
            self._open_ms = now_ms + int(self._chance.random() * limit_ms)

    def confirmed(self, now_ms: int, confirm: wire.Confirm) -> None:
        """The collector has these on its disk."""
        self.spooled.confirm(confirm)
        if self.connected and self._backlog_ms == NEVER and self.spooled.waiting(now_ms):
            self._backlog_ms = now_ms + SECOND

    def _send(self, now_ms: int, seq: int) -> None:
        stamp = self._stamp(now_ms)
        payload = self.spooled.message(seq, now_ms, now_ms if stamp is None else stamp)
        self._transport.publish(now_ms, wire.Kind.TELEMETRY, payload)

    def _send_backlog(self, now_ms: int) -> None:
        self._backlog_ms = NEVER
        if not self.connected:
            return
        for seq in self.spooled.take(self._settings.backlog_per_s):
            self._send(now_ms, seq)
        if self.spooled.waiting(now_ms):
            self._backlog_ms = now_ms + SECOND

    def _birth(self, now_ms: int) -> bytes:
        school = self.school
        uplinks = [{"name": PRIMARY, "role": "primary", "technology": school.technology}]
        if school.backup:
            uplinks.append({"name": BACKUP, "role": "backup", "technology": school.backup})
        updates = self.conditions.updates
        stamp = self._stamp(now_ms)
        return wire.dumps(
            {
                "v": wire.CONTRACT_VERSION,
                "agent_version": AGENT_VERSION + (f".{updates}" if updates else ""),
                "boot": self.boot,
                "session": self._session,
                "at": self.meter.uptime_s(now_ms) * 1000 if stamp is None else stamp,
                "uptime_s": self.meter.uptime_s(now_ms),
                "hostname": school.agent_id,
                "hardware": _MODELS[school.index % len(_MODELS)],
                "os": "simulated",
                "capabilities": ["simulated"],
                "probes": ["reachability", "wan", "interface", "system", "device"],
                "uplinks": uplinks,
            }
        )
