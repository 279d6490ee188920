"""Charts in InfluxQL: the statement for a query, and the series in its answer.

Quoting follows the InfluxQL specification ("Strings", "Identifiers"): within their quotes a backslash, the
quote itself and a line break are escaped; nothing else is special, so nothing can be smuggled in.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from schoolpulse.errors import StoreUnavailable
from schoolpulse.stores.base import Series, SeriesQuery, Window
from schoolpulse.stores.influx_http import InfluxHttp
from schoolpulse.stores.rollup_read import Piece
from schoolpulse.stores.rollup_tiers import COUNT, HIGH, LOW, SUM
from schoolpulse.stores.shape import clean_tag
from schoolpulse.stores.windows import MAX_SERIES, too_many_series

# A database that is made with the first write, and a field that holds text, have nothing to draw.
_NOTHING_TO_DRAW = re.compile(r"database not found|unsupported \w+ iterator type")
_Sums = tuple[float, float, float, int]
"""Sum, least, greatest and number of the samples of a window."""


def identifier(name: str) -> str:
    """`name` as an InfluxQL identifier, quoted."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def string(text: str) -> str:
    """`text` as an InfluxQL string, quoted."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def statement_for(query: SeriesQuery, piece: Piece) -> str:
    """The SELECT that answers `query` for one piece: sum, least, greatest and number of each window."""
    name = query.field
    if piece.tier is None:
        field = identifier(name)
        what = f"sum({field}), min({field}), max({field}), count({field})"
    else:
        columns = (("sum", SUM), ("min", LOW), ("max", HIGH), ("sum", COUNT))
        what = ", ".join(f"{function}({identifier(name + suffix)})" for function, suffix in columns)
    where = [f"time >= {piece.from_ms}ms", f"time < {piece.to_ms}ms"]
    where += [f"{identifier(key)} = {string(clean_tag(value))}" for key, value in query.tags.items()]
    groups = [f"time({query.step_ms}ms)", *(identifier(key) for key in query.group_by)]
    parts = (
        f"SELECT {what}",
        f"FROM {identifier(query.measurement)}",
        f"WHERE {' AND '.join(where)}",
        f"GROUP BY {', '.join(groups)} fill(none)",
    )
    return " ".join(parts)


def read(http: InfluxHttp, database: str, query: SeriesQuery, pieces: Sequence[Piece]) -> list[Series]:
    """The series of `query`, as `PointStore.query` promises them, put together from `pieces`."""
    groups: dict[tuple[str, ...], dict[int, _Sums]] = {}
    for piece in pieces:
        name = piece.tier.database(database) if piece.tier else database
        answer = _ask(http, name, statement_for(query, piece))
        if len(answer) > MAX_SERIES:
            raise too_many_series()
        for found in answer:
            tags = found.get("tags") or {}
            windows = groups.setdefault(tuple(tags.get(key, "") for key in query.group_by), {})
            for at_ms, *sums in found["values"]:
                if sums[3]:
                    known = windows.get(at_ms)
                    windows[at_ms] = _together(known, sums) if known else (*sums[:3], int(sums[3]))
    return [
        Series(
            dict(zip(query.group_by, group, strict=True)),
            [
                Window(at_ms, total / count, float(low), float(high), count)
                for at_ms, (total, low, high, count) in sorted(windows.items())
            ],
        )
        for group, windows in sorted(groups.items())
    ]


def _ask(http: InfluxHttp, database: str, statement: str) -> list[dict[str, Any]]:
    result = http.query(statement, database)
    error = result.get("error")
    if error is None:
        found: list[dict[str, Any]] = result.get("series", [])
        return found
    if _NOTHING_TO_DRAW.match(str(error)):
        return []
    raise StoreUnavailable(f"InfluxDB cannot answer: {str(error)[:200]}", hint="its own log says more")


def _together(known: _Sums, more: Sequence[float]) -> _Sums:
    total, low, high, count = known
    return total + more[0], min(low, more[1]), max(high, more[2]), count + int(more[3])
