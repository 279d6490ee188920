"""Every query of every panel, for every variable, against the real InfluxDB with a simulated district."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from dashboards.grafana import Series, View, each_choice, opened
from dashboards.simulated import DATABASE, SCHOOLS, SPEED, District

from schoolpulse.export.records import SEVERITY
from schoolpulse.grafana.build import BOARDS
from schoolpulse.i18n import catalogue
from schoolpulse.incidents.model import SchoolStatus

ROOT = Path(__file__).parents[2]
MINUTE_MS = 60_000
DAY_MS = 86_400_000
RANGES_MS = {"raw": 110 * MINUTE_MS, "five minutes": 5 * DAY_MS, "hours": 90 * DAY_MS}
EMPTY_IS_ITS_POINT = {
    ("district", "worst"), ("district", "open_incidents"), ("school", "incidents"), ("school", "since"),
    ("school", "devices"),
    ("devices", "down_now"), ("devices", "failing"), ("devices", "batteries"), ("devices", "supplies"),
    ("devices", "lamps"), ("providers", "causes"), ("providers", "lost"), ("incidents", "open"),
}  # fmt: skip
"""Panels that may have nothing to say of one ward, school or kind; of the whole district each has."""


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


def states(district: District) -> dict[str, SchoolStatus]:
    """From the truth: how every school stands."""
    found = dict.fromkeys((school.id for school in district.registry.schools()), SchoolStatus.ONLINE)
    found |= dict.fromkeys(district.schools_with("outage", backup=True), SchoolStatus.ON_BACKUP)
    found |= dict.fromkeys(district.schools_with("on_backup", backup=True), SchoolStatus.ON_BACKUP)
    return found | dict.fromkeys(district.schools_with("outage", backup=False), SchoolStatus.DOWN)


def test_the_headline_figure_is_the_truth(district: District) -> None:
    expected = Counter(states(district).values())
    assert expected[SchoolStatus.DOWN] >= 2
    assert expected[SchoolStatus.ON_BACKUP] >= 2
    down = expected[SchoolStatus.DOWN]
    assert figure(district, "district", "kpi_now") == pytest.approx((SCHOOLS - down) / SCHOOLS)
    assert figure(district, "district", "connected") == SCHOOLS - down
    assert figure(district, "district", "schools") == SCHOOLS
    assert figure(district, "district", "unmeasured") == 0


def test_wall_and_map_show_every_school_in_its_state(district: District) -> None:
    wall = answer(district, "district", "wall")[0]
    found = {one["tags"]["school"]: one["values"][-1][1] for one in wall}
    assert found == {school: SEVERITY[status] for school, status in states(district).items()}
    names = {school.id: school.name for school in district.registry.schools()}
    assert {one["tags"]["school"]: one["tags"]["name"] for one in wall} == names
    for one in answer(district, "district", "map")[0]:
        school = district.registry.school(one["tags"]["school"])
        assert school is not None
        assert one["values"][0][2:] == [school.lat, school.lon]


@pytest.mark.parametrize("tier", RANGES_MS)
def test_hours_connected_are_the_truth_in_every_tier(district: District, tier: str) -> None:
    has_backup = {school.id: school.backup is not None for school in district.plan.district.schools}
    lost_ms = sum(
        (one["end"] or district.now_ms) - one["start"]
        for one in district.truth
        if one["kind"] == "outage" and not has_backup[one["school"]]
    )
    measured_ms = SCHOOLS * (district.now_ms - district.plan.start_ms)
    found = figure(district, "district", "kpi_hours", RANGES_MS["hours" if tier == "raw" else tier])
    # Detection takes its time, and the first minutes are measured by nobody.
    assert found == pytest.approx(1 - lost_ms / measured_ms, abs=0.03)


def test_incidents_are_the_truth(district: District) -> None:
    still = [one for one in district.truth if one["end"] is None and one["detectable"]]
    assert figure(district, "district", "open") == len(still)
    (table,) = answer(district, "incidents", "list")[0]
    rows = [dict(zip(table["columns"], row, strict=True)) for row in table["values"]]
    assert len(rows) == len([one for one in district.truth if one["detectable"]])
    assert figure(district, "incidents", "count") == len(rows)
    names = {school.id: school.name for school in district.registry.schools()}
    for one in district.truth:
        near = [
            row
            for row in rows
            if row["name"] == names[one["school"]] and abs(row["start_ms"] - one["start"]) < 3 * MINUTE_MS
        ]
        assert near, one


def test_providers_have_their_lines_and_their_delivered_share(district: District) -> None:
    lines = Counter(
        line.provider for school in district.registry.schools() if (line := school.line("primary"))
    )
    found = {
        one["tags"]["provider"]: one["values"][0][1] for one in answer(district, "providers", "table")[0]
    }
    assert found == lines
    for one in answer(district, "providers", "delivered")[0]:
        shares = [
            SPEED["down_mbps"] / line.contracted_down_mbps
            for school in district.registry.schools()
            if (line := school.line("primary"))
            and line.provider == one["tags"]["provider"]
            and line.contracted_down_mbps
        ]
        assert one["values"][0][1] == pytest.approx(sum(shares) / len(shares))


def test_devices_are_counted(district: District) -> None:
    silent = states(district)
    heard = [
        school for school in district.plan.district.schools if silent[school.id] is not SchoolStatus.DOWN
    ]
    broken = [one for one in district.truth if one["kind"] == "device_down" and one["end"] is None]
    seen = sum(len(school.devices) for school in heard)
    # Those of a school that fell silent less than 15 minutes ago count as they were last seen.
    late = [school for school in district.plan.district.schools if school not in heard]
    assert seen <= figure(district, "devices", "seen") <= seen + sum(len(school.devices) for school in late)
    assert figure(district, "devices", "down") == len(broken)


def test_the_collectors_own_figures(district: District) -> None:
    assert figure(district, "collector", "broker") == 1
    assert figure(district, "collector", "lost") == 0
    quarantine = answer(district, "collector", "quarantine")[0]
    assert {one["tags"]["of"]: one["values"][0][2] for one in quarantine} == {"bad_json": 3}
    versions = answer(district, "collector", "versions")[0]
    assert sum(one["values"][0][1] for one in versions) == SCHOOLS
