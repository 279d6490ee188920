"""What simulated agents say they are."""

from __future__ import annotations

from typing import Any

from schoolpulse_agent import wire
from schoolpulse_agent.settings import CLASSROOM
from schoolpulse_sim.classrooms import PROBES
from schoolpulse_sim.district import Classroom, School
from schoolpulse_sim.meter import BACKUP, PRIMARY

AGENT_VERSION = "0.1.0-sim"
_GATEWAYS = ("GL.iNet GL-MT3000", "MikroTik hAP ax2", "Raspberry Pi 4", "Teltonika RUTX11", "NanoPi R4S")
_MACHINES = ("Dell OptiPlex 3080", "HP ProDesk 400 G7", "Lenovo ThinkCentre M70q")


def gateway_birth(
    school: School, boot: str, session: int, at_ms: int, uptime_s: float, updates: int
) -> dict[str, Any]:
    """The birth of a school's gateway; `updates` is how often its agent was updated."""
    uplinks = [{"name": PRIMARY, "role": "primary", "technology": school.technology}]
    if school.backup:
        uplinks.append({"name": BACKUP, "role": "backup", "technology": school.backup})
    return {
        "v": wire.CONTRACT_VERSION,
        "agent_version": AGENT_VERSION + (f".{updates}" if updates else ""),
        "boot": boot,
        "session": session,
        "at": at_ms,
        "uptime_s": uptime_s,
        "hostname": school.agent_id,
        "hardware": _GATEWAYS[school.index % len(_GATEWAYS)],
        "os": "simulated",
        "capabilities": ["simulated"],
        "probes": ["reachability", "wan", "interface", "system", "device"],
        "uplinks": uplinks,
    }


def classroom_birth(room: Classroom, boot: str, session: int, at_ms: int, uptime_s: float) -> dict[str, Any]:
    """The birth of a classroom's machine."""
    return {
        "v": wire.CONTRACT_VERSION,
        "agent_version": AGENT_VERSION,
        "boot": boot,
        "session": session,
        "at": at_ms,
        "uptime_s": uptime_s,
        "role": CLASSROOM,
        "hostname": room.agent_id,
        "hardware": _MACHINES[room.number % len(_MACHINES)],
        "os": "simulated",
        "capabilities": ["simulated"],
        "probes": list(PROBES),
        "uplinks": [],
    }
