"""The interpreter's own pace, for a process that is a collector."""

from __future__ import annotations

import gc
import sys

_SWITCH_S = 0.002


def tune() -> None:
    """Settle down after the start: what stands now stays to the end and need not be searched for garbage.

    Threads hand over more often than by default, so that those which wait for the network or the disk
    get their turn sooner among those that compute.
    """
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(_SWITCH_S)
