"""The interpreter's own pace, for a process that is a collector (decision 0201)."""

from __future__ import annotations

import gc
import sys

_YOUNG_OBJECTS = 50_000
_YOUNG_PASSES = 20
_MIDDLE_PASSES = 50
_SWITCH_S = 0.002


def tune() -> None:
    """Settle down after the start.

    Python looks for cyclic garbage once in 50,000 new objects instead of once in 700: a decoded batch is
    some hundred lists and tuples without a cycle in it, and looking through them took as much time as
    decoding them. What stands now stays to the end and is not looked through at all. Threads hand over more
    often than by default, so that those which wait for the network or the disk get their turn sooner among
    those that compute.
    """
    gc.set_threshold(_YOUNG_OBJECTS, _YOUNG_PASSES, _MIDDLE_PASSES)
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
