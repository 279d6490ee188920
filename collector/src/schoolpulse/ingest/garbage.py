"""Python's collector of cyclic garbage, told how this program uses memory (decision 0201)."""

from __future__ import annotations

import gc

_YOUNG_OBJECTS = 50_000
_YOUNG_PASSES = 20
_MIDDLE_PASSES = 50


def relax() -> None:
    """Look for cycles once in 50,000 new objects instead of once in 700.

    A decoded batch is some hundred lists and tuples without a cycle in it; reference counting frees them.
    Looking through them again and again took as much time as decoding them.
    """
    gc.set_threshold(_YOUNG_OBJECTS, _YOUNG_PASSES, _MIDDLE_PASSES)
