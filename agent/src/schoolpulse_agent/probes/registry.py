"""Every kind of probe by its name in the configuration. A new one is a file, a line here, a test, a page."""

from __future__ import annotations

from pathlib import Path

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.probes import interface, reachability, system, wan
from schoolpulse_agent.probes.base import Probe, ProbeKind, Surroundings
from schoolpulse_agent.settings import Settings

PROBES: dict[str, ProbeKind] = {
    "system": system.KIND,
    "interface": interface.KIND,
    "wan": wan.KIND,
    "reachability": reachability.KIND,
}


def make_probes(settings: Settings, clock: Clock, root: Path = Path("/")) -> dict[str, Probe]:
    """The enabled probes by name."""
    surroundings = Surroundings(settings.uplinks, clock, settings.agent.state_dir, root)
    return {
        name: PROBES[name].create(probe.own, surroundings)
        for name, probe in settings.probes.items()
        if probe.enabled
    }
