"""The interpreter's own pace, for a process whose work is to pass on many small objects."""

from __future__ import annotations

import gc
import sys

_YOUNG_OBJECTS = 100_000
_SWITCH_S = 0.002


def tune() -> None:
    """Let the garbage collector and the threads' scheduler suit a collector; for a process that is one.

    Batches hold thousands of small tuples and no cycles: reference counts free them. A search for cycles
    every 700 objects finds none and took half of the CPU (docs/performance.md). What stands after the
    start stays to the end and is not searched at all.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, 20, 100)
    sys.setswitchinterval(_SWITCH_S)
