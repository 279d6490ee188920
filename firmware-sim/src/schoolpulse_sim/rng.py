"""Chance that is the same everywhere: one independent stream a purpose, from the scenario's seed.

Only `random.Random.random` is used, the one method whose sequence Python promises to keep; everything
else is made from it here with comparisons and the four basic operations, so that no C library's
logarithm and no Python version can change a byte of what is generated.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from random import Random
from typing import TypeVar

Item = TypeVar("Item")


def digest(*parts: object) -> bytes:
    """32 bytes that depend on `parts` alone (on their text, never on `hash`)."""
    return hashlib.sha256("/".join(str(part) for part in parts).encode()).digest()


def token(*parts: object) -> str:
    """16 hexadecimal digits that depend on `parts` alone: a stream, a boot id."""
    return digest(*parts).hex()[:16]


class Chance:
    """A stream of chance for one purpose, named by `parts` (seed, school, what for)."""

    __slots__ = ("random",)

    def __init__(self, *parts: object) -> None:
        self.random = Random(int.from_bytes(digest(*parts), "big")).random  # noqa: S311 - no secret

    def between(self, low: float, high: float) -> float:
        """Evenly from `low` (in) to `high` (out)."""
        return low + (high - low) * self.random()

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self.random() * (high - low + 1))

    def happens(self, probability: float) -> bool:
        """Whether something of that probability happens."""
        return self.random() < probability

    def pick(self, items: Sequence[Item]) -> Item:
        """One of `items`, all alike."""
        return items[int(self.random() * len(items))]

    def weighted(self, items: Sequence[tuple[Item, float]]) -> Item:
        """One of the items, by their weights."""
        left = self.random() * sum(weight for _, weight in items)
        for item, weight in items:
            left -= weight
            if left < 0:
                return item
        return items[-1][0]

    def some(self, items: Sequence[Item], count: int) -> list[Item]:
        """`count` different ones of `items` (all, where there are fewer), in the order they stand."""
        left = len(items)
        wanted = min(count, left)
        chosen = []
        for item in items:
            if self.random() * left < wanted:
                chosen.append(item)
                wanted -= 1
            left -= 1
        return chosen

    def exponential(self, mean: float) -> float:
        """Exponentially distributed with that mean, by von Neumann's comparison of uniform numbers."""
        whole = 0
        while True:
            first = last = self.random()
            run = 1
            while (draw := self.random()) < last:
                last = draw
                run += 1
            if run % 2:
                return mean * (whole + first)
            whole += 1

    def bell(self, deviation: float) -> float:
        """About normally distributed around 0 (a sum of four), never beyond 3.5 deviations."""
        draw = self.random
        return (draw() + draw() + draw() + draw() - 2.0) * 1.7320508 * deviation
