"""How fast dashboards answer: every query of every panel over a day, a month and a year of 200 schools.

``SCHOOLPULSE_BENCH_FOLDER`` names a folder in which the year is kept and taken from again, for who tunes
queries; without it the year is written anew (some minutes) and thrown away.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from dashboards.grafana import View, opened
from parts.influx import Influx

from bench import _year
from bench._cpu import process_cpu_s
from schoolpulse.grafana.build import BOARDS

ROOT = Path(__file__).parents[2]
TRIES = 5
RANGES_DAYS = (1, 30, 365)
LIMIT_MS = 300
"""What a query may take, as a median."""
_FOLDER = "SCHOOLPULSE_BENCH_FOLDER"


def run(folder: Path) -> Iterator[dict[str, object]]:
    """Fill an InfluxDB in `folder` and ask it; a table for people at the end, on standard error."""
    kept = os.environ.get(_FOLDER)
    folder = Path(kept) if kept else folder
    filled = folder / "filled.json"
    with Influx(folder) as influx:
        if filled.exists():
            end_s = int(json.loads(filled.read_text())["end_s"])
        else:
            end_s = time.time_ns() // 1_000_000_000 // 3_600 * 3_600
            begin = time.monotonic()
            points = _year.fill(influx, end_s)
            yield {
                "store": "influx",
                "filled_points": points,
                "seconds": round(time.monotonic() - begin, 1),
                "mb_on_disk": round(_bytes(folder) / 1e6),
            }
            filled.write_text(json.dumps({"end_s": end_s}))
        figures: dict[str, dict[int, float]] = {}
        for board in BOARDS:
            model = json.loads((ROOT / f"dashboards/vi/{board}.json").read_text("utf-8"))
            for days in RANGES_DAYS:
                view = opened(influx, _year.RAW, model, end_s * 1000, days * _year.DAY_S * 1000)
                for what, ask in _queries(view):
                    figure = _ask(f"{board}: {what}", ask, days, influx.database.pid)
                    figures.setdefault(str(figure["query"]), {})[days] = float(str(figure["median_ms"]))
                    yield figure
        _print_table(figures)


def _queries(view: View) -> Iterator[tuple[str, Callable[[], object]]]:
    """Every query of the panels and the variables, by name."""
    for variable in view.model["templating"]["list"]:
        if variable["type"] == "query":
            yield f"${variable['name']}", partial(view.ask, variable["query"])
    for panel in view.model["panels"]:
        for number in range(len(panel["targets"])):
            one: dict[str, Any] = {**panel, "targets": [panel["targets"][number]]}
            suffix = f" {number + 1}" if len(panel["targets"]) > 1 else ""
            yield panel["title"] + suffix, partial(view.panel, one)


def _ask(name: str, ask: Callable[[], object], days: int, pid: int) -> dict[str, object]:
    spent_ms = []
    cpu_s = process_cpu_s(pid)
    for _ in range(TRIES):
        begin = time.monotonic()
        ask()
        spent_ms.append((time.monotonic() - begin) * 1000)
    return {
        "store": "influx",
        "query": name,
        "range_days": days,
        "median_ms": round(statistics.median(spent_ms), 1),
        "p95_ms": round(max(spent_ms), 1),
        "cpu_ms": round((process_cpu_s(pid) - cpu_s) * 1000 / TRIES),
    }


def _print_table(figures: dict[str, dict[int, float]]) -> None:
    head = " | ".join(f"{days} d" for days in RANGES_DAYS)
    sys.stderr.write(f"\n| query (median of {TRIES}, ms) | {head} |\n| --- |{' ---: |' * len(RANGES_DAYS)}\n")
    for name, by_days in sorted(figures.items(), key=lambda one: -max(one[1].values())):
        sys.stderr.write(f"| {name} | " + " | ".join(f"{by_days[days]:.0f}" for days in RANGES_DAYS) + " |\n")
    slow = [name for name, by_days in figures.items() if max(by_days.values()) > LIMIT_MS]
    sys.stderr.write(
        f"\n{len(figures)} queries, {len(slow)} over {LIMIT_MS} ms: {', '.join(slow) or 'none'}\n"
    )


def _bytes(folder: Path) -> int:
    return sum(file.stat().st_size for file in folder.glob("**/*") if file.is_file())
