"""Dashboards opened over the simulated district: panels by their keys, answers as rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dashboards.grafana import Series, View, choices, opened
from dashboards.simulated import DATABASE, District

from schoolpulse.i18n import catalogue

ROOT = Path(__file__).parents[2]
MINUTE_MS = 60_000
DAY_MS = 86_400_000
RANGES_MS = {"raw": 110 * MINUTE_MS, "five minutes": 5 * DAY_MS, "hours": 90 * DAY_MS}


def model(name: str, language: str = "vi") -> dict[str, Any]:
    found: dict[str, Any] = json.loads((ROOT / f"dashboards/{language}/{name}.json").read_text("utf-8"))
    return found


def view(district: District, name: str, range_ms: int = RANGES_MS["raw"]) -> View:
    return opened(district.influx, DATABASE, model(name), district.now_ms, range_ms)


def key(board: str, title: str) -> str:
    """The key of a panel, from its title."""
    wanted = f"dash.{board}."
    return next(
        one.removeprefix(wanted).removesuffix(".title")
        for one, text in catalogue().items()
        if one.startswith(wanted) and one.endswith(".title") and text["vi"] == title
    )


def has_points(answers: list[Series]) -> bool:
    return any(
        value is not None
        for series in answers
        for one in series
        for row in one["values"]
        for value in row[1:]
    )


def answer(district: District, board: str, panel: str, range_ms: int = RANGES_MS["raw"]) -> list[Series]:
    opened_board = view(district, board, range_ms)
    return opened_board.panel(
        next(p for p in opened_board.model["panels"] if key(board, p["title"]) == panel)
    )


def figure(district: District, board: str, panel: str, range_ms: int = RANGES_MS["raw"]) -> float:
    (series,) = answer(district, board, panel, range_ms)[0]
    return float(series["values"][-1][1])


def rows(series: Series) -> list[dict[str, Any]]:
    """Tags and columns of every row."""
    return [
        {**one.get("tags", {}), **dict(zip(one["columns"], row, strict=True))}
        for one in series
        for row in one["values"]
    ]


class Opened:
    """A dashboard with one thing chosen, or all of them where `choice` is None."""

    def __init__(self, board: str, choice: str | None, view: View) -> None:
        self.board = board
        self.choice = choice
        self._view = view
        self._panels = {key(board, panel["title"]): panel for panel in view.model["panels"]}

    def answers(self, panel: str) -> list[Series]:
        """Of each query of the panel."""
        return self._view.panel(self._panels[panel])

    def rows(self, panel: str, query: int = 0) -> list[dict[str, Any]]:
        """Of one query."""
        return rows(self.answers(panel)[query])

    def figure(self, panel: str) -> float | None:
        """The one figure of a stat; None where there is nothing."""
        found = self.rows(panel)
        return float(found[-1]["v"]) if found and found[-1]["v"] is not None else None


def each(district: District, board: str, range_ms: int = RANGES_MS["raw"]) -> Iterator[Opened]:
    """The dashboard with all chosen, and with each value of its variable by itself."""
    whole = view(district, board, range_ms)
    variable = next((one for one in whole.model["templating"]["list"] if one["hide"] == 0), None)
    if variable is None or variable["includeAll"]:
        yield Opened(board, None, whole)
    if variable is None:
        return
    for value in choices(whole, variable).values():
        values = dict(whole.values) | {variable["name"]: value}
        yield Opened(board, value, View(whole.influx, DATABASE, whole.model, whole.now_ms, range_ms, values))
