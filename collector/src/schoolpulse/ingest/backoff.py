"""Waiting between tries: full jitter, so that many who failed together do not come back together."""

from __future__ import annotations

import random


class Backoff:
    """Delays drawn evenly from 0 up to a limit that doubles from `first_s` to `longest_s`.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (full jitter).
    """

    def __init__(self, first_s: float, longest_s: float, rng: random.Random | None = None) -> None:
        self._first_s = first_s
        self._longest_s = longest_s
        self._limit_s = first_s
        self._rng = rng or random.Random()  # noqa: S311 - it spreads load, it keeps no secret

    @property
    def at_limit(self) -> bool:
        """Whether the delays have grown as long as they get."""
        return self._limit_s >= self._longest_s

    def next_s(self) -> float:
        """The next delay in seconds."""
        delay_s = self._rng.uniform(0, self._limit_s)
        self._limit_s = min(self._limit_s * 2, self._longest_s)
        return delay_s

    def reset(self) -> None:
        """It worked: the next delay is a short one again."""
        self._limit_s = self._first_s
