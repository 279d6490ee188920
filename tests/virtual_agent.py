"""An agent at its default settings with 20 devices, in virtual time: real probes, recorder and spool.

There is no network: who answers is decided by a function of the virtual second.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

from fakes import FakeClock

from schoolpulse_agent.config import parse
from schoolpulse_agent.disk import Disk
from schoolpulse_agent.holding import Holding
from schoolpulse_agent.probes.base import Probe, Surroundings
from schoolpulse_agent.probes.device import DeviceProbe
from schoolpulse_agent.probes.device import Own as DeviceOwn
from schoolpulse_agent.probes.device_reports import Look
from schoolpulse_agent.probes.methods import METHODS
from schoolpulse_agent.probes.methods.engine import Answer, Question, Steps
from schoolpulse_agent.probes.reachability import ReachabilityProbe
from schoolpulse_agent.probes.registry import make_probes
from schoolpulse_agent.recorder import Recorder
from schoolpulse_agent.scheduler import Scheduler
from schoolpulse_agent.settings import Device, Settings
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.timekeeper import TimeKeeper

DAY_S = 86_400
_CONFIG = """
[agent]
id = "thcs-nguyen-van-troi"
state_dir = "{folder}"
[broker]
url = "mqtts://broker.go-vap.example"
"""
_DEVICE = (
    '[[device]]\nname = "may-tinh-{at:02d}"\nkind = "host"\naddress = "192.168.1.{at}"\nparent = "{parent}"\n'
)
_ROUTES = (
    "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT\n"
    "eth0 00000000 0101A8C0 0003 0 0 10 00000000 0 0 0\n"
)

Online = Callable[[float], bool]
"""Whether the line works at that second."""


class VirtualAgent:
    """Runs through days in seconds.

    Args:
        folder: for the machine's files and the state.
        online: whether the line works at a virtual second. Its gateway and devices always answer.
        disk: what the spool writes to; the real one if not given.
    """

    def __init__(self, folder: Path, online: Online, disk: Disk | None = None, seed: int = 1) -> None:
        devices = "".join(
            _DEVICE.format(at=at, parent="may-tinh-02" if at > 2 else "") for at in range(2, 22)
        ).replace('parent = ""\n', "")
        self.settings: Settings = parse((_CONFIG.format(folder=folder) + devices).encode())
        self.clock = FakeClock()
        self._online = online
        self._random = random.Random(seed)
        self._root = folder / "root"
        self._write("proc/net/route", _ROUTES)
        self._write("proc/meminfo", "MemTotal: 250000 kB\nMemAvailable: 120000 kB\n")
        self._write("sys/class/net/eth0/carrier", "1")
        self._write("sys/class/net/eth0/ifindex", "2")
        self._write("sys/class/net/eth0/speed", "1000")
        self._write("sys/class/rtc/rtc0/name", "x")
        self._write("sys/class/thermal/thermal_zone0/temp", "54321")
        self._bytes = [10_000_000, 4_000_000]
        self._machine_lives()
        self.spool = Spool(folder / "spool", max_bytes=self.settings.spool.max_bytes, disk=disk)
        holding = Holding(folder / "unstamped", "boot", disk)
        keeper = TimeKeeper(self.clock, is_synced=lambda: True, survives_power_cuts=True, wait_s=0)
        boot = "6f0b2f6c-30b7-4c42-8a8e-5b4a3a7e0f11"
        self.recorder = Recorder(self.spool, holding, keeper, boot, lambda: None)
        self.scheduler = Scheduler(
            self.clock, lambda task: task(), self.recorder.take, self.settings.agent.id
        )
        for name, probe in self._probes().items():
            self.scheduler.add(name, probe, self.settings.probes[name].interval_s)
        self._flush_at = 2.0
        self._machine_at = 0.0

    def run_until(self, second: float) -> None:
        """Measure until the virtual `second`."""
        while self.clock.monotonic() < second:
            wait_s = self.scheduler.tick()
            now = self.clock.monotonic()
            if now >= self._flush_at:
                self.recorder.flush()
                self._flush_at = now + self.settings.batch.interval_s
            if now >= self._machine_at:
                self._machine_lives()
                self._machine_at = now + 30
            self.clock.advance(max(0.001, min(wait_s, self._flush_at - now, second - now)))

    def _probes(self) -> dict[str, Probe]:
        probes = make_probes(self.settings, self.clock, self._root)
        surroundings = Surroundings(
            self.settings.uplinks, self.clock, self._root, self._root, self.settings.devices
        )
        own = self.settings.probes["reachability"].own
        probes["reachability"] = ReachabilityProbe(own, surroundings, dict.fromkeys(METHODS, self._ask))
        probes["device"] = DeviceProbe(self.settings.probes["device"].own, surroundings, self._look)
        return probes

    def _ask(self, question: Question, _until: float) -> Steps[Answer]:
        yield from ()
        near = question.address == "192.168.1.1"
        if not near and not self._online(self.clock.monotonic()):
            return Answer(None, "timed out")
        lost = self._random.random() < 0.002
        return Answer(None, "timed out") if lost else Answer(self._rtt_ms(0.6 if near else 18.0))

    def _look(
        self, _device: Device, _own: DeviceOwn, _resolvers: tuple[str, ...], _root: Path
    ) -> Steps[Look]:
        yield from ()
        return Look(True, rtt_ms=self._rtt_ms(0.9))

    def _rtt_ms(self, usual_ms: float) -> float:
        return usual_ms * (1 + self._random.expovariate(4))

    def _machine_lives(self) -> None:
        """Counters, load and uptime go on."""
        now = self.clock.monotonic()
        self._bytes = [count + self._random.randrange(200_000) for count in self._bytes]
        rx, tx = self._bytes
        line = f"  eth0: {rx} 1 0 0 0 0 0 0 {tx} 1 0 0 0 0 0 0\n"
        self._write("proc/net/dev", "Inter-| Receive\n face |bytes\n" + line)
        self._write("proc/uptime", f"{now + 1234.56:.2f} 9.00")
        self._write("proc/loadavg", f"{self._random.random():.2f} 0.10 0.05 1/90 1234")

    def _write(self, path: str, text: str) -> None:
        file = self._root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
