"""What the kernel says of its clock."""

from __future__ import annotations

import sys
from pathlib import Path

_HOST_CLOCKS = frozenset(
    {"kvm-clock", "xen", "hyperv_clocksource_tsc_page", "hyperv_clocksource_msr", "hyperv_clocksource"}
)
_STA_UNSYNC = 0x0040
_TIME_ERROR = 5
_TIMEX_BYTES = 256
_STATUS_AFTER_LONGS = 5
"""In struct timex (adjtimex(2)) `status` is an int behind five longs, of which the first holds an int."""


def is_synced() -> bool | None:
    """Whether the kernel counts its clock as synchronised; None where it cannot be asked."""
    import ctypes  # noqa: PLC0415  # memory that `check-config` and most tests do not need

    try:
        adjtimex = ctypes.CDLL(None).adjtimex
    except (AttributeError, OSError):
        return None
    buffer = ctypes.create_string_buffer(_TIMEX_BYTES)  # all zeros: change nothing, only tell
    result = int(adjtimex(buffer))
    if result < 0:
        return None
    status_at = _STATUS_AFTER_LONGS * ctypes.sizeof(ctypes.c_long)
    status = int.from_bytes(buffer.raw[status_at : status_at + 4], sys.byteorder)
    return result != _TIME_ERROR and not status & _STA_UNSYNC


def survives_power_cuts(root: Path = Path("/")) -> bool:
    """Whether the machine under `root` has a battery clock, or a host that gives it the time."""
    if any((root / "sys/class/rtc").glob("rtc*")):
        return True
    sources = root / "sys/devices/system/clocksource/clocksource0/available_clocksource"
    try:
        return not _HOST_CLOCKS.isdisjoint(sources.read_text("ascii").split())
    except OSError:
        return False
