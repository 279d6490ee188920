"""CPU seconds of threads and processes, as the kernel counts them."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import psutil

TICKS_PER_S = os.sysconf("SC_CLK_TCK")


def thread_cpu_s() -> dict[str, float]:
    """CPU seconds of each thread of this process that still runs, by its name."""
    spent: dict[str, float] = {}
    for thread in threading.enumerate():
        stat = Path(f"/proc/self/task/{thread.native_id}/stat")
        fields = stat.read_text().rpartition(")")[2].split()
        spent[thread.name] = spent.get(thread.name, 0.0) + (int(fields[11]) + int(fields[12])) / TICKS_PER_S
    return spent


def process_cpu_s(pid: int) -> float:
    """CPU seconds of a process and its children."""
    process = psutil.Process(pid)
    times = [each.cpu_times() for each in (process, *process.children(recursive=True))]
    return float(sum(time.user + time.system for time in times))
