"""One round of every probe, printed: no broker, no spool."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from schoolpulse_agent import wire
from schoolpulse_agent.clock import Clock
from schoolpulse_agent.probes.base import Round
from schoolpulse_agent.probes.registry import PROBES, make_probes
from schoolpulse_agent.settings import Settings

BETWEEN_S = 1.0
"""Between the two looks of a probe that tells differences."""


def measure_once(settings: Settings, clock: Clock, root: Path = Path("/")) -> dict[str, Any]:
    """What one round of all enabled probes sees: agent, at, blocks as on the wire, failed by probe."""
    import threading  # noqa: PLC0415  # only for the pause

    probes = make_probes(settings, clock, root)
    failed: dict[str, str] = {}

    def look(name: str) -> Round:
        try:
            return probes[name].measure()
        except Exception as error:  # noqa: BLE001  # say what failed beside what did not
            failed[name] = f"{type(error).__name__}: {error}"
            return Round([])

    began_at = clock.monotonic()
    twice = [name for name in probes if PROBES[name].from_two]
    for name in twice:
        look(name)
    rounds = {name: look(name) for name in probes if name not in twice}
    clock.wait(threading.Event(), max(0.0, BETWEEN_S - (clock.monotonic() - began_at)) if twice else 0.0)
    rounds.update((name, look(name)) for name in twice)
    at_ms = clock.now_ms()
    samples = [
        wire.Sample(reading.measurement, at_ms, reading.tags, reading.fields)
        for name in probes
        for reading in rounds[name].readings
    ]
    return {"agent": settings.agent.id, "at": at_ms, "blocks": wire.blocks_of(samples), "failed": failed}


def as_table(found: dict[str, Any]) -> str:
    """What `measure_once` found, for a person at a terminal."""
    lines = []
    for block in found["blocks"]:
        lines.append(block["m"])
        head = [*block["tags"], *block["fields"]]
        rows = [[_cell(cell) for cell in (*tags, *fields)] for _, tags, fields in block["rows"]]
        widths = [max(map(len, column)) for column in zip(head, *rows)]
        lines += [
            "  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths)).rstrip()
            for row in (head, *rows)
        ]
        lines.append("")
    lines += [f"{name} failed: {reason}" for name, reason in found["failed"].items()]
    return "\n".join(lines).rstrip() + "\n"


def as_json(found: dict[str, Any]) -> str:
    """What `measure_once` found, as one JSON object on one line."""
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")) + "\n"


def _cell(value: object) -> str:
    return "-" if value is None else str(value)
