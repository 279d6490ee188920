"""What Grafana does between a dashboard and its data source, as far as these dashboards use it.

Variables are asked and filled in the way of Grafana's documentation ("Variable syntax", "Global variables",
"InfluxDB template variables"); nothing here knows the dashboards.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from parts.influx import Influx

Series = list[dict[str, Any]]
_SPAN_MS = {"m": 60_000, "h": 3_600_000, "d": 86_400_000}


@dataclass(frozen=True)
class View:
    """A dashboard opened: its range, the moment, and what was chosen."""

    influx: Influx
    database: str
    model: Mapping[str, Any]
    now_ms: int
    range_ms: int
    values: Mapping[str, str]

    def fill_in(self, text: str, range_ms: int | None = None) -> str:
        """`text` with its variables and macros, and the moment of the test for now()."""
        from_ms = self.now_ms - (range_ms or self.range_ms)
        text = text.replace("$timeFilter", f"time >= {from_ms}ms and time <= {self.now_ms}ms")
        text = text.replace("${__from}", str(from_ms)).replace("${__to}", str(self.now_ms))
        text = re.sub(r"\$\{(\w+)(?::(\w+))?\}", self._value, text)
        return re.sub(r"now\(\) - (\d+)([mhd])", self._ago, text)

    def _value(self, found: re.Match[str]) -> str:
        value = self.values[found[1]]
        if found[2] == "regex" and value != ".*":  # a custom "all" is never escaped
            return re.sub(r"([\\^$*+?.()|{}\[\]/])", r"\\\1", value)
        return value

    def _ago(self, found: re.Match[str]) -> str:
        return f"{self.now_ms - int(found[1]) * _SPAN_MS[found[2]]}ms"

    def ask(self, query: str, range_ms: int | None = None) -> Series:
        """The series of a query's answer."""
        answer: Any = self.influx.query(self.fill_in(query, range_ms), self.database)
        series: Series = answer.get("series", [])
        return series

    def panel(self, panel: Mapping[str, Any]) -> list[Series]:
        """The answers to a panel's queries, in order."""
        span = panel.get("timeFrom")
        range_ms = int(span[:-1]) * _SPAN_MS[span[-1]] if span else None
        return [self.ask(target["query"], range_ms) for target in panel["targets"]]


def opened(influx: Influx, database: str, model: Mapping[str, Any], now_ms: int, range_ms: int) -> View:
    """The dashboard as it opens: hidden variables asked, all of everything chosen, else the first."""
    values: dict[str, str] = {}
    view = View(influx, database, model, now_ms, range_ms, values)
    for variable in model["templating"]["list"]:
        if variable["type"] == "constant":
            values[variable["name"]] = database
        elif variable["includeAll"]:
            values[variable["name"]] = variable["allValue"]
        else:
            values[variable["name"]] = next(iter(choices(view, variable).values()))
    return view


def choices(view: View, variable: Mapping[str, Any]) -> dict[str, str]:
    """What a variable offers: value by text, as the second column or the only one says it."""
    found: dict[str, str] = {}
    for series in view.ask(variable["query"]):
        for row in series["values"]:
            text = value = str(row[1] if len(row) > 1 else row[0])
            if variable.get("regex"):
                pattern = variable["regex"].strip("/").replace("(?<", "(?P<")
                match = re.search(pattern, text)
                if match is None:
                    continue
                text, value = match["text"], match["value"]
            found[text] = value
    return found


def each_choice(view: View) -> Iterator[tuple[str, View]]:
    """The dashboard with each value of each variable that a person can choose."""
    for variable in view.model["templating"]["list"]:
        if variable["hide"] == 0:
            for text, value in choices(view, variable).items():
                changed = dict(view.values) | {variable["name"]: value}
                yield (
                    f"{variable['name']}={text}",
                    View(view.influx, view.database, view.model, view.now_ms, view.range_ms, changed),
                )
