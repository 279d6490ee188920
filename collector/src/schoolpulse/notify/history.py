"""What became of messages, endpoint by endpoint: for the API, the page, `schoolpulse endpoints` and metrics.

Everything that reads the outbox without changing it. The API's ``endpoints`` are these calls:

* the list, and one: `History.endpoints`, `History.endpoint`; what is wrong now: `History.troubles`
* the deliveries of one, a page at a time: `History.page`; who was told of an incident: `History.of_incident`
* the test button: `schoolpulse.notify.testing.send_test`; on again after a 410: `Outbox.enable`

Bodies are what was sent to others; show them to operators only. Secrets are never in them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Engine, Row, RowMapping, Select, func, select

from schoolpulse.local_time import HOUR_MS
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.notify.tables import PENDING, endpoint_state, outbox

DEAD_AFTER_MS = HOUR_MS
"""An endpoint that failed at every attempt for so long is called dead, and still tried."""
MAX_PAGE = 500


class EndpointStatus(StrEnum):
    """How an endpoint does."""

    NEW = "new"  # nothing was ever sent to it
    FINE = "fine"
    FAILING = "failing"  # the last attempt failed
    DEAD = "dead"  # every attempt of the last hour and longer failed; it is still tried
    DISABLED = "disabled"  # it said 410: nothing is sent until somebody enables it


@dataclass(frozen=True, slots=True, kw_only=True)
class OutboxRow:
    """One message to one endpoint and how it stands; times are milliseconds since 1970, UTC.

    `id` is its `webhook-id`; `seq` orders the messages and is what `History.page` goes on from. `state` is
    ``pending``, ``delivered`` or ``given_up``. `incident` is an incident's id or a summary's name.
    """

    seq: int
    id: str
    incident: str
    number: int
    endpoint: str
    created_ms: int
    body: str
    state: str
    attempts: int
    next_ms: int
    last_ms: int | None
    last_status: int | None
    last_error: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointHealth:
    """How one endpoint does.

    `ok_ms` and `failed_ms` are its last attempts of either kind, `failing_ms` since when every attempt has
    failed, `disabled_ms` when it said 410. `pending` messages wait; `delivered` and `given_up` count those
    ever sent, trimmed ones too. `oldest_ms` is when the oldest that waits was made.
    """

    settings: EndpointSettings
    disabled_ms: int | None = None
    ok_ms: int | None = None
    failed_ms: int | None = None
    failing_ms: int | None = None
    error: str = ""
    pending: int = 0
    oldest_ms: int | None = None
    delivered: int = 0
    given_up: int = 0

    @property
    def last_ms(self) -> int | None:
        """The last attempt, whatever its outcome."""
        return max((at_ms for at_ms in (self.ok_ms, self.failed_ms) if at_ms is not None), default=None)

    def status(self, now_ms: int) -> EndpointStatus:
        """How it does at `now_ms`."""
        if self.disabled_ms is not None:
            return EndpointStatus.DISABLED
        if self.failing_ms is not None:
            dead = now_ms - self.failing_ms >= DEAD_AFTER_MS
            return EndpointStatus.DEAD if dead else EndpointStatus.FAILING
        return EndpointStatus.NEW if self.ok_ms is None else EndpointStatus.FINE


class History:
    """Reads; every method may be called from any thread, and may block for the database.

    Args:
        engine: the database of the outbox.
        endpoints: those that are configured. Messages of others stay readable by their id.
    """

    def __init__(self, engine: Engine, endpoints: Sequence[EndpointSettings]) -> None:
        self._engine = engine
        self._endpoints = {endpoint.id: endpoint for endpoint in endpoints}

    def endpoints(self) -> Sequence[EndpointHealth]:
        """Every configured endpoint and how it does, in the order of the configuration."""
        counts = (
            select(
                outbox.c.endpoint,
                func.count().label("pending"),
                func.min(outbox.c.created_ms).label("oldest"),
            )
            .where(outbox.c.state == PENDING)
            .group_by(outbox.c.endpoint)
        )
        with self._engine.connect() as connection:
            waiting = {row.endpoint: row for row in connection.execute(counts)}
            known = {row.endpoint: row for row in connection.execute(select(endpoint_state))}
        return [
            _health(endpoint, known.get(endpoint.id), waiting.get(endpoint.id))
            for endpoint in self._endpoints.values()
        ]

    def endpoint(self, endpoint_id: str) -> EndpointHealth | None:
        """One of them; None where it is not configured."""
        return next((one for one in self.endpoints() if one.settings.id == endpoint_id), None)

    def troubles(self, now_ms: int) -> Sequence[EndpointHealth]:
        """Those that are dead or disabled: pages to them reach nobody."""
        wrong = (EndpointStatus.DEAD, EndpointStatus.DISABLED)
        return [one for one in self.endpoints() if one.status(now_ms) in wrong]

    def page(
        self, endpoint_id: str, *, limit: int = 100, before: int | None = None, state: str | None = None
    ) -> Sequence[OutboxRow]:
        """Up to `limit` messages of an endpoint, the newest first.

        Args:
            endpoint_id: whose; need not be configured any more.
            limit: at most `MAX_PAGE`.
            before: the `seq` of the last row of the page before; None for the first page.
            state: only ``pending``, ``delivered`` or ``given_up`` ones.
        """
        query = select(outbox).where(outbox.c.endpoint == endpoint_id)
        if before is not None:
            query = query.where(outbox.c.seq < before)
        if state is not None:
            query = query.where(outbox.c.state == state)
        return self._rows(query.order_by(outbox.c.seq.desc()).limit(min(limit, MAX_PAGE)))

    def of_incident(self, incident_id: str) -> Sequence[OutboxRow]:
        """Everything that was told, or is to be told, of one incident, in order; trimmed after its time."""
        return self._rows(select(outbox).where(outbox.c.incident == incident_id).order_by(outbox.c.seq))

    def _rows(self, query: Select[tuple[object, ...]]) -> Sequence[OutboxRow]:
        with self._engine.connect() as connection:
            return [outbox_row(row) for row in connection.execute(query).mappings()]


def outbox_row(row: RowMapping) -> OutboxRow:
    """The row of the table."""
    return OutboxRow(**{name: row[name] for name in OutboxRow.__dataclass_fields__})


def _health(
    settings: EndpointSettings, known: Row[tuple[object, ...]] | None, waiting: Row[tuple[object, ...]] | None
) -> EndpointHealth:
    values = {} if known is None else {name: getattr(known, name) for name in _REMEMBERED}
    if waiting is not None:
        values |= {"pending": waiting.pending, "oldest_ms": waiting.oldest}
    return EndpointHealth(settings=settings, **values)


_REMEMBERED = ("disabled_ms", "ok_ms", "failed_ms", "failing_ms", "error", "delivered", "given_up")
