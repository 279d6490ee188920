"""Shared by the tests of the ingest."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from collector.ingest.journals import Open
from collector.ingest.messages_in import NOW_MS
from fakes import FakeClock

from schoolpulse.ingest.journal import Journal
from schoolpulse.metrics import Metrics


@pytest.fixture
def reopen(tmp_path: Path) -> Iterator[Open]:
    """Opens the one journal of the test; each call closes it first, as a restart does."""
    opened: list[Journal] = []

    def open_it(max_bytes: int = 1 << 30, now_ms: int = NOW_MS, metrics: Metrics | None = None) -> Journal:
        if opened:
            opened.pop().close()
        journal = Journal(
            tmp_path / "j.db", max_bytes=max_bytes, metrics=metrics or Metrics(), clock=FakeClock(now_ms)
        )
        opened.append(journal)
        return journal

    yield open_it
    opened.pop().close()
