"""Rollups in InfluxDB: windows that were written to are computed anew from the raw points.

Read with InfluxQL and written as line protocol, which InfluxDB 1.x, 2.x and 3 all take; continuous
queries, tasks and SELECT INTO each work in one of them only, and none looks at late data again. A window
is always computed whole, so that disorder, duplicates and a backlog of a week come out as if every point
had come once and in order.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from schoolpulse.clock import Clock
from schoolpulse.errors import StoreUnavailable, UsageError
from schoolpulse.local_time import DAY_MS
from schoolpulse.stores.base import BadPoint, Delivery, PointBlock
from schoolpulse.stores.influx_http import InfluxHttp
from schoolpulse.stores.influx_read import identifier, string
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.influx_write import LineWriter
from schoolpulse.stores.line_protocol import lines_of_all
from schoolpulse.stores.rollup_marks import EVERY_SCHOOL, Mark, Marks, Run
from schoolpulse.stores.rollup_tiers import (
    COUNT,
    FIVE_MINUTES,
    HIGH,
    LOW,
    MAX_FIELD_CHARS,
    MINUTE_MS,
    NOT_ROLLED_UP,
    P95,
    SUM,
    TIERS,
    TOGETHER,
    has_p95,
)
from schoolpulse.stores.shape import DELIVERY, clean_tag

logger = logging.getLogger(__name__)

FRESH_MS = 15 * MINUTE_MS
"""Windows that ended less than this ago are being filled by everybody."""
GRACE_MS = MINUTE_MS
"""A window is computed so long after its end: most agents have sent what belongs into it."""
BUDGET_S = 2.0
_SUFFIX = {"mean": "", "sum": SUM, "min": LOW, "max": HIGH, "count": COUNT, "percentile": P95}
_TOGETHER_OF: dict[str, list[str]] = {}
for _name, _one in TOGETHER.items():
    _TOGETHER_OF.setdefault(_one.source, []).append(_name)
_WHAT = "mean(*), sum(*), min(*), max(*), count(*), percentile(*, 95)"


class Rollups:
    """Marks what is written and computes it when its time has come. `mark` and `run` belong to one thread."""

    def __init__(self, settings: InfluxSettings, http: InfluxHttp, marks: Marks, clock: Clock) -> None:
        self._settings = settings
        self._http = http
        self._clock = clock
        self.marks = marks
        self._writers = {
            tier.suffix: LineWriter(
                settings.model_copy(update={"database": tier.database(settings.database)})
            )
            for tier in TIERS
        }
        self._failing = False
        self._backfilled = not marks.is_new

    def mark(self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery] = ()) -> None:
        """Mark the windows of what is to be written. Call it before, or a crash forgets them.

        Raises:
            StoreUnavailable: the marks cannot be made durable.
        """
        width = FIVE_MINUTES.width_ms
        fresh = (self._clock.now_ms() - FRESH_MS) // width
        touched: set[tuple[str, str, int]] = set()  # this runs for every block: few steps each
        for block in blocks:
            name = block.measurement
            if name in NOT_ROLLED_UP:
                continue
            for window in {row[0] // width for row in block.rows}:
                touched.add((name, "" if window >= fresh else _school(block), window * width))
        late = {(name, at_ms) for name, _, at_ms in touched}
        late |= {(DELIVERY, delivery.at_ms // width * width) for delivery in deliveries}
        # What holds every school together is computed for all of them, however late one comes.
        touched |= {
            (name, EVERY_SCHOOL, at_ms) for source, at_ms in late for name in _TOGETHER_OF.get(source, ())
        }
        self.marks.add(self._marks(touched))

    def _marks(self, touched: Iterable[tuple[str, str, int]]) -> set[Mark]:
        """The marks of 5-minute windows, and of the hours around them, which stay fresh for longer."""
        fresh_ms = self._clock.now_ms() - FRESH_MS
        return {
            Mark(tier.suffix, name, EVERY_SCHOOL if start + tier.width_ms > fresh_ms else school, start)
            for name, school, at_ms in touched
            for tier in TIERS
            for start in (tier.start(at_ms),)
        }

    def run(self, now_ms: int) -> bool:
        """Compute what is due, for about two seconds; whether something is left that is due.

        While InfluxDB is away nothing is forgotten: the marks stay.
        """
        try:
            self._backfill(now_ms)
            left = self._run(now_ms)
        except StoreUnavailable as error:
            if not self._failing:
                logger.warning("rollups wait: %s", error)
            self._failing = True
            return True
        if self._failing:
            logger.info("rollups are made again")
        self._failing = False
        return left

    def close(self) -> None:
        """Let go of connections and the file."""
        for writer in self._writers.values():
            writer.close()
        self.marks.close()

    def write_lasting(self, blocks: Sequence[PointBlock]) -> None:
        """Write `blocks` as they are where they are kept longest (records, not samples)."""
        self._write(TIERS[-1].suffix, blocks)

    def _run(self, now_ms: int) -> bool:
        until_s = self._clock.monotonic() + BUDGET_S
        days = self._settings.retention_days
        floor_ms = now_ms - days * DAY_MS + DAY_MS if days is not None else 0
        while True:
            runs = [run for tier in TIERS for run in self.marks.runs(tier, now_ms - GRACE_MS)]
            if not runs:
                return False
            for run in runs:
                if run.from_ms < floor_ms:
                    # Some of its raw points may have been ended: what was computed in time stays.
                    run = run._replace(to_ms=min(run.to_ms, max(floor_ms, run.from_ms + run.tier.width_ms)))  # noqa: PLW2901 -- the part of it that is final
                else:
                    self._compute(run)
                self.marks.remove(run)
                if self._clock.monotonic() >= until_s:
                    return True

    def _compute(self, run: Run) -> None:
        where = [f"time >= {run.from_ms}ms", f"time < {run.to_ms}ms"]
        if run.school != EVERY_SCHOOL:
            where.append(f'"school" = {string(run.school)}')
        together = TOGETHER.get(run.measurement)
        parts = (
            f"SELECT {_what(together.fields) if together else _WHAT}",
            f"FROM {identifier(together.source if together else run.measurement)}",
            f"WHERE {' AND '.join(where)}",
            f"GROUP BY time({run.tier.width_ms}ms){'' if together else ', *'} fill(none)",
        )
        statement = " ".join(parts)
        try:
            result = self._http.query(statement, self._settings.database)
        except UsageError:
            if run.school != EVERY_SCHOOL:
                raise
            self._one_by_one(run)
            return
        if "error" in result:
            raise StoreUnavailable(f"InfluxDB cannot roll up: {str(result['error'])[:200]}")
        block = _block(run.measurement, result.get("series", []))
        if block is not None:
            self._write(run.tier.suffix, [block])

    def _one_by_one(self, run: Run) -> None:
        """Too much for one answer: every school by itself."""
        statement = f'SHOW TAG VALUES FROM {identifier(run.measurement)} WITH KEY = "school"'
        series = self._http.query(statement, self._settings.database).get("series", [])
        schools = [value for one in series for _, value in one["values"]]
        starts = range(run.from_ms, run.to_ms, run.tier.width_ms)
        self.marks.add(
            Mark(run.tier.suffix, run.measurement, school, at) for school in schools for at in starts
        )

    def _write(self, suffix: str, blocks: Sequence[PointBlock]) -> None:
        bad: list[BadPoint] = []
        size = self._settings.batch_points
        for lines in lines_of_all(blocks, size, bad):
            for start in range(0, len(lines), size):
                refused = self._writers[suffix].write(lines[start : start + size])
                bad += [BadPoint("", reason, line) for line, reason in refused]
        if bad:
            logger.warning("%d rolled-up points were refused: %s", len(bad), bad[0].reason[:200])

    def _backfill(self, now_ms: int) -> None:
        """Mark everything that lies in the database already, once: the file of marks is new, or was lost."""
        if self._backfilled:
            return
        database = self._settings.database
        result = self._http.query("SHOW MEASUREMENTS", database)
        names = [row[0] for one in result.get("series", []) for row in one["values"]]
        for name in sorted(set(names) - NOT_ROLLED_UP):
            statement = " ".join(("SELECT * FROM", identifier(name), "ORDER BY time ASC LIMIT 1"))
            first = self._http.query(statement, database).get("series", [])
            for computed in {name, *_TOGETHER_OF.get(name, ())} if first else ():
                self.marks.add(self._all_windows(computed, first[0]["values"][0][0], now_ms))
        self._backfilled = True

    def _all_windows(self, measurement: str, from_ms: int, to_ms: int) -> Iterator[Mark]:
        """Every window from the first point on, as far back as its tier is kept."""
        for tier, days in zip(
            TIERS, (self._settings.five_minute_days, self._settings.hourly_days), strict=True
        ):
            for at_ms in range(tier.start(max(from_ms, to_ms - days * DAY_MS)), to_ms, tier.width_ms):
                yield Mark(tier.suffix, measurement, EVERY_SCHOOL, at_ms)


def _what(fields: Sequence[str]) -> str:
    """Every function of these fields, with the columns named as those of ``*`` are."""
    return ", ".join(
        f"{function}({identifier(field)}{', 95' if function == 'percentile' else ''})"
        f" AS {identifier(f'{function}_{field}')}"
        for field in fields
        for function in _SUFFIX
    )


def _school(block: PointBlock) -> str:
    return clean_tag(next((value for key, value in block.common_tags if key == "school"), EVERY_SCHOOL))


def _block(measurement: str, series: Sequence[Mapping[str, Any]]) -> PointBlock | None:
    """The windows of an answer as points; None where there are none."""
    if not series:
        return None
    columns = [_field(name) for name in series[0]["columns"][1:]]
    # A field of text has a count and nothing else.
    numeric = {field for function, field in columns if function == "mean"}
    kept = [
        (index, field + _SUFFIX[function])
        for index, (function, field) in enumerate(columns, start=1)
        if field in numeric and len(field) <= MAX_FIELD_CHARS and (function != "percentile" or has_p95(field))
    ]
    tag_keys = sorted(series[0].get("tags") or {})
    rows = [
        (row[0], [one["tags"][key] or None for key in tag_keys], [_float(row[index]) for index, _ in kept])
        for one in series
        for row in one["values"]
    ]
    return PointBlock(measurement, (), tag_keys, [name for _, name in kept], rows) if kept else None


def _float(value: Any) -> float | None:
    return None if value is None else float(value)


def _field(column: str) -> tuple[str, str]:
    function, _, field = column.partition("_")
    return function, field
