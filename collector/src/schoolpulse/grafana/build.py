"""Every dashboard in every language as the JSON that Grafana keeps."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from grafana_foundation_sdk.cog.encoder import JSONEncoder

from schoolpulse.grafana.board import Board
from schoolpulse.grafana.boards import collector, devices, district, incidents, providers, school
from schoolpulse.i18n import LANGUAGES, Language

COLUMNS = 24
BOARDS: Mapping[str, Callable[[Language], Board]] = {
    "district": district.make,
    "school": school.make,
    "providers": providers.make,
    "devices": devices.make,
    "incidents": incidents.make,
    "collector": collector.make,
}


def dashboard(name: str, language: Language) -> dict[str, Any]:
    """The dashboard as Grafana's JSON model."""
    built = BOARDS[name](language).dashboard.build()
    model: dict[str, Any] = json.loads(json.dumps(built, cls=JSONEncoder))
    _place(model["panels"])
    _forget(model)
    # The SDK says no version of the model for lists that are empty; Grafana's importer wants them.
    model.setdefault("annotations", {}).setdefault("list", [])
    return model


def _forget(model: dict[str, Any]) -> None:
    """Take out what the SDK writes by itself and some version between 9.4 and 12 does not know."""
    model.pop("style", None)
    for variable in model["templating"]["list"]:
        for key in ("id", "auto", "auto_min", "auto_count"):
            variable.pop(key, None)
    for panel in model["panels"]:
        if panel["type"] == "table":
            panel["options"].pop("footer", None)


def _place(panels: list[dict[str, Any]]) -> None:
    """Number the panels, and put each as high up and as far left as it fits (the SDK leaves overlaps)."""
    ground = [0] * COLUMNS
    for number, panel in enumerate(panels, start=1):
        panel["id"] = number
        place = panel["gridPos"]
        width = place["w"]
        x = min(range(COLUMNS - width + 1), key=lambda at: (max(ground[at : at + width]), at))
        y = max(ground[x : x + width])
        ground[x : x + width] = [y + place["h"]] * width
        place |= {"x": x, "y": y}
    panels.sort(key=lambda panel: (panel["gridPos"]["y"], panel["gridPos"]["x"]))


def files() -> Iterator[tuple[Path, str]]:
    """Path below ``dashboards/`` and text of every file."""
    for language in LANGUAGES:
        for name in BOARDS:
            text = json.dumps(dashboard(name, language), indent=1, ensure_ascii=False, sort_keys=True)
            yield Path(language) / f"{name}.json", text + "\n"


def write(folder: Path) -> list[Path]:
    """Write what differs; the paths that did."""
    changed = []
    for path, text in files():
        target = folder / path
        if not target.exists() or target.read_text("utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
            changed.append(path)
    return changed


def differing(folder: Path) -> list[Path]:
    """The files that are missing or differ from what would be written."""
    return [
        path
        for path, text in files()
        if not (folder / path).exists() or (folder / path).read_text("utf-8") != text
    ]
