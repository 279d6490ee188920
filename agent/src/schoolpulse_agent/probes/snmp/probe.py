"""Measurement `device`, by SNMP: all devices side by side, a dead one delays nobody."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, Union

from schoolpulse_agent.errors import SetupError
from schoolpulse_agent.probes.base import Probe, ProbeKind, Round, Surroundings
from schoolpulse_agent.probes.device_reports import DEFAULT_REPORT_S, DeviceReports, Look
from schoolpulse_agent.probes.methods.dns import system_resolvers
from schoolpulse_agent.probes.methods.engine import Steps, run_all
from schoolpulse_agent.probes.snmp.kinds import BUILT_IN, Kind, find_profile, load_kind
from schoolpulse_agent.settings import Device
from schoolpulse_agent.toml_table import Table

if TYPE_CHECKING:
    from schoolpulse_agent.probes.snmp.poll import Answered, DevicePoll
    from schoolpulse_agent.probes.snmp.usm import SecureTalks

METHOD = "snmp"


class Own(NamedTuple):
    """Section ``[probes.snmp]``."""

    timeout_s: float = 1.5
    tries: int = 3
    report_s: float = DEFAULT_REPORT_S
    profiles_dir: Path | None = None


Outcome = Union["Answered", Exception]


class SnmpProbe:
    """Polls the devices whose method is ``snmp``.

    Raises:
        SetupError: pysnmp is not installed, or a profile is missing or wrong.
    """

    def __init__(self, own: Own, surroundings: Surroundings) -> None:
        self._own = own
        self._clock = surroundings.clock
        self._root = surroundings.root
        self._devices = tuple(device for device in surroundings.devices if device.method == METHOD)
        self._reports = DeviceReports(own.report_s)
        self._polls = _polls(self._devices, own) if self._devices else {}
        self._secure: SecureTalks | None = None

    def measure(self) -> Round:
        """A look at each device."""
        if not self._devices:
            return Round([])
        at = self._clock.monotonic()
        looks = self._plain_looks(at)
        looks.update(self._secure_looks(at))
        return self._reports.round(looks, self._devices, at)

    def close(self) -> None:
        """Free what the talks hold."""
        if self._secure is not None:
            self._secure.close()

    def _plain_looks(self, at: float) -> dict[str, Look]:
        from schoolpulse_agent.probes.snmp.messages import Exchange  # noqa: PLC0415  # pysnmp is an extra

        devices = [device for device in self._devices if device.snmp.version != "3"]
        exchanges = {d.name: Exchange(d, self._own.timeout_s, self._own.tries) for d in devices}
        resolvers = system_resolvers(self._root)
        running: dict[Hashable, Steps[Outcome]] = {
            name: exchange.run(lambda name=name: self._polls[name].talk(at), resolvers)  # type: ignore[misc]  # binds the name
            for name, exchange in exchanges.items()
        }
        outcomes = run_all(running, lambda error: error)
        return {
            device.name: self._look(device, outcomes[device.name], at, exchanges[device.name].rtt_ms)
            for device in devices
        }

    def _secure_looks(self, at: float) -> dict[str, Look]:
        devices = [device for device in self._devices if device.snmp.version == "3"]
        if not devices:
            return {}
        if self._secure is None:
            from schoolpulse_agent.probes.snmp.usm import SecureTalks  # noqa: PLC0415  # 16 MB

            self._secure = SecureTalks(self._own.timeout_s, self._own.tries)
        polls = self._polls
        outcomes: Mapping[str, Outcome] = self._secure.run(
            {d.name: (d, lambda name=d.name: polls[name].talk(at)) for d in devices}  # type: ignore[misc]  # binds the name
        )
        rtt_ms = self._secure.rtt_ms
        return {d.name: self._look(d, outcomes[d.name], at, rtt_ms.get(d.name)) for d in devices}

    def _look(self, device: Device, outcome: Outcome, at: float, rtt_ms: float | None) -> Look:
        if not isinstance(outcome, Exception):
            return self._polls[device.name].look(outcome, at, rtt_ms)
        trouble = getattr(outcome, "strerror", None) or str(outcome) or type(outcome).__name__
        # Whoever answered anything at all is there, even if the rest of the conversation failed.
        return Look(rtt_ms is not None, None, rtt_ms, trouble)


def _polls(devices: tuple[Device, ...], own: Own) -> dict[str, DevicePoll]:
    try:
        import pysnmp  # noqa: F401, PLC0415  # say at the start that it is missing

        from schoolpulse_agent.probes.snmp.poll import DevicePoll  # noqa: PLC0415  # pysnmp is an extra
    except ImportError as error:
        raise SetupError(
            "devices are asked by SNMP, and pysnmp is not installed",
            hint="pip install 'schoolpulse-agent[snmp]'",
        ) from error
    kinds: dict[str, Kind] = {}
    for device in devices:
        if device.kind not in kinds:
            kinds[device.kind] = _kind(device, own.profiles_dir)
    return {device.name: DevicePoll(device, kinds[device.kind]) for device in devices}


def _kind(device: Device, folder: Path | None) -> Kind:
    path = find_profile(device.kind, folder)
    if path is None:
        known = ", ".join(sorted(path.stem for path in BUILT_IN.glob("*.toml")))
        raise SetupError(
            f"device {device.name}: no SNMP profile for the kind {device.kind!r}",
            hint=f"there are {known}; put {device.kind}.toml into [probes.snmp] profiles_dir",
        )
    kind, problems = load_kind(path)
    if problems:
        raise SetupError(f"{path}: {problems[0]}", hint="see docs/technician/snmp.md")
    return kind


def _read(table: Table) -> Own:
    default = Own()
    return Own(
        timeout_s=table.number("timeout_s", default.timeout_s, 0.1, 30),
        tries=table.whole("tries", default.tries, 1, 10),
        report_s=table.number("report_s", default.report_s, 1, 3600),
        profiles_dir=table.path("profiles_dir"),
    )


def _create(own: Own, surroundings: Surroundings) -> Probe:
    return SnmpProbe(own, surroundings)


def is_wanted(_own: Own, devices: tuple[Device, ...]) -> bool:
    """Whether any device is asked by SNMP."""
    return any(device.method == METHOD for device in devices)


KIND = ProbeKind(interval_s=60, read=_read, create=_create, from_two=True, is_wanted=is_wanted)
