"""The birth message: what this agent is."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any

from schoolpulse_agent import __version__, wire
from schoolpulse_agent.clock import Clock
from schoolpulse_agent.probes.base import file_text
from schoolpulse_agent.probes.registry import enabled_probes
from schoolpulse_agent.settings import GATEWAY, Settings

CAPABILITIES = ("spool", "confirm", "clock-repair", "commands")


def parse_os_release(text: str) -> str:
    """The name of the operating system out of ``/etc/os-release``."""
    for line in text.splitlines():
        key, _, value = line.partition("=")
        if key == "PRETTY_NAME":
            return value.strip().strip("\"'")
    return ""


def hardware(root: Path) -> str:
    """The board's or the PC's own name, as the kernel knows it; else the processor's architecture."""
    for source in ("tmp/sysinfo/model", "proc/device-tree/model", "sys/class/dmi/id/product_name"):
        name = file_text(root / source).strip("\0 \n")
        if name:
            return name
    return platform.machine()


def birth_message(settings: Settings, boot: str, clock: Clock, session: int, root: Path) -> dict[str, Any]:
    """The birth for one session; `schoolpulse.contract.models.Birth` is its model."""
    uptime = file_text(root / "proc/uptime").partition(" ")[0]
    return {
        "v": wire.CONTRACT_VERSION,
        "agent_version": __version__,
        "boot": boot,
        "session": session,
        "at": clock.now_ms(),
        "uptime_s": float(uptime) if uptime else clock.monotonic(),
        "role": settings.agent.role,
        "hostname": _plain(os.uname().nodename),
        "hardware": _plain(hardware(root)),
        "os": _plain(parse_os_release(file_text(root / "etc/os-release")) or platform.system()),
        "capabilities": list(CAPABILITIES),
        "probes": enabled_probes(settings),
        "uplinks": [
            {"name": u.name, "role": u.role, "technology": u.technology or "unknown"}
            | ({"operator": u.operator} if u.operator else {})
            for u in (settings.uplinks if settings.agent.role == GATEWAY else ())
        ],
    }


def _plain(text: str) -> str:
    """`text` as the contract takes it: without control characters, not too long."""
    return "".join(character for character in text if character.isprintable())[: wire.MAX_STRING_CHARS]
