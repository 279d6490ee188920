"""Lets the journal forget what every sink has."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence

from schoolpulse.clock import Clock
from schoolpulse.errors import JournalFull
from schoolpulse.ingest.journal import Journal
from schoolpulse.ingest.pump import SinkRunner

_log = logging.getLogger(__name__)

EVERY_S = 2.0


class Trimmer:
    """Trims the journal below the slowest of `runners`, a bounded piece at a time.

    A sink whose position is not known yet counts as the slowest: nothing it may need is forgotten.
    """

    def __init__(self, journal: Journal, runners: Sequence[SinkRunner], clock: Clock) -> None:
        self._journal = journal
        self._runners = runners
        self._clock = clock
        self._stopping = threading.Event()
        self._failing = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="trimmer", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> bool:
        """End; whether the thread has ended in time."""
        self._stopping.set()
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def trim_once(self) -> bool:
        """Trim one piece; whether there may be more."""
        positions = [runner.position for runner in self._runners]
        slowest = min((position for position in positions if position is not None), default=0)
        if None in positions:
            slowest = 0
        return self._journal.trim(slowest) > 0

    def _run(self) -> None:
        while not self._clock.wait(self._stopping, EVERY_S):
            try:
                while self.trim_once() and not self._stopping.is_set():
                    pass
            except JournalFull as error:
                if not self._failing:
                    _log.warning("the journal cannot be trimmed: %s (%s)", error, error.hint)
                self._failing = True
            except Exception:  # noqa: BLE001 - a trimmer that died would fill the disk
                if not self._failing:
                    _log.exception("trimming the journal failed; it goes on trying")
                self._failing = True
            else:
                self._failing = False
