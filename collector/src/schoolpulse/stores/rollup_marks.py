"""Which windows have to be computed anew: marked before their points are written, durably.

A mark says tier, measurement, school and start of the window. Windows that are being filled now are marked
once for all schools (the school ``""``), since all of them write there; older ones by school, so that the
backlog of one school costs what that school has. Losing the file costs a recomputation, no point.
"""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

from schoolpulse.errors import StoreUnavailable
from schoolpulse.stores.rollup_tiers import Tier

EVERY_SCHOOL = ""
_Key = tuple[str, str, str]
"""Suffix of the tier, measurement, school."""


class Mark(NamedTuple):
    """One window to be computed anew."""

    tier: str
    measurement: str
    school: str
    at_ms: int


class Run(NamedTuple):
    """Marked windows of one measurement and school (or all) without a gap between them."""

    tier: Tier
    measurement: str
    school: str
    from_ms: int
    to_ms: int


class Marks:
    """The marks, in a SQLite file and in memory. Any thread may ask; one writes.

    Raises:
        StoreUnavailable: the file cannot be opened or written.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._marked: dict[_Key, set[int]] = {}
        try:
            self.is_new = not path.exists()
            self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=FULL")
            self._connection.execute(
                "CREATE TABLE IF NOT EXISTS mark (tier TEXT, measurement TEXT, school TEXT, at_ms INTEGER,"
                " PRIMARY KEY (tier, measurement, school, at_ms)) WITHOUT ROWID"
            )
            for tier, measurement, school, at_ms in self._connection.execute("SELECT * FROM mark"):
                self._marked.setdefault((tier, measurement, school), set()).add(at_ms)
        except sqlite3.Error as error:
            raise _unusable(path, error) from error
        self._path = path

    def __len__(self) -> int:
        """How many windows are marked."""
        with self._lock:
            return sum(len(starts) for starts in self._marked.values())

    def add(self, marks: Iterable[Mark]) -> None:
        """Mark windows; on disk before it returns. What is marked already costs nothing."""
        new = [mark for mark in marks if mark.at_ms not in self._marked.get(mark[:3], ())]
        if not new:
            return
        self._change("INSERT OR IGNORE INTO mark VALUES (?, ?, ?, ?)", new)
        with self._lock:
            for mark in new:
                self._marked.setdefault(mark[:3], set()).add(mark.at_ms)

    def remove(self, run: Run) -> None:
        """Those windows are computed."""
        key = (run.tier.suffix, run.measurement, run.school)
        starts = [at_ms for at_ms in self._marked.get(key, ()) if run.from_ms <= at_ms < run.to_ms]
        self._change(
            "DELETE FROM mark WHERE tier = ? AND measurement = ? AND school = ? AND at_ms = ?",
            [(*key, at_ms) for at_ms in starts],
        )
        with self._lock:
            left = self._marked.get(key, set())
            left.difference_update(starts)
            if not left:
                self._marked.pop(key, None)

    def runs(self, tier: Tier, before_ms: int) -> list[Run]:
        """The next run of every measurement and school with marked windows that ended by `before_ms`."""
        with self._lock:
            due = {
                key: [at_ms for at_ms in starts if at_ms + tier.width_ms <= before_ms]
                for key, starts in self._marked.items()
                if key[0] == tier.suffix
            }
        return [_first_run(tier, key, sorted(starts)) for key, starts in sorted(due.items()) if starts]

    def first_ms(self, tier: Tier, measurement: str, school: str | None) -> int | None:
        """The earliest marked window that a chart of `school` (None: of all) would read."""
        with self._lock:
            return min(
                (
                    min(starts)
                    for (suffix, name, whose), starts in self._marked.items()
                    if suffix == tier.suffix
                    and name == measurement
                    and (school is None or whose in {school, EVERY_SCHOOL})
                ),
                default=None,
            )

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    def _change(self, statement: str, rows: list[Mark] | list[tuple[str, str, str, int]]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                self._connection.executemany(statement, rows)
                self._connection.execute("COMMIT")
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
        except sqlite3.Error as error:
            raise _unusable(self._path, error) from error


def _first_run(tier: Tier, key: _Key, starts: list[int]) -> Run:
    end_ms = starts[0]
    for at_ms in starts[: tier.run_windows]:
        if at_ms != end_ms:
            break
        end_ms += tier.width_ms
    return Run(tier, key[1], key[2], starts[0], end_ms)


def _unusable(path: Path, error: sqlite3.Error) -> StoreUnavailable:
    return StoreUnavailable(
        f"the rollups' file {path.name} cannot be used ({type(error).__name__})",
        hint="is the disk full, or does the file belong to somebody else?",
    )
