"""Whether a machine is in use, from what the kernel counts: how much, never what or who.

Witnesses are the display (DRM), whether input devices or the sound card are at work, and whether the desktop
calls itself idle. Input devices are never opened: only how often they spoke is read. See docs/decisions/0107.
"""

from __future__ import annotations

import re
from pathlib import Path

from schoolpulse_agent.probes.base import file_text

MAX_ENTRIES = 128
IDLE_HINT = (
    "busctl",
    "get-property",
    "org.freedesktop.login1",
    "/org/freedesktop/login1",
    "org.freedesktop.login1.Manager",
    "IdleHint",
)
"""Asks systemd-logind about the machine as a whole. Sessions, which carry users' names, are not asked."""
_HID_CLASS = "03"
_INPUT_LINE = re.compile(r"i8042|i2c.hid|ELAN|SYNA|goodix|touch", re.IGNORECASE)


def display_on(root: Path) -> bool | None:
    """Whether any connected display is on; None where the kernel shows no display at all.

    Source: ``/sys/class/drm/*/{status,enabled,dpms}``.
    """
    seen = None
    for folder in sorted((root / "sys/class/drm").glob("card*-*"))[:MAX_ENTRIES]:
        if file_text(folder / "status") != "connected":
            continue
        on = file_text(folder / "enabled") != "disabled" and file_text(folder / "dpms") in {"On", ""}
        seen = bool(seen) or on
    if seen is None and any((root / "sys/class/drm").glob("card*-*")):
        return False  # a machine that can show something, and nothing is plugged in
    return seen


def input_count(root: Path) -> int | None:
    """How often keyboards, mice and touch panels spoke since they were plugged in; None where none is known.

    USB: requests done by devices with a HID interface (``urbnum``). PS/2 and I2C: their interrupts.
    """
    usb = _usb_inputs(root / "sys/bus/usb/devices")
    lines = _input_interrupts(file_text(root / "proc/interrupts"))
    known = [count for count in (usb, lines) if count is not None]
    return sum(known) if known else None


def sound_runs(root: Path) -> bool:
    """Whether a sound card plays or records (``/proc/asound/card*/pcm*/sub*/status``)."""
    files = sorted((root / "proc/asound").glob("card[0-9]*/pcm*/sub*/status"))[:MAX_ENTRIES]
    return any("RUNNING" in file_text(path) for path in files)


def parse_idle_hint(text: str) -> bool | None:
    """Out of `IDLE_HINT`'s answer (``b true``): whether the machine as a whole calls itself idle."""
    return {"b true": True, "b false": False}.get(text.strip())


def parse_cpu(text: str) -> tuple[int, int] | None:
    """Ticks that all processors worked, and all ticks, out of ``/proc/stat``."""
    columns = text.split("\n", 1)[0].split()
    numbers = columns[1:9]  # guest time is part of user time
    if len(numbers) < 5 or columns[0] != "cpu" or not all(number.isdigit() for number in numbers):
        return None
    ticks = [int(number) for number in numbers]
    idle = ticks[3] + ticks[4]
    return sum(ticks) - idle, sum(ticks)


def _usb_inputs(devices: Path) -> int | None:
    interfaces = sorted(devices.glob("*:*/bInterfaceClass"))[:MAX_ENTRIES]
    names = {path.parent.name.split(":")[0] for path in interfaces if file_text(path) == _HID_CLASS}
    counts = [file_text(devices / name / "urbnum") for name in names]
    known = [int(count) for count in counts if count.isdigit()]
    return sum(known) if known else None


def _input_interrupts(text: str) -> int | None:
    total = None
    for line in text.splitlines()[1:]:
        if not _INPUT_LINE.search(line):
            continue
        for number in line.split()[1:]:
            if not number.isdigit():
                break
            total = (total or 0) + int(number)
    return total
