"""Times, ranges and steps in a query."""

from __future__ import annotations

import pytest

from schoolpulse.api.params import MAX_WINDOWS, Range, parse_range, parse_step, parse_time
from schoolpulse.api.problems import Refused


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("0", 0),
        ("1790000000123", 1_790_000_000_123),
        ("2026-03-02T00:00:00Z", 1_772_409_600_000),
        ("2026-03-02T07:00:00+07:00", 1_772_409_600_000),
        ("2026-03-02T07:00:00 07:00", 1_772_409_600_000),
        ("2026-03-02T07:00:00", 1_772_409_600_000),
        ("2026-03-02", 1_772_384_400_000),
        ("2026-03-02T07:00:00.250", 1_772_409_600_250),
    ],
)
def test_times(text: str, at_ms: int) -> None:
    assert parse_time("from", text) == at_ms


@pytest.mark.parametrize(
    "text", ["", "yesterday", "-5", "1e9", "9" * 15, "2026-13-01", "9999-12-31", "１２３"]
)
def test_no_times(text: str) -> None:
    with pytest.raises(Refused, match="422"):
        parse_time("from", text)


def test_ranges() -> None:
    assert parse_range(None, None, 100_000_000) == Range(13_600_000, 100_000_000)
    assert parse_range("5", "10", 100) == Range(5, 10)
    assert parse_range(None, "10", 100) == Range(0, 10)
    with pytest.raises(Refused):
        parse_range("10", "10", 100)


@pytest.mark.parametrize(
    ("text", "step_ms"),
    [
        ("60s", 60_000),
        ("5m", 300_000),
        ("1h", 3_600_000),
        ("2d", 172_800_000),
        ("1500ms", 1_500),
        ("1500", 1_500),
    ],
)
def test_steps(text: str, step_ms: int) -> None:
    assert parse_step(text, Range(0, 10_000_000)) == step_ms


@pytest.mark.parametrize("text", ["", "0", "999", "5 m", "m", "5y", "-5m", "1.5h", "9" * 13 + "d"])
def test_no_steps(text: str) -> None:
    with pytest.raises(Refused):
        parse_step(text, Range(0, 10_000_000))


def test_ten_thousand_windows_are_the_limit() -> None:
    within = Range(0, MAX_WINDOWS * 1_000)
    assert parse_step("1s", within) == 1_000
    with pytest.raises(Refused):
        parse_step("1s", Range(0, within.to_ms + 1))
    with pytest.raises(Refused):
        parse_step("1s", Range(500, within.to_ms + 500))  # it touches one window more


@pytest.mark.parametrize(
    "span_ms", [1, 1_000, 3_600_000, 86_400_000, 30 * 86_400_000, 365 * 86_400_000, 4 * 10**12]
)
def test_a_step_is_chosen_that_suits_a_screen(span_ms: int) -> None:
    step_ms = parse_step(None, Range(0, span_ms))
    assert span_ms / step_ms <= 240
    assert step_ms <= 10_000 or span_ms / step_ms > 15
