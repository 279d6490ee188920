"""What a report is computed from, and where that is read: registry, incidents and store.

Availability comes from incidents. Of the store it is asked which hours have samples at all (an hour in which
nothing was measured, and that no incident explains, is shown as not measured), speed tests and devices.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

from schoolpulse.errors import Reason, UsageError
from schoolpulse.incidents.model import Incident
from schoolpulse.local_time import DAY_MS, HOUR_MS
from schoolpulse.registry.models import School
from schoolpulse.reports.spans import Span, union, without
from schoolpulse.stores.base import Series, SeriesQuery

LONG_MS = 100 * DAY_MS
"""In a longer range the speed tests of a day count as their mean."""
FULL_SHARE = 0.97
"""Of the samples of the fullest day: a day with an hour without any has at most 23/24."""
ROWS_AT_ONCE = 400_000
"""Windows asked of the store at once: enough to be quick, few enough to be small."""
TOGETHER = 2_000
"""More schools than this are asked for one by one: an answer has at most 5,000 series."""
MOST_WINDOWS = 9_000
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
    """The tests of an hour (of a day in a long range) over a primary line, Mbit/s: their mean."""

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
    devices: bool = True,
) -> Facts:
    """Read everything; `to_ms` is not in the future.

    Args:
        sources: where.
        from_ms: begin of the range.
        to_ms: its end, or now.
        schools: whom it is about; all without.
        measurements: whether speed tests and devices are wanted too.
        devices: whether devices are to be counted, which is the dearest of it.

    Raises:
        StoreUnavailable: the store cannot answer.
        UsageError: more incidents than anybody reports on.
    """
    found = [
        school
        for school in (sources.registry.schools() if schools is None else schools)
        if school.closed_ms is None or school.closed_ms > from_ms
    ]
    ids = [school.id for school in found]
    known = Facts(from_ms=from_ms, to_ms=to_ms, schools=found, incidents=[], first_seen=sources.first_seen())
    if from_ms >= to_ms:
        return known
    # Two at a time: a store that is a server of its own answers one while the other's answer is read.
    with ThreadPoolExecutor(2, "report") as pool:
        speed = pool.submit(_speed, sources.store, from_ms, to_ms, ids) if measurements else None
        present = pool.submit(_present, sources.store, from_ms, to_ms, ids)
        counted = pool.submit(_devices, sources.store, to_ms, found) if measurements and devices else None
        return replace(
            known,
            incidents=incidents_in(sources.incidents, from_ms, to_ms),
            present=present.result(),
            speed=speed.result() if speed else {},
            devices=counted.result() if counted else None,
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
            raise UsageError(
                f"more than {MAX_INCIDENTS} incidents",
                hint="narrow the range",
                why=Reason("too_many_incidents", values={"most": MAX_INCIDENTS}),
            )
        before = page[-1].id


def _present(
    store: SeriesReader, from_ms: int, to_ms: int, schools: Sequence[str]
) -> Mapping[str, Sequence[Span]] | None:
    """The hours with samples, by what every agent measures all the time.

    A day with nearly as many samples as a school's fullest has no hour without any: only the other days are
    looked at hour by hour.
    """
    found = _covered(store, "system", "uptime_s", from_ms, to_ms, schools)
    if rest := [name for name in schools if not found[name]]:
        # Others' devices may tell nothing of themselves and still measure.
        found |= _covered(store, "reachability", "up", from_ms, to_ms, rest)
    return found if any(found.values()) else None


def _covered(
    store: SeriesReader, measurement: str, name: str, from_ms: int, to_ms: int, schools: Sequence[str]
) -> dict[str, Sequence[Span]]:
    first_ms, last_ms = -(-from_ms // DAY_MS) * DAY_MS, to_ms - to_ms % DAY_MS
    if first_ms >= last_ms:
        first_ms = last_ms = to_ms
    days: dict[str, dict[int, int]] = {}
    for query in _questions(measurement, name, first_ms, last_ms, ("school",), schools, step_ms=DAY_MS):
        for series in store.query(query):
            school = query.tags.get("school") or series.tags["school"]
            days.setdefault(school, {}).update((window.at_ms, window.count) for window in series.windows)
    edges = without([(from_ms, to_ms)], [(first_ms, last_ms)])
    found = _hours(store, measurement, name, schools, edges)
    for school in schools:
        counts = days.get(school, {})
        enough = FULL_SHARE * max(counts.values(), default=0)
        found.setdefault(school, []).extend((at, at + DAY_MS) for at, n in counts.items() if n >= enough)
        # Where a whole day has nothing there is nothing to look for.
        rest = union((at, at + DAY_MS) for at, n in counts.items() if n < enough)
        found[school] += _hours(store, measurement, name, [school], rest).get(school, [])
    return {school: union(found.get(school, ())) for school in schools}


def _hours(
    store: SeriesReader, measurement: str, name: str, schools: Sequence[str], spans: Sequence[Span]
) -> dict[str, list[Span]]:
    """The hours with samples in `spans`, by school."""
    found: dict[str, list[Span]] = {}
    for start, end in spans:
        for query in _questions(measurement, name, start, end, ("school",), schools):
            for series in store.query(query):
                school = query.tags.get("school") or series.tags["school"]
                hours = [(window.at_ms, window.at_ms + HOUR_MS) for window in series.windows]
                found.setdefault(school, []).extend(hours)
    return found


def _speed(
    store: SeriesReader, from_ms: int, to_ms: int, schools: Sequence[str]
) -> Mapping[str, Sequence[SpeedTest]]:
    found: dict[str, dict[int, SpeedTest]] = {}
    step_ms = HOUR_MS if to_ms - from_ms <= LONG_MS else DAY_MS
    for index, name in enumerate(("down_mbps", "up_mbps")):
        asked = _questions("speedtest", name, from_ms, to_ms, ("school", "role"), schools, step_ms=step_ms)
        for query in asked:
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
    """How many devices each school had in the last day."""
    from_ms = max(0, to_ms - DAY_MS)
    devices: dict[str, int] = {}
    for school in schools:
        query = SeriesQuery("device", "up", from_ms, to_ms, DAY_MS, {"school": school.id}, ("device",))
        if found := len(store.query(query)):
            devices[school.id] = found
    return devices or None


def _questions(
    measurement: str,
    name: str,
    from_ms: int,
    to_ms: int,
    by: tuple[str, ...],
    schools: Sequence[str],
    *,
    step_ms: int = HOUR_MS,
) -> Iterator[SeriesQuery]:
    """Questions in windows, each for a piece of the range; of one school, or of very many, for each alone."""
    apart = not 1 < len(schools) <= TOGETHER
    windows = MOST_WINDOWS if apart else min(MOST_WINDOWS, max(24, ROWS_AT_ONCE // len(schools)))
    for tags in [{"school": school} for school in schools] if apart else [{}]:
        for start in range(from_ms - from_ms % step_ms, to_ms, windows * step_ms):
            first, last = max(start, from_ms), min(start + windows * step_ms, to_ms)
            yield SeriesQuery(measurement, name, first, last, step_ms, tags, by)
