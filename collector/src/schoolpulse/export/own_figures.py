"""The collector's own counters and gauges as points of the measurement ``collector``."""

from __future__ import annotations

from schoolpulse.metrics import Metrics
from schoolpulse.stores.base import PointBlock

_PREFIX = "schoolpulse_"
ALL = "-"


def own_figures(metrics: Metrics, at_ms: int) -> list[PointBlock]:
    """Every figure of ``/metrics``: counters count since the start of the process.

    The tag `of` says which kind, reason, sink or outcome, and is ``-`` where a figure has no parts.
    `behind` is how many messages of the journal a sink has not taken yet.
    """
    parts: dict[str, dict[str, float]] = {}
    for family in metrics.registry.collect():
        for sample in family.samples:
            if not sample.name.startswith(_PREFIX) or sample.name.endswith("_created"):
                continue
            name = sample.name.removeprefix(_PREFIX).removesuffix("_total")
            parts.setdefault(next(iter(sample.labels.values()), ALL), {})[name] = sample.value
    tail = parts.get(ALL, {}).get("journal_position", 0.0)
    for figures in parts.values():
        if "sink_position" in figures:
            figures["behind"] = max(0.0, tail - figures["sink_position"])
    return [
        PointBlock("collector", (), ("of",), tuple(figures), [(at_ms, (part,), tuple(figures.values()))])
        for part, figures in sorted(parts.items())
    ]
