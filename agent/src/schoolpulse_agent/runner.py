"""The agent as a whole: probes, batches, spool and publisher, wired and run."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

from schoolpulse_agent import kernel_clock
from schoolpulse_agent.birth import birth_message
from schoolpulse_agent.clock import Clock, SystemClock, boot_id, newest_change_ms
from schoolpulse_agent.commands import Commands, Hands
from schoolpulse_agent.holding import Holding
from schoolpulse_agent.probes.base import Probe, Round
from schoolpulse_agent.probes.registry import make_probes
from schoolpulse_agent.probes.speedtest import SpeedtestProbe
from schoolpulse_agent.publisher import Publisher
from schoolpulse_agent.recorder import Recorder
from schoolpulse_agent.scheduler import Scheduler, Workers
from schoolpulse_agent.settings import Settings
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.timekeeper import TimeKeeper

log = logging.getLogger(__name__)

WORKERS = 3
"""A speed test takes one of them for half a minute."""
_STOP_S = 10.0


class Runner:
    """A whole agent, from `start` to `stop`.

    Args:
        settings: the configuration.
        probes: by name, with an interval in `settings`; those that `settings` enables if not given.
        clock: both clocks.
        root: of the machine that is measured.
        boot: its boot id; this machine's own if not given.

    Raises:
        SpoolInUse: another agent works in the same state folder.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        probes: dict[str, Probe] | None = None,
        clock: Clock | None = None,
        root: Path = Path("/"),
        boot: str | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._root = root
        self._boot = boot or boot_id()
        state_dir = settings.agent.state_dir
        self.spool = Spool(state_dir / "spool", max_bytes=settings.spool.max_bytes)
        self._holding = Holding(state_dir / "unstamped", self._boot)
        self._workers = Workers(WORKERS)
        self._scheduler = Scheduler(self._clock, self._workers, self._record, settings.agent.id)
        self.publisher = Publisher(
            settings.broker,
            settings.agent.id,
            self.spool,
            self._birth,
            batch=settings.batch,
            boot=self._boot,
            on_command=Commands(self._hands(), self._clock.now_ms, state_dir / "commands"),
            clock=self._clock,
        )
        self._recorder = Recorder(
            self.spool, self._holding, self._keeper(), self._boot, self.publisher.notify
        )
        self._probes = make_probes(settings, self._clock, root) if probes is None else probes
        self._stopping = threading.Event()

    def run(self) -> None:
        """Measure and send until `stop` is called, then end cleanly."""
        log.info("agent %s starts, stream %s", self._settings.agent.id, self.spool.stream)
        for name, probe in self._probes.items():
            self._scheduler.add(name, probe, self._settings.probes[name].interval_s)
        self.publisher.start()
        batch_s = self._settings.batch.interval_s
        flush_at = self._clock.monotonic() + min(batch_s, 2.0)  # the first batch soon: somebody is watching
        while not self._stopping.is_set():
            wait_s = self._scheduler.tick()
            now = self._clock.monotonic()
            if now >= flush_at:
                self._recorder.flush()
                self._watch_publisher()
                flush_at = max(flush_at + batch_s, now)
            self._clock.wait(self._stopping, max(0.0, min(wait_s, flush_at - now)))
        self._end()

    def stop(self) -> None:
        """Let `run` return. Not straight from a signal handler: that may hold the lock that this needs."""
        self._stopping.set()

    def _end(self) -> None:
        self._workers.stop(_STOP_S)
        self._recorder.flush()
        self.publisher.stop()
        self._holding.close()
        self.spool.close()
        log.info("agent %s has stopped", self._settings.agent.id)

    def _watch_publisher(self) -> None:
        if not self.publisher.alive:
            log.critical("the publisher's thread has ended; starting it again")
            self.publisher.start()

    def _record(self, found: Round, at: float) -> None:
        self._recorder.take(found, at)
        if found.path_changed:
            self.publisher.path_changed()
        elif found.reachable_again:
            self.publisher.try_now()

    def _hands(self) -> Hands:
        """What commands from the collector may do here."""
        return Hands(
            run_probe=self._scheduler.run_now,
            speed_test=self._speed_test,
            send_birth=self._send_birth,
            set_interval=self._scheduler.set_interval,
        )

    def _send_birth(self) -> None:
        self.publisher.renew_birth()

    def _speed_test(self) -> bool:
        probe = self._probes.get("speedtest")
        if not isinstance(probe, SpeedtestProbe):
            return False
        probe.test_now()
        return self._scheduler.run_now("speedtest")

    def _birth(self, session: int) -> dict[str, Any]:
        return birth_message(self._settings, self._boot, self._clock, session, self._root)

    def _keeper(self) -> TimeKeeper:
        return TimeKeeper(
            self._clock,
            is_synced=kernel_clock.is_synced,
            survives_power_cuts=kernel_clock.survives_power_cuts(self._root),
            wait_s=self._settings.agent.clock_wait_s,
            not_before_ms=newest_change_ms(self._settings.agent.state_dir),
        )
