"""Writes the records into InfluxDB, each minute and what changed in between.

It is called from the store's thread. Every point is the same however often it is written; after a restart
the incidents of the last days are written again, so that nothing that happened in between is missing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

from schoolpulse.export import records
from schoolpulse.export.own_figures import Parts, own_figures, read
from schoolpulse.export.sums import device_sums, kinds_of_devices, school_sums
from schoolpulse.export.tiers import tier_table
from schoolpulse.incidents.model import Incident, SchoolStatus, Transition
from schoolpulse.incidents.mutes import CalendarSettings, SchoolCalendar
from schoolpulse.live import Snapshot
from schoolpulse.local_time import DAY_MS, HOUR_MS
from schoolpulse.metrics import Metrics
from schoolpulse.registry.models import School
from schoolpulse.stores.base import Delivery, PointBlock, Series, SeriesQuery, Written
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.rollup_tiers import MINUTE_MS

LOOK_BACK_MS = 7 * DAY_MS
"""Incidents this young are written at the start, whatever happened before it."""
SPEED_BACK_MS = DAY_MS
"""Speed tests come late too: hours this young are written again."""
MAX_WAITING = 100_000
"""Changes kept while InfluxDB is away; the minutes that follow tell the state anyway."""


class Store(Protocol):
    """The InfluxDB store."""

    def write(self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery]) -> Written:
        """Write points."""
        ...

    def write_lasting(self, blocks: Sequence[PointBlock]) -> None:
        """Write records to where they are kept longest."""
        ...

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        """Read a chart."""
        ...


class Incidents(Protocol):
    """The incidents' repository."""

    def list(self, *, from_ms: int | None = None, limit: int = 100) -> Sequence[Incident]:
        """Incidents that reach into the time after `from_ms`."""
        ...


class Live(Protocol):
    """The live view."""

    def snapshot(self) -> Snapshot:
        """Every school and every open incident."""
        ...


class Exporter:
    """Listens to the incidents and writes what a dashboard needs.

    Args:
        store: where to; its `settings` too, for the table of tiers.
        live: states and newest figures.
        incidents: for those of the time before the start.
        metrics: the collector's own figures.
        is_open: whether a moment belongs to school hours; by the calendar's defaults without it.
    """

    def __init__(
        self,
        *,
        store: Store,
        settings: InfluxSettings,
        live: Live,
        incidents: Incidents,
        metrics: Metrics,
        is_open: Callable[[int], bool] | None = None,
    ) -> None:
        self._is_open = is_open or SchoolCalendar(CalendarSettings()).is_open
        self._store = store
        self._settings = settings
        self._live = live
        self._incidents = incidents
        self._metrics = metrics
        self._lock = threading.Lock()
        self._changed: list[tuple[str, SchoolStatus, int]] = []
        self._touched: dict[str, Incident] = {}
        self._minute_ms = 0
        self._hour_ms = 0
        self._caught_up = False
        self._counted: Parts = {}

    def on_transition(self, transition: Transition) -> None:
        """An incident opened, changed or closed."""
        with self._lock:
            if len(self._touched) < MAX_WAITING:
                self._touched[transition.incident.id] = transition.incident
            else:
                self._caught_up = False

    def on_status(self, school_id: str, status: SchoolStatus, at_ms: int) -> None:
        """A school's state changed."""
        with self._lock:
            if len(self._changed) < MAX_WAITING:
                self._changed.append((school_id, status, at_ms))

    def export(self, now_ms: int) -> None:
        """Write what is due at `now_ms`.

        Raises:
            StoreUnavailable: the same is written at the next call.
        """
        minute_ms, hour_ms = now_ms - now_ms % MINUTE_MS, now_ms - now_ms % HOUR_MS
        snapshot = self._live.snapshot()
        schools = {now.school.id: now.school for now in snapshot.schools}
        with self._lock:
            changed, touched = list(self._changed), dict(self._touched)
        blocks = [
            records.changes((schools[one], status, at) for one, status, at in changed if one in schools)
        ]
        lasting: list[Incident] = list(touched.values())
        if not self._caught_up:
            lasting = [*self._incidents.list(from_ms=now_ms - LOOK_BACK_MS, limit=10_000), *lasting]
        counted = read(self._metrics)
        if minute_ms > self._minute_ms:
            lasting = [*snapshot.incidents, *lasting]  # open ones grow; what was touched wins
            blocks += [
                records.statuses(snapshot.schools, minute_ms),
                records.schools_now(snapshot.schools, minute_ms),
                records.versions(snapshot.schools, minute_ms),
                *school_sums(snapshot.schools, minute_ms, school_hours=self._is_open(minute_ms)),
                *device_sums(snapshot.schools, minute_ms),
                *own_figures(counted, self._counted, minute_ms),
            ]
        newest = {incident.id: incident for incident in lasting}
        self._store.write([block for block in blocks if block.rows], [])
        if newest:
            kinds = kinds_of_devices(snapshot.schools)
            self._store.write_lasting([records.incidents(newest.values(), schools, now_ms, kinds)])
        if hour_ms > self._hour_ms or not self._caught_up:
            self._hourly(list(schools.values()), now_ms)
        if minute_ms > self._minute_ms:
            self._counted = counted
        self._minute_ms, self._hour_ms, self._caught_up = minute_ms, hour_ms, True
        with self._lock:
            del self._changed[: len(changed)]
            for name, incident in touched.items():
                if self._touched.get(name) is incident:
                    del self._touched[name]

    def _hourly(self, schools: Sequence[School], now_ms: int) -> None:
        day_ms = now_ms - now_ms % DAY_MS
        speeds = records.speeds(self._speed_tests(now_ms), schools)
        if speeds.rows:
            self._store.write([speeds], [])
        found = [tier_table(self._settings, now_ms)]
        if schools:
            found.append(records.registry(schools, day_ms))
        self._store.write_lasting(found)

    def _speed_tests(self, now_ms: int) -> dict[str, dict[int, tuple[float | None, float | None]]]:
        """The means of each hour by school; a primary line's where the tests say which line it was."""
        found: dict[str, dict[int, tuple[float | None, float | None]]] = {}
        from_ms = now_ms - SPEED_BACK_MS
        from_ms -= from_ms % HOUR_MS
        for index, field in enumerate(("down_mbps", "up_mbps")):
            query = SeriesQuery("speedtest", field, from_ms, now_ms, HOUR_MS, {}, ("school", "role"))
            for series in self._store.query(query):
                if series.tags["role"] not in {"", "primary"}:
                    continue
                hours = found.setdefault(series.tags["school"], {})
                for window in series.windows:
                    down, up = hours.get(window.at_ms, (None, None))
                    hours[window.at_ms] = (window.mean, up) if index == 0 else (down, window.mean)
        return found
