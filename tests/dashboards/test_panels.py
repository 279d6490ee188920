"""Every query of every panel, for every variable, against the real InfluxDB with a simulated district."""

from __future__ import annotations

import pytest
from dashboards.asking import RANGES_MS, has_points, key, model, view
from dashboards.grafana import each_choice
from dashboards.simulated import DATABASE, District

from schoolpulse.grafana.build import BOARDS

EMPTY_IS_ITS_POINT = {
    ("district", "worst"), ("district", "open_incidents"), ("school", "incidents"), ("school", "since"),
    ("school", "devices"),
    ("devices", "down_now"), ("devices", "failing"),
    ("devices", "used_share"), ("devices", "used"), ("devices", "telling"),
    ("devices", "used_over_time"),
    ("providers", "causes"), ("providers", "lost"), ("incidents", "open"),
}  # fmt: skip
"""Panels that may have nothing to say of one ward, school or kind; of the whole district each has."""


@pytest.mark.parametrize("tier", RANGES_MS)
@pytest.mark.parametrize("board", BOARDS)
def test_every_panel_answers_over_every_range(district: District, board: str, tier: str) -> None:
    opened_board = view(district, board, RANGES_MS[tier])
    wanted = {"raw": "", "five minutes": "_5m", "hours": "_1h"}[tier]
    assert opened_board.values["tier"] == f'"{DATABASE}{wanted}"."autogen".'
    # 100 minutes lie in two windows of 12 hours at most: no rate between them is known.
    without = {("school", "incidents"), ("school", "since")} | (
        {("collector", "rates")} if tier == "hours" else set()
    )
    silent = [
        key(board, panel["title"])
        for panel in opened_board.model["panels"]
        if not has_points(opened_board.panel(panel)) and (board, key(board, panel["title"])) not in without
    ]
    assert silent == []


@pytest.mark.parametrize("board", BOARDS)
def test_every_panel_answers_for_every_choice(district: District, board: str) -> None:
    silent = []
    asked = 0
    for choice, chosen in each_choice(view(district, board)):
        asked += 1
        for panel in chosen.model["panels"]:
            name = key(board, panel["title"])
            if not has_points(chosen.panel(panel)) and (board, name) not in EMPTY_IS_ITS_POINT:
                silent.append(f"{name} with {choice}")
    assert [one for one in silent if not may_be_silent(one)] == []
    assert asked > 0 or board == "collector"


def may_be_silent(what: str) -> bool:
    """A kind of incident that never cut a line, or has not ended yet, has no time to detect or repair."""
    name, _, choice = what.partition(" with ")
    return choice.startswith("kind=") and name in {"detect", "detect_p95", "repair", "repair_over_time"}


def test_the_english_dashboards_ask_the_same(district: District) -> None:
    def queries(name: str, language: str) -> list[str]:
        found = [target["query"] for panel in model(name, language)["panels"] for target in panel["targets"]]
        return [query.replace("title_en", "title_vi") for query in found]

    for name in BOARDS:
        if name != "providers":  # its columns are words
            assert queries(name, "en") == queries(name, "vi")
        assert len(queries(name, "en")) == len(queries(name, "vi"))
