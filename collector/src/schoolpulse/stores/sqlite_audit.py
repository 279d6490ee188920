"""What the embedded store holds, counted from the outside: for a balance against what was sent."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from pathlib import Path

from schoolpulse.stores.sqlite_schema import open_to_read

_POINTS = """
SELECT COUNT(*) FROM (
    SELECT DISTINCT measurement, tags, at_ms FROM value JOIN series ON series.id = series_id
    WHERE measurement != ?)
"""


@dataclass(frozen=True, slots=True)
class Holdings:
    """`receipts` batches came, with `receipt_points` points in them; `points` stand in the store.

    Both are of raw points: what retention ended is in neither.
    """

    receipts: int
    receipt_points: int
    points: int


def count(path: Path, *, leaving_out: str) -> Holdings:
    """Count everything but the measurement `leaving_out`, which no batch brought."""
    with contextlib.closing(open_to_read(path)) as connection:
        receipts, receipt_points = connection.execute(
            "SELECT COUNT(*), COALESCE(SUM(points), 0) FROM delivery"
        ).fetchone()
        [points] = connection.execute(_POINTS, (leaving_out,)).fetchone()
    return Holdings(receipts, receipt_points, points)
