"""How long to wait before the next try, so that a thousand agents do not come in the same second."""

from __future__ import annotations

import random as random_module


class Backoff:
    """Exponential back-off with full jitter: a random moment within a time that doubles.

    Args:
        spread_s: the first time.
        max_s: the longest.
        random: where in the time.
    """

    def __init__(self, spread_s: float, max_s: float, random: random_module.Random) -> None:
        self._spread_s = spread_s
        self._max_s = max(spread_s, max_s)
        self._random = random
        self._within_s = spread_s

    def next(self) -> float:
        """Seconds until the next try."""
        within_s = self._within_s
        self._within_s = min(self._max_s, within_s * 2)
        return self._random.uniform(0, within_s)

    def reset(self) -> None:
        """All is well: the next trouble is a new one."""
        self._within_s = self._spread_s

    hurry = reset
