"""Numbers for the agent's connections, never used twice, so that a late will is told from a present loss."""

from __future__ import annotations

import logging
from pathlib import Path

from schoolpulse_agent.clock import Clock
from schoolpulse_agent.disk import Disk, SystemDisk

log = logging.getLogger(__name__)

_AHEAD = 1000


class Sessions:
    """Ascending session numbers.

    A number is the wall clock's second, or one more than the last where that is higher. So numbers go on
    rising where the state folder was wiped or cannot be written, and where the clock was set back. A limit
    above the numbers in use is kept in a file, which is written about once in a thousand numbers or seconds.

    Args:
        path: of the file.
        clock: the wall clock.
        disk: the file system.
    """

    def __init__(self, path: Path, clock: Clock, disk: Disk | None = None) -> None:
        self._path = path
        self._clock = clock
        self._disk = disk or SystemDisk()
        self._limit = self._last = self._load()

    def next(self) -> int:
        """A number that was never used before."""
        self._last = max(self._last + 1, self._clock.now_ms() // 1000)
        if self._last > self._limit:
            self._limit = self._last + _AHEAD
            try:
                self._disk.make_folder(self._path.parent)
                self._disk.replace(self._path, b"%d\n" % self._limit)
            except OSError as error:
                log.debug("%s was not written: %s", self._path, error)
        return self._last

    def _load(self) -> int:
        try:
            return max(0, int(self._disk.read(self._path)))
        except (OSError, ValueError):
            return 0
