"""What a report is computed from, and where that is read: registry, incidents and store.

Availability comes from incidents. Of the store it is asked which hours have samples at all (an hour in which
nothing was measured, and that no incident explains, is shown as not measured), speed tests and devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from schoolpulse.errors import UsageError
from schoolpulse.incidents.model import Incident
from schoolpulse.registry.models import School
from schoolpulse.reports.spans import Span, union
from schoolpulse.stores.base import Series, SeriesQuery

HOUR_MS = 3_600_000
WEEK_MS = 7 * 24 * HOUR_MS
CHUNK_MS = 8 * WEEK_MS
"""So much time is asked of the store at once: enough to be quick, little enough to be small."""
MAX_INCIDENTS = 400_000
PAGE = 1_000


class SchoolReader(Protocol):
    """The registry, as far as it is read here."""

    def schools(self) -> Sequence[School]:
        """Every school, by name."""
        ...


class IncidentLister(Protocol):
    """The incidents' repository, as far as it is read here."""

    def list(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        school: str | None = None,
        open_only: bool = False,
        limit: int = 100,
        before: str | None = None,
    ) -> Sequence[Incident]:
        """Incidents that touch ``[from_ms, to_ms)``, newest start first, those after the id `before`."""
        ...


class SeriesReader(Protocol):
    """The point store, as far as it is read here."""

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        """The series that match."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where everything is read. `first_seen` answers with when each school was first heard."""

    registry: SchoolReader
    incidents: IncidentLister
    store: SeriesReader
    first_seen: Callable[[], Mapping[str, int]] = dict


class SpeedTest(NamedTuple):
    """The tests of one hour over a primary line, Mbit/s; more than one in it count as their mean."""

    at_ms: int
    down_mbps: float | None
    up_mbps: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """All that is known of ``[from_ms, to_ms)``; figures are a function of it.

    `present` are the hours with samples by school, empty of one without any; None where the store knows of
    no school at all, which says something of the store and nothing of the schools.
    """

    from_ms: int
    to_ms: int
    schools: Sequence[School]
    incidents: Sequence[Incident]
    first_seen: Mapping[str, int] = field(default_factory=dict)
    present: Mapping[str, Sequence[Span]] | None = None
    speed: Mapping[str, Sequence[SpeedTest]] = field(default_factory=dict)
    devices: Mapping[str, int] | None = None


def gather(
    sources: Sources,
    from_ms: int,
    to_ms: int,
    schools: Sequence[School] | None = None,
    *,
    measurements: bool = True,
) -> Facts:
    """Read everything; `to_ms` is not in the future.

    Args:
        sources: where.
        from_ms: begin of the range.
        to_ms: its end, or now.
        schools: whom it is about; all without.
        measurements: whether speed tests and devices are wanted too.

    Raises:
        StoreUnavailable: the store cannot answer.
        UsageError: more incidents than anybody reports on.
    """
    found = [
        school
        for school in (sources.registry.schools() if schools is None else schools)
        if school.closed_ms is None or school.closed_ms > from_ms
    ]
    empty = from_ms >= to_ms
    ids = {school.id for school in found}
    one = next(iter(ids)) if len(ids) == 1 else None
    return Facts(
        from_ms=from_ms,
        to_ms=to_ms,
        schools=found,
        incidents=[] if empty else incidents_in(sources.incidents, from_ms, to_ms),
        first_seen=sources.first_seen(),
        present=None if empty else _present(sources.store, from_ms, to_ms, one),
        speed=_speed(sources.store, from_ms, to_ms, one) if measurements and not empty else {},
        devices=_devices(sources.store, to_ms, found) if measurements and not empty else None,
    )


def incidents_in(reader: IncidentLister, from_ms: int, to_ms: int) -> list[Incident]:
    """Every incident that touches the range, newest start first.

    Raises:
        UsageError: there are more than 400,000.
    """
    found: list[Incident] = []
    before: str | None = None
    while True:
        page = reader.list(from_ms=from_ms, to_ms=to_ms, limit=PAGE, before=before)
        found += page
        if len(page) < PAGE:
            return found
        if len(found) >= MAX_INCIDENTS:
            raise UsageError(f"more than {MAX_INCIDENTS} incidents", hint="narrow the range")
        before = page[-1].id


def _present(
    store: SeriesReader, from_ms: int, to_ms: int, school: str | None
) -> Mapping[str, Sequence[Span]] | None:
    """The hours with samples, by the one measurement that every agent makes all the time."""
    hours: dict[str, list[Span]] = {}
    for query in _chunks("system", "uptime_s", from_ms, to_ms, ("school",), school):
        for series in store.query(query):
            spans = hours.setdefault(series.tags["school"], [])
            for window in series.windows:
                if spans and spans[-1][1] == window.at_ms:
                    spans[-1] = (spans[-1][0], window.at_ms + HOUR_MS)
                else:
                    spans.append((window.at_ms, window.at_ms + HOUR_MS))
    return {name: union(spans) for name, spans in hours.items()} if hours.keys() - {""} else None


def _speed(
    store: SeriesReader, from_ms: int, to_ms: int, school: str | None
) -> Mapping[str, Sequence[SpeedTest]]:
    found: dict[str, dict[int, SpeedTest]] = {}
    for index, name in enumerate(("down_mbps", "up_mbps")):
        for query in _chunks("speedtest", name, from_ms, to_ms, ("school", "role"), school):
            for series in store.query(query):
                if series.tags["role"] not in {"", "primary"}:
                    continue
                tests = found.setdefault(series.tags["school"], {})
                for window in series.windows:
                    known = tests.get(window.at_ms, SpeedTest(window.at_ms, None, None))
                    tests[window.at_ms] = (
                        known._replace(down_mbps=window.mean)
                        if index == 0
                        else known._replace(up_mbps=window.mean)
                    )
    return {name: [tests[at] for at in sorted(tests)] for name, tests in found.items()}


def _devices(store: SeriesReader, to_ms: int, schools: Sequence[School]) -> Mapping[str, int] | None:
    """How many devices each school had in the last week."""
    from_ms = max(0, to_ms - WEEK_MS)
    query = SeriesQuery("device", "up", from_ms, to_ms, WEEK_MS, {}, ("school", "device"))
    try:
        found: Iterable[Series] = store.query(query)
    except UsageError:  # more series than one answer holds
        found = (
            Series({"school": school.id}, series.windows)
            for school in schools
            for series in store.query(
                SeriesQuery("device", "up", from_ms, to_ms, WEEK_MS, {"school": school.id}, ("device",))
            )
        )
    devices: dict[str, int] = {}
    for series in found:
        devices[series.tags["school"]] = devices.get(series.tags["school"], 0) + 1
    return devices or None


def _chunks(
    measurement: str, name: str, from_ms: int, to_ms: int, by: tuple[str, ...], school: str | None
) -> Iterable[SeriesQuery]:
    """Questions in windows of an hour, each for a piece of the range."""
    tags = {"school": school} if school is not None else {}
    for start in range(from_ms - from_ms % HOUR_MS, to_ms, CHUNK_MS):
        first, last = max(start, from_ms), min(start + CHUNK_MS, to_ms)
        yield SeriesQuery(measurement, name, first, last, HOUR_MS, dict(tags), by)
