"""Measurement `system`: the machine's uptime, load, memory, disk and temperature."""

from __future__ import annotations

import os
from pathlib import Path

from schoolpulse_agent.probes.base import ProbeKind, Reading, Round, Surroundings, file_text, read_nothing


def parse_uptime(text: str) -> float | None:
    """Seconds since boot out of ``/proc/uptime``."""
    try:
        return float(text.split(maxsplit=1)[0])
    except (IndexError, ValueError):
        return None


def parse_load(text: str) -> float | None:
    """The one-minute load out of ``/proc/loadavg``."""
    return parse_uptime(text)  # the first number too


def parse_memory_used(text: str) -> float | None:
    """The used ratio of memory out of ``/proc/meminfo``: what no program could have without swapping."""
    kilobytes: dict[str, int] = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        number = value.replace("kB", "").strip()
        if number.isdigit():
            kilobytes[key] = int(number)
    total = kilobytes.get("MemTotal", 0)
    if total <= 0:
        return None
    free = kilobytes.get("MemAvailable")
    if free is None:  # kernels before 3.14
        free = sum(kilobytes.get(key, 0) for key in ("MemFree", "Buffers", "Cached"))
    return round(min(1.0, max(0.0, 1 - free / total)), 4)


def hottest(millidegrees: list[str]) -> float | None:
    """The highest of the thermal zones in degrees Celsius; sensors that read nonsense are left out."""
    degrees = [int(text) / 1000 for text in millidegrees if text.lstrip("-").isdigit()]
    sane = [value for value in degrees if -40 <= value <= 150]
    return round(max(sane), 1) if sane else None


def disk_used(folder: Path) -> float | None:
    """The used ratio of the file system that holds `folder` (or will), as an ordinary user sees it."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    try:
        stats = os.statvfs(folder)
    except OSError:
        return None
    used = stats.f_blocks - stats.f_bfree
    usable = used + stats.f_bavail
    return round(used / usable, 4) if usable > 0 else None


class SystemProbe:
    """Reads the kernel's files."""

    def __init__(self, _own: None, surroundings: Surroundings) -> None:
        self._root = surroundings.root
        self._state_dir = surroundings.state_dir

    def measure(self) -> Round:
        """One reading without tags."""
        proc = self._root / "proc"
        zones = sorted((self._root / "sys/class/thermal").glob("thermal_zone*/temp"))
        fields = (
            ("uptime_s", parse_uptime(file_text(proc / "uptime"))),
            ("load_1m", parse_load(file_text(proc / "loadavg"))),
            ("memory_used_ratio", parse_memory_used(file_text(proc / "meminfo"))),
            ("disk_used_ratio", disk_used(self._state_dir)),
            ("temperature_c", hottest([file_text(zone) for zone in zones])),
        )
        return Round([Reading("system", (), fields)])


KIND = ProbeKind(interval_s=60, read=read_nothing, create=SystemProbe)
