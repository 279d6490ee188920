"""The committed JSON is what the code builds, a dashboard by the SDK's types, and one from 9.4 to 12."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard

from schoolpulse.__main__ import main
from schoolpulse.grafana import palette
from schoolpulse.grafana.build import BOARDS, files
from schoolpulse.i18n import LANGUAGES

ROOT = Path(__file__).parents[2]
COMMITTED = sorted((ROOT / "dashboards").glob("*/*.json"))
PANELS = {"stat", "table", "timeseries", "state-timeline", "bargauge", "geomap", "row", "text"}
"""Of the panels that both 9.4 and 12 have, those in use; `graph` and `singlestat` went with Angular in 12."""
TRANSFORMATIONS = {"organize", "merge", "configFromData"}
SCHEMA_OF_9_4 = 37


@pytest.fixture(params=COMMITTED, ids=lambda path: f"{path.parent.name}/{path.stem}")
def model(request: pytest.FixtureRequest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(request.param.read_text("utf-8"))
    return found


def test_the_committed_dashboards_are_what_the_code_builds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["dashboards", "build", "--check", "--out", str(ROOT / "dashboards")]) == 0
    assert len(COMMITTED) == len(BOARDS) * len(LANGUAGES)
    assert main(["dashboards", "build", "--check", "--out", str(tmp_path), "--json"]) == 1
    assert main(["dashboards", "build", "--out", str(tmp_path)]) == 0
    (tmp_path / "vi/school.json").write_text("{}")
    capsys.readouterr()
    assert main(["dashboards", "build", "--check", "--out", str(tmp_path), "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"differs": ["vi/school.json"]}


def test_building_twice_gives_the_same(model: dict[str, Any]) -> None:
    assert dict(files()) == dict(files())
    assert model["uid"].startswith("schoolpulse-")


def test_the_sdks_types_read_and_write_it(model: dict[str, Any]) -> None:
    register_default_plugins()
    plain = {**model, "panels": [{**panel, "targets": []} for panel in model["panels"]], "annotations": {}}
    again = json.loads(json.dumps(Dashboard.from_json(plain), cls=JSONEncoder))
    assert again["title"] == model["title"]
    for ours, theirs in zip(plain["panels"], again["panels"], strict=True):
        for key in ("type", "gridPos", "title", "transformations"):
            assert theirs[key] == ours[key]
        assert theirs["fieldConfig"]["defaults"]["noValue"]
        assert theirs["options"].keys() - {"footer"} == ours["options"].keys()


def test_it_holds_nothing_that_some_grafana_lacks(model: dict[str, Any]) -> None:
    assert model["schemaVersion"] <= SCHEMA_OF_9_4
    assert {panel["type"] for panel in model["panels"]} <= PANELS
    used = {one["id"] for panel in model["panels"] for one in panel["transformations"]}
    assert used <= TRANSFORMATIONS
    for panel in model["panels"]:
        for target in panel["targets"]:
            assert target["datasource"] == {"type": "influxdb", "uid": "schoolpulse"}
            assert target["rawQuery"] is True


def test_panels_do_not_overlap_and_fill_the_width_they_have(model: dict[str, Any]) -> None:
    taken: set[tuple[int, int]] = set()
    for panel in model["panels"]:
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert taken.isdisjoint(cells), panel["title"]
        taken |= cells


def test_every_panel_says_what_it_means_and_what_nothing_means(model: dict[str, Any]) -> None:
    for panel in model["panels"]:
        assert panel["title"]
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["noValue"]


def test_links_lead_to_dashboards_that_are_there(model: dict[str, Any]) -> None:
    uids = {json.loads(path.read_text("utf-8"))["uid"] for path in COMMITTED}
    text = json.dumps(model)
    for found in text.split("/d/")[1:]:
        assert found.split("?")[0] in uids
    assert model["links"][0]["tags"] == ["schoolpulse", model["uid"].rsplit("-", 1)[1]]


def test_states_differ_for_those_who_see_no_red_or_green() -> None:
    """Their lightness (ITU-R BT.709) differs from one state to the next that matters, hue or no hue."""

    def lightness(colour: str) -> float:
        red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    good, fair, poor, bad = (
        lightness(one) for one in (palette.GOOD, palette.FAIR, palette.POOR, palette.BAD)
    )
    assert bad < good - 0.2
    assert bad < poor - 0.3
    assert fair > good + 0.1
