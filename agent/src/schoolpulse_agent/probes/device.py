"""Measurement `device` of what speaks no SNMP: by ping, TCP, the neighbour table, or PJLink."""

from __future__ import annotations

import time
from collections.abc import Hashable
from pathlib import Path
from typing import Callable, NamedTuple

from schoolpulse_agent.probes import neighbours, pjlink
from schoolpulse_agent.probes.base import ProbeKind, Round, Surroundings
from schoolpulse_agent.probes.device_reports import DEFAULT_REPORT_S, DeviceReports, Look
from schoolpulse_agent.probes.methods import dns, icmp, tcp
from schoolpulse_agent.probes.methods.engine import Answer, Question, Steps, run_all
from schoolpulse_agent.settings import Device
from schoolpulse_agent.toml_table import Table

METHODS = ("ping", "tcp", "arp", "pjlink")


class Own(NamedTuple):
    """Section ``[probes.device]``."""

    timeout_s: float = 1.5
    tries: int = 3
    report_s: float = DEFAULT_REPORT_S


Looker = Callable[[Device, Own, "tuple[str, ...]", Path], Steps[Look]]


class DeviceProbe:
    """Looks at all plain devices side by side.

    Args:
        looker: looks at one device; a seam for tests.
    """

    def __init__(self, own: Own, surroundings: Surroundings, looker: Looker | None = None) -> None:
        self._look = looker or look
        self._own = own
        self._clock = surroundings.clock
        self._root = surroundings.root
        self._devices = tuple(device for device in surroundings.devices if device.method in METHODS)
        self._reports = DeviceReports(own.report_s)

    def measure(self) -> Round:
        """What is to be reported of one look at each."""
        at = self._clock.monotonic()
        resolvers = dns.system_resolvers(self._root)
        running: dict[Hashable, Steps[Look]] = {
            device.name: self._look(device, self._own, resolvers, self._root) for device in self._devices
        }
        looks = run_all(running, _failed)
        return self._reports.round({str(name): seen for name, seen in looks.items()}, self._devices, at)


def look(device: Device, own: Own, resolvers: tuple[str, ...], root: Path = Path("/")) -> Steps[Look]:
    """Ask one device until it answers, at most `own.tries` times."""
    seen = Look(False, trouble="no answer")
    for _ in range(own.tries):
        if device.method == "pjlink":
            return (yield from pjlink.ask(device, own.timeout_s))
        answer = yield from _ask(device, time.monotonic() + own.timeout_s, resolvers, root)
        rtt_ms = answer.rtt_ms if device.method != "arp" else None  # the table knows no times
        seen = Look(answer.rtt_ms is not None, None, rtt_ms, answer.trouble)
        if seen.up:
            break
    return seen


def _ask(device: Device, until: float, resolvers: tuple[str, ...], root: Path) -> Steps[Answer]:
    question = Question(device.address, resolvers=resolvers)
    if device.method == "ping":
        return (yield from icmp.ask(question, until))
    if device.method == "arp":
        return (yield from neighbours.ask(question, until, root))
    resolved = yield from dns.resolve(device.address, question, until)
    if not resolved.addresses:
        return Answer(None, resolved.trouble)
    # A refusal comes from the device too.
    return (yield from tcp.reach(question, resolved.addresses[0], device.port, until, refusal_counts=True))


def _failed(error: Exception) -> Look:
    """A device that answers nonsense is there; one that no packet reaches is not."""
    reached = isinstance(error, pjlink.PjlinkTrouble)
    return Look(reached, trouble=getattr(error, "strerror", None) or str(error) or type(error).__name__)


def _read(table: Table) -> Own:
    default = Own()
    return Own(
        timeout_s=table.number("timeout_s", default.timeout_s, 0.1, 30),
        tries=table.whole("tries", default.tries, 1, 10),
        report_s=table.number("report_s", default.report_s, 1, 3600),
    )


def is_wanted(_own: Own, devices: tuple[Device, ...]) -> bool:
    """Whether any device is asked in one of our ways."""
    return any(device.method in METHODS for device in devices)


KIND = ProbeKind(interval_s=60, read=_read, create=DeviceProbe, is_wanted=is_wanted)
