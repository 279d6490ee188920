"""Makes reports: one at a time, each kept for a minute, so that looking at it in four forms costs it once."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager

from schoolpulse import __version__
from schoolpulse.clock import Clock
from schoolpulse.errors import Reason, ReportBusy
from schoolpulse.incidents.mutes import SchoolCalendar
from schoolpulse.registry.models import School
from schoolpulse.reports.build import build
from schoolpulse.reports.facts import Facts, Sources, gather
from schoolpulse.reports.figures import count
from schoolpulse.reports.model import Hours, Report
from schoolpulse.reports.period import Period
from schoolpulse.reports.settings import ReportSettings
from schoolpulse.reports.summary import hours_part
from schoolpulse.reports.tally import Tally

AT_ONCE = 1
"""Reports made at the same time; a year of 200 schools takes some seconds of one core."""
WAITING = 4
WAIT_S = 60.0
KEPT = 4
KEPT_S = 60.0
_LATER = "ask again in a minute"

_Key = tuple[Period, str | None, frozenset[str] | None]


class Reports:
    """The reports of one collector. Every method may block, and may be called from any thread.

    Args:
        sources: where the facts are read.
        clock: what time it is.
        calendar: which hours are school hours; every hour of every day without.
        settings: what the document says of the office.
    """

    def __init__(
        self,
        sources: Sources,
        clock: Clock,
        calendar: SchoolCalendar | None = None,
        settings: ReportSettings | None = None,
    ) -> None:
        self.settings = settings or ReportSettings()
        self._sources = sources
        self._clock = clock
        self._calendar = calendar
        self._turn = threading.BoundedSemaphore(AT_ONCE)
        self._lock = threading.Lock()
        self._waiting = 0
        self._kept: OrderedDict[_Key, tuple[float, Report]] = OrderedDict()

    def make(
        self, period: Period, *, school: str | None = None, schools: frozenset[str] | None = None
    ) -> Report:
        """The report on `period`.

        Args:
            period: which days.
            school: about this school alone.
            schools: about these at most; all with None.

        Raises:
            ReportBusy: too many are being made.
            StoreUnavailable: the store cannot answer now.
            UsageError: there is more than a report can hold.
        """
        key = (period, school, schools)
        with self.turn():
            kept = self._kept.get(key)
            if kept is not None and self._clock.monotonic() - kept[0] < KEPT_S:
                return kept[1]
            report = self._make(period, school, schools)
            self._kept[key] = (self._clock.monotonic(), report)
            self._kept.move_to_end(key)
            while len(self._kept) > KEPT:
                self._kept.popitem(last=False)
            return report

    def hours(self, from_ms: int, to_ms: int, schools: frozenset[str] | None = None) -> tuple[int, Hours]:
        """How many schools, and what became of their hours in any range: the report's figures for the page.

        Raises:
            StoreUnavailable: the store cannot answer now.
            UsageError: there are too many incidents.
        """
        facts = gather(
            self._sources,
            from_ms,
            min(to_ms, self._clock.now_ms()),
            self._schools(None, schools),
            measurements=False,
        )
        whole = Tally()
        for one in count(facts, self._calendar):
            whole.add(one.whole.tally)
        return len(facts.schools), hours_part(whole)

    @property
    def waiting(self) -> int:
        """How many are being made or wait for it."""
        return self._waiting

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn at heavy work.

        Raises:
            ReportBusy: too many wait already, or it takes too long.
        """
        with self._lock:
            if self._waiting >= WAITING:
                raise ReportBusy("too many reports are being made", hint=_LATER, why=Reason("reports_busy"))
            self._waiting += 1
        try:
            if not self._turn.acquire(timeout=WAIT_S):
                raise ReportBusy(
                    "another report is still being made", hint=_LATER, why=Reason("reports_busy")
                )
            try:
                yield
            finally:
                self._turn.release()
        finally:
            with self._lock:
                self._waiting -= 1

    def _make(self, period: Period, school: str | None, only: frozenset[str] | None) -> Report:
        now_ms = self._clock.now_ms()
        schools = self._schools(school, only)
        facts = gather(self._sources, period.from_ms, max(period.from_ms, min(period.to_ms, now_ms)), schools)
        return build(
            facts,
            self._facts_before(period, schools, facts),
            period=period,
            calendar=self._calendar,
            made_at_ms=now_ms,
            version=__version__,
            scope=school,
        )

    def _facts_before(self, period: Period, schools: list[School], facts: Facts) -> Facts | None:
        """Of the period before; nothing is read where nobody had been heard by its end."""
        before = period.before()
        if facts.first_seen and min(facts.first_seen.values()) >= before.to_ms:
            return None
        return gather(self._sources, before.from_ms, before.to_ms, schools, devices=False)

    def _schools(self, school: str | None, only: frozenset[str] | None) -> list[School]:
        return [
            one
            for one in self._sources.registry.schools()
            if (school is None or one.id == school) and (only is None or one.id in only)
        ]
