"""The sink from the journal into the point store: whose a point is, receipts, presence, refused points."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from schoolpulse.clock import Clock, SystemClock
from schoolpulse.contract.models import State, Telemetry
from schoolpulse.contract.reasons import Reason
from schoolpulse.errors import JournalFull, SinkUnavailable
from schoolpulse.messages import Received
from schoolpulse.metrics import Metrics
from schoolpulse.stores.base import BadPoint, Delivery, PointBlock, PointStore
from schoolpulse_agent.wire import MAX_FUTURE_MS, MIN_TIME_MS

_log = logging.getLogger(__name__)

UNASSIGNED = "unassigned"
"""The `school` of points whose agent the registry does not know (yet)."""
PRESENCE = "agent"
"""The measurement of what agents say of themselves by `state`: fields online (0 or 1) and session."""
MAINTAIN_EVERY_S = 30.0
_MAX_PUT_ASIDE_BYTES = 64 * 1024


class StoreSink:
    """Writes telemetry, a receipt for each batch, and presence.

    Args:
        store: where to. Writing the same again changes nothing there, so that a crash between its write
            and the cursor's only costs the time to write twice.
        identify: the id of the school that had the agent at a time in ms; None where nobody knows.
        load_cursor: the last position that was saved; 0 at first.
        save_cursor: saves it.
        put_aside: into quarantine with reason, detail and payload; may raise `JournalFull`.
        metrics: where written and refused points are counted.
        clock: spaces the store's housekeeping.
        export: writes what the collector knows beside the samples; called before each housekeeping.
    """

    name = "store"

    def __init__(  # noqa: PLR0913 - keyword-only: the seams of the sink
        self,
        *,
        store: PointStore,
        identify: Callable[[str, int], str | None],
        load_cursor: Callable[[], int],
        save_cursor: Callable[[int], None],
        put_aside: Callable[[str, str, bytes], None],
        metrics: Metrics,
        clock: Clock | None = None,
        export: Callable[[int], None] | None = None,
    ) -> None:
        self._store = store
        self._identify = identify
        self._load_cursor = load_cursor
        self._save_cursor = save_cursor
        self._put_aside = put_aside
        self._metrics = metrics
        self._clock = clock or SystemClock()
        self._maintain_at_s = self._clock.monotonic()
        self._export = export
        self._export_fails = False

    def position(self) -> int:
        """The last journal position that is durable in the store."""
        return self._load_cursor()

    def process(self, messages: Sequence[Received], through: int) -> None:
        """Write what `messages` hold and then the cursor. See `Sink.process`.

        Raises:
            SinkUnavailable: the store or the quarantine takes nothing now.
        """
        blocks: list[PointBlock] = []
        deliveries: list[Delivery] = []
        for message in messages:
            body = message.body
            if isinstance(body, Telemetry):
                self._add_telemetry(message, body, blocks, deliveries)
            elif isinstance(body, State):
                self._add_presence(message, body, blocks)
        if blocks or deliveries:
            written = self._store.write(blocks, deliveries)
            self._metrics.points_written.inc(written.points)
            self._quarantine(written.refused)
        self._save_cursor(through)
        self._maintain_when_due(self._clock.now_ms())

    def idle(self, now_ms: int) -> None:
        """Let the store do a piece of its housekeeping, at most every 30 s."""
        self._maintain_when_due(now_ms)

    def _maintain_when_due(self, now_ms: int) -> None:
        now_s = self._clock.monotonic()
        if now_s < self._maintain_at_s:
            return
        self._maintain_at_s = now_s + MAINTAIN_EVERY_S
        if self._export is not None:
            self._try_export(self._export, self._clock.now_ms())
        self._store.maintain(now_ms)

    def _try_export(self, export: Callable[[int], None], now_ms: int) -> None:
        """Records can wait and samples cannot: a failure here stops nothing."""
        try:
            export(now_ms)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with a record, samples go on
            if not self._export_fails:
                known = isinstance(error, SinkUnavailable)
                _log.warning("records for dashboards wait: %s", error, exc_info=None if known else error)
            self._export_fails = True
        else:
            if self._export_fails:
                _log.info("records for dashboards are written again")
            self._export_fails = False

    def _add_telemetry(
        self, message: Received, batch: Telemetry, blocks: list[PointBlock], deliveries: list[Delivery]
    ) -> None:
        newest_ms = max((row[0] for block in batch.blocks for row in block.rows), default=batch.sent_at)
        school = self._school(message.agent_id, newest_ms)
        common_tags = (("agent", message.agent_id), ("school", school))
        points = 0
        for block in batch.blocks:
            blocks.append(PointBlock(block.m, common_tags, block.tags, block.fields, block.rows))
            points += len(block.rows)
        deliveries.append(
            Delivery(
                school=school,
                agent=message.agent_id,
                stream=batch.stream,
                seq=batch.seq,
                at_ms=newest_ms,
                points=points,
                delay_ms=message.received_ms - newest_ms,
            )
        )

    def _add_presence(self, message: Received, state: State, blocks: list[PointBlock]) -> None:
        at_ms = state.at
        if at_ms is None:
            if message.retained:
                return  # the broker's copy of a will: nobody knows when it happened
            at_ms = message.received_ms
        elif not MIN_TIME_MS <= at_ms <= message.received_ms + MAX_FUTURE_MS:
            at_ms = message.received_ms  # the agent's clock is not set yet
        tags = (("agent", message.agent_id), ("school", self._school(message.agent_id, at_ms)))
        row = (at_ms, (), (int(state.online), state.session))
        blocks.append(PointBlock(PRESENCE, tags, (), ("online", "session"), [row]))

    def _school(self, agent_id: str, at_ms: int) -> str:
        return self._identify(agent_id, at_ms) or UNASSIGNED

    def _quarantine(self, refused: Sequence[BadPoint]) -> None:
        """One letter for all points of a measurement that were refused for the same reason."""
        if not refused:
            return
        self._metrics.points_refused.inc(len(refused))
        groups: dict[tuple[str, str], list[str]] = {}
        for point in refused:
            groups.setdefault((point.measurement, point.reason), []).append(point.line)
        for (measurement, reason), lines in groups.items():
            payload = "\n".join(lines).encode("utf-8", "replace")[:_MAX_PUT_ASIDE_BYTES]
            detail = f"{measurement}: {reason} ({len(lines)} points)"
            try:
                self._put_aside(Reason.POINT_REFUSED, detail, payload)
            except JournalFull as error:
                raise SinkUnavailable(
                    "refused points do not fit into the quarantine", hint=error.hint
                ) from error
