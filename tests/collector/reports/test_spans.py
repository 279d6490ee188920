"""Stretches of time against sets of milliseconds."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from schoolpulse.reports.spans import Span, common, length, union, without

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40)), max_size=8)


def moments(spans: list[Span]) -> set[int]:
    return {at for start, end in spans for at in range(start, end)}


@given(SPANS, SPANS)
def test_spans_are_sets(one: list[Span], other: list[Span]) -> None:
    first, second = union(one), union(other)
    assert all(start < end for start, end in first)
    assert all(before[1] < after[0] for before, after in pairwise(first))
    assert moments(first) == moments(one)
    assert moments(common(first, second)) == moments(one) & moments(other)
    assert moments(without(first, second)) == moments(one) - moments(other)
    assert length(first) == len(moments(one))
