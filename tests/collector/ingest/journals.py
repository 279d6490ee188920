"""Opening the journal of a test again and again, and reading it."""

from __future__ import annotations

from collections.abc import Callable

from schoolpulse.contract.models import Telemetry
from schoolpulse.ingest.incoming import Fate
from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics

J, D, R, Q = Fate.JOURNALLED, Fate.DUPLICATE, Fate.REPEATED, Fate.QUARANTINED
Open = Callable[..., Journal]
"""Closes the journal of the test, if it is open, and opens it as a restart does."""


def seqs_in(journal: Journal, after: int = 0) -> list[int]:
    """The numbers of all batches, in order."""
    found = []
    while messages := journal.read(after, 7):
        found += [message.body.seq for message in messages if isinstance(message.body, Telemetry)]
        after = messages[-1].position
    return found


def value_of(metrics: Metrics, name: str, **labels: str) -> float:
    """A metric's value."""
    return metrics.registry.get_sample_value(f"schoolpulse_{name}", labels) or 0.0
