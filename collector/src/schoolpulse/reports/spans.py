"""Stretches of time: ``(start_ms, end_ms)``, the end not included; lists in order and without overlap."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from operator import itemgetter

Span = tuple[int, int]
_start = itemgetter(0)


def union(spans: Iterable[Span]) -> list[Span]:
    """`spans`, in any order and overlapping, as a list in order; empty ones vanish."""
    found: list[Span] = []
    for start, end in sorted(spans):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            if end > found[-1][1]:
                found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def common(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """What is in both. Quick where `spans` are few and `others` many."""
    found: list[Span] = []
    for start, end in spans:
        at = max(0, bisect_right(others, start, key=_start) - 1)
        while at < len(others) and others[at][0] < end:
            first, last = max(start, others[at][0]), min(end, others[at][1])
            if first < last:
                found.append((first, last))
            at += 1
    return found


def without(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """`spans` less what is in `others`."""
    if not others:
        return list(spans)
    found: list[Span] = []
    for first, end in spans:
        start = first
        at = max(0, bisect_right(others, start, key=_start) - 1)
        while at < len(others) and others[at][0] < end:
            if others[at][0] > start:
                found.append((start, others[at][0]))
            start = max(start, others[at][1])
            at += 1
        if start < end:
            found.append((start, end))
    return found


def length(spans: Iterable[Span]) -> int:
    """Milliseconds in `spans`."""
    return sum(end - start for start, end in spans)
