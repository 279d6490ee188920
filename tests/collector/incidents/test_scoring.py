"""Which incident is a truth's own."""

from __future__ import annotations

from typing import Any

from schoolpulse.incidents.scoring import score


def line(name: str, kind: str, cause: str, start: int, end: int, **more: Any) -> dict[str, Any]:
    about = {"scope": "school", "school": "s1", "provider": None, "device": None, "parent": None}
    return {"id": name, "kind": kind, "cause": cause, "start": start, "end": end} | about | more


def found(*args: Any) -> dict[str, Any]:
    return line(*args, paged_at=[args[3] + 10_000], confirmed_at=args[3] + 10_000)


def test_a_long_incident_around_a_short_truth_is_not_its_own() -> None:
    """A school on its backup for hours that loses its power for a while meanwhile."""
    truths = [
        line("t1", "on_backup", "line_cut", 0, 18_000_000),
        line("t2", "outage", "power_cut", 6_000_000, 11_000_000),
    ]
    incidents = [
        found("i1", "on_backup", "line_cut", 10_000, 18_020_000),
        found("i2", "outage", "power_cut", 5_990_000, 11_060_000),
    ]
    result = score(truths, incidents)
    assert (result.cause_right, result.found, result.false_pages, result.extra_pages) == (1.0, 2, 0, 0)
