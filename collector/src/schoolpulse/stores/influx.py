"""InfluxDB as the point store: 1.6.7 as Debian packages it (behind nginx), 1.8, 2.x and 3."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait

from schoolpulse.clock import Clock, SystemClock
from schoolpulse.errors import StoreUnavailable
from schoolpulse.stores.base import BadPoint, Delivery, PointBlock, Series, SeriesQuery, Written
from schoolpulse.stores.influx_http import InfluxHttp
from schoolpulse.stores.influx_read import identifier, read
from schoolpulse.stores.influx_settings import InfluxSettings
from schoolpulse.stores.influx_write import LineWriter, RefusedLine
from schoolpulse.stores.line_protocol import delivery_line, lines_of_all
from schoolpulse.stores.rollup import Rollups
from schoolpulse.stores.rollup_marks import Marks
from schoolpulse.stores.rollup_read import pieces
from schoolpulse.stores.rollup_tiers import FIVE_MINUTES, HOURS
from schoolpulse.stores.shape import DELIVERY

logger = logging.getLogger(__name__)


class InfluxStore:
    """A `PointStore` in InfluxDB. Writes come from one thread, queries from any.

    While requests are on their way the next one is encoded; more than `parallel_requests` are never in
    flight, so that an InfluxDB that is slow is not made slower.
    """

    name = "influx"

    def __init__(self, settings: InfluxSettings, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self._http = InfluxHttp(settings)
        self._writer = LineWriter(settings)
        self._sender = ThreadPoolExecutor(settings.parallel_requests, "influx-write")
        self._ready = False
        self._said: set[str] = set()
        path = settings.rollups_path
        self.rollups = Rollups(settings, self._http, Marks(path), self._clock) if path else None

    def write(self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery]) -> Written:
        """Write everything, in no particular order. See `PointStore.write`."""
        if not self._ready:
            self._prepare()
        if self.rollups is not None:
            self.rollups.mark(blocks, deliveries)
        unwritable: list[BadPoint] = []
        refused: list[RefusedLine] = []
        lines = 0
        pending: deque[Future[list[RefusedLine]]] = deque()
        try:
            for batch in self._batches(blocks, deliveries, unwritable):
                lines += len(batch)
                if len(pending) == self._settings.parallel_requests:
                    refused += pending.popleft().result()
                pending.append(self._sender.submit(self._writer.write, batch))
            while pending:
                refused += pending.popleft().result()
        except StoreUnavailable:
            self._ready = False  # it may come back empty: look at it anew
            wait(pending)
            raise
        bad = [_bad_point(line, reason) for line, reason in refused]
        bad_points = sum(1 for point in bad if point.measurement != DELIVERY)
        return Written(lines - len(deliveries) - bad_points, [*unwritable, *bad])

    def write_lasting(self, blocks: Sequence[PointBlock]) -> None:
        """Write records to where they are kept longest: the hours' database, or the only one.

        Raises:
            StoreUnavailable: not everything is known to be written; write the same again later.
        """
        if self.rollups is None:
            self.write(blocks, [])
        else:
            if not self._ready:
                self._prepare()
            self.rollups.write_lasting(blocks)

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        """Windows of a field by InfluxQL. See `PointStore.query`."""
        marks = self.rollups.marks if self.rollups else None
        found = pieces(query, self._settings, marks, self._clock.now_ms())
        return read(self._http, self._settings.database, query, found)

    def maintain(self, now_ms: int) -> None:
        """Compute rollups that are due, for about two seconds. InfluxDB itself ends what is old."""
        if self.rollups is not None:
            if not self._ready:
                self._prepare()
            self.rollups.run(now_ms)

    def close(self) -> None:
        """Let go of connections, files and the thread."""
        self._sender.shutdown()
        if self.rollups is not None:
            self.rollups.close()
        self._writer.close()
        self._http.close()

    def _batches(
        self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery], unwritable: list[BadPoint]
    ) -> Iterator[list[str]]:
        size = self._settings.batch_points
        lines: list[str] = []
        for more in lines_of_all(blocks, size, unwritable):
            lines += more
            while len(lines) >= size:
                yield lines[:size]
                lines = lines[size:]
        lines += [delivery_line(delivery) for delivery in deliveries]
        for start in range(0, len(lines), size):
            yield lines[start : start + size]

    def _prepare(self) -> None:
        """See what answers, and make its database where that is done with InfluxQL (1.x)."""
        version = self._http.version()
        if version.lstrip("v").startswith("1."):
            settings = self._settings
            self._make(settings.database, settings.retention_days)
            if self.rollups is not None:
                self._make(FIVE_MINUTES.database(settings.database), settings.five_minute_days, shard="30d")
                self._make(HOURS.database(settings.database), settings.hourly_days, shard="180d")
        self._say_once(
            logging.INFO, f"InfluxDB {version or 'of unknown version'} answers at {self._settings.url}"
        )
        self._ready = True

    def _make(self, name: str, keep_days: int | None, shard: str | None = None) -> None:
        """A database with its retention; rolled-up points lie thin, and so in long shards."""
        database = identifier(name)
        self._tell(f"CREATE DATABASE {database}")
        if keep_days is not None:
            long = f" SHARD DURATION {shard}" if shard else ""
            self._tell(f'ALTER RETENTION POLICY "autogen" ON {database} DURATION {keep_days}d{long} DEFAULT')

    def _tell(self, statement: str) -> None:
        try:
            error = self._http.query(statement).get("error")
        except StoreUnavailable as refusal:
            error = str(refusal)
        if error is not None:
            # A user who may write need not be an administrator; whether it can is what the write says.
            self._say_once(logging.WARNING, f"InfluxDB refuses {statement}: {str(error)[:200]}")

    def _say_once(self, level: int, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            logger.log(level, "%s", text)


def _bad_point(line: str, reason: str) -> BadPoint:
    measurement = line.replace(" ", ",", 1).partition(",")[0]
    return BadPoint(measurement, reason, line)
