"""Every kind of probe by its name in the configuration. A new one is a file, a line here, a test, a page."""

from __future__ import annotations

from pathlib import Path

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.probes import (
    classroom,
    device,
    interface,
    modem,
    reachability,
    speedtest,
    system,
    wan,
    wifi,
)
from schoolpulse_agent.probes.base import Probe, ProbeKind, Surroundings
from schoolpulse_agent.probes.snmp import probe as snmp
from schoolpulse_agent.settings import Settings

PROBES: dict[str, ProbeKind] = {
    "system": system.KIND,
    "interface": interface.KIND,
    "wan": wan.KIND,
    "modem": modem.KIND,
    "reachability": reachability.KIND,
    "snmp": snmp.KIND,
    "device": device.KIND,
    "speedtest": speedtest.KIND,
    "classroom": classroom.KIND,
    "wifi": wifi.KIND,
}


def enabled_probes(settings: Settings) -> list[str]:
    """The names of the probes that are enabled and have something to look at."""
    return [
        name
        for name, probe in settings.probes.items()
        if probe.enabled and PROBES[name].is_wanted(probe.own, settings.devices)
    ]


def make_probes(settings: Settings, clock: Clock, root: Path = Path("/")) -> dict[str, Probe]:
    """The enabled probes by name."""
    surroundings = Surroundings(
        settings.uplinks, clock, settings.agent.state_dir, root, settings.devices, generations={}
    )
    return {
        name: PROBES[name].create(settings.probes[name].own, surroundings)
        for name in enabled_probes(settings)
    }
