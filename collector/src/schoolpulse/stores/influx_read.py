"""Charts in InfluxQL: the statement for a query, and the series in its answer.

Quoting follows the InfluxQL specification ("Strings", "Identifiers"): within their quotes a backslash, the
quote itself and a line break are escaped; nothing else is special, so nothing can be smuggled in.
"""

from __future__ import annotations

import re
from typing import Any

from schoolpulse.errors import StoreUnavailable
from schoolpulse.stores.base import Series, SeriesQuery, Window
from schoolpulse.stores.influx_http import InfluxHttp
from schoolpulse.stores.shape import clean_tag
from schoolpulse.stores.windows import MAX_SERIES, bounds_ms, too_many_series

# A database that is made with the first write, and a field that holds text, have nothing to draw.
_NOTHING_TO_DRAW = re.compile(r"database not found|unsupported \w+ iterator type")


def identifier(name: str) -> str:
    """`name` as an InfluxQL identifier, quoted."""
    return '"' + name.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


def string(text: str) -> str:
    """`text` as an InfluxQL string, quoted."""
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"


def statement_for(query: SeriesQuery, from_ms: int, to_ms: int) -> str:
    """The SELECT that answers `query` between the times given."""
    field = identifier(query.field)
    where = [f"time >= {from_ms}ms", f"time < {to_ms}ms"]
    where += [f"{identifier(key)} = {string(clean_tag(value))}" for key, value in query.tags.items()]
    groups = [f"time({query.step_ms}ms)", *(identifier(key) for key in query.group_by)]
    parts = (
        f"SELECT mean({field}), min({field}), max({field}), count({field})",
        f"FROM {identifier(query.measurement)}",
        f"WHERE {' AND '.join(where)}",
        f"GROUP BY {', '.join(groups)} fill(none)",
    )
    return " ".join(parts)


def read(http: InfluxHttp, database: str, query: SeriesQuery) -> list[Series]:
    """The series of `query`, as `PointStore.query` promises them."""
    from_ms, to_ms = bounds_ms(query)
    if from_ms == to_ms:
        return []
    result = http.query(statement_for(query, from_ms, to_ms), database)
    error = result.get("error")
    if error is not None:
        if _NOTHING_TO_DRAW.match(str(error)):
            return []
        raise StoreUnavailable(f"InfluxDB cannot answer: {str(error)[:200]}", hint="its own log says more")
    found = result.get("series", [])
    if len(found) > MAX_SERIES:
        raise too_many_series()
    return [_series(one) for one in found]


def _series(found: dict[str, Any]) -> Series:
    windows = [
        Window(at_ms, float(mean), float(low), float(high), int(count))
        for at_ms, mean, low, high, count in found["values"]
        if count
    ]
    return Series(dict(found.get("tags") or {}), windows)
