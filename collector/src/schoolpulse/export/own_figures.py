"""The collector's own counters and gauges as points of the measurement ``collector``."""

from __future__ import annotations

from collections.abc import Mapping

from schoolpulse.metrics import Metrics
from schoolpulse.stores.base import PointBlock

_PREFIX = "schoolpulse_"
ALL = "-"
NEW: Mapping[str, str] = {
    "discarded_batches": "discarded_new",
    "points_refused": "refused_new",
    "quarantined_messages": "quarantined_new",
    "webhook_attempts": "attempted_new",
}
"""Counters whose growth is written too: a sum of it is right over any range and every restart."""
Parts = Mapping[str, Mapping[str, float]]
"""Figures by part: the kind, reason, sink or outcome, and ``-`` where a figure has no parts."""


def read(metrics: Metrics) -> Parts:
    """Every figure of ``/metrics``; counters count since the start of the process.

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
    return parts


def own_figures(parts: Parts, before: Parts, at_ms: int) -> list[PointBlock]:
    """The figures as points, with what the counters of `NEW` grew by since `before` (the last written)."""
    blocks = []
    for part, figures in sorted(parts.items()):
        grown = {
            short: figures[name] - before.get(part, {}).get(name, 0.0)
            for name, short in NEW.items()
            if name in figures and (part == ALL or figures[name] > before.get(part, {}).get(name, 0.0))
        }
        whole = {**figures, **grown}
        rows = [(at_ms, (part,), tuple(whole.values()))]
        blocks.append(PointBlock("collector", (), ("of",), tuple(whole), rows))
    return blocks
