"""What the embedded store holds, counted from the outside: for a balance against what was sent."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from schoolpulse.stores.sqlite_schema import open_to_read

_POINTS = """
SELECT COUNT(*) FROM (
    SELECT DISTINCT measurement, tags, at_ms FROM value JOIN series ON series.id = series_id
    WHERE measurement != :leaving_out AND (:agent IS NULL OR json_extract(tags, '$.agent') = :agent))
"""
_RECEIPTS = """
SELECT COUNT(*), COALESCE(SUM(points), 0) FROM delivery JOIN stream ON stream.id = stream_id
WHERE :agent IS NULL OR agent = :agent
"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """`receipts` batches came, with `receipt_points` points in them; `points` stand in the store.

    Both are of raw points: what retention ended is in neither.
    """

    receipts: int
    receipt_points: int
    points: int


def count(path: Path, *, leaving_out: str, agent: str | None = None) -> Holdings:
    """Count the points of `agent`, or of all; `leaving_out` is the measurement that no batch brought."""
    values = {"leaving_out": leaving_out, "agent": agent}
    with contextlib.closing(open_to_read(path)) as connection:
        receipts, receipt_points = connection.execute(_RECEIPTS, values).fetchone()
        [points] = connection.execute(_POINTS, values).fetchone()
    return Holdings(receipts, receipt_points, points)
