"""``/api/v1/endpoints``: who is told of incidents, and how that goes. The configuration file says who."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.limits import Attempts
from schoolpulse.api.guards import DistrictOperator
from schoolpulse.api.problems import ProblemDocument, not_found
from schoolpulse.api.services import People, Services
from schoolpulse.notify.history import EndpointHealth, EndpointStatus, OutboxRow
from schoolpulse.notify.settings import Format
from schoolpulse.notify.testing import send_test

EndpointId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", examples=["ops"])]
MAX_SEQ = 2**53


class EndpointOut(BaseModel):
    """A receiver and how it does."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "id": "ops",
                    "format": "schoolpulse",
                    "target": "https://ops.example.vn",
                    "language": "vi",
                    "everything": False,
                    "status": "failing",
                    "pending": 3,
                    "oldest_ms": 1_772_409_600_000,
                    "ok_ms": 1_772_409_500_000,
                    "failed_ms": 1_772_409_700_000,
                    "failing_ms": 1_772_409_600_000,
                    "disabled_ms": None,
                    "error": "HTTP 503",
                    "delivered": 120,
                    "given_up": 0,
                }
            ]
        }
    )

    id: str
    format: Format
    target: str = Field(description="Scheme and host: the rest of an address may be a secret")
    language: str
    everything: bool
    status: EndpointStatus
    pending: int = Field(description="Messages that wait")
    oldest_ms: int | None = Field(description="When the oldest that waits was made")
    ok_ms: int | None
    failed_ms: int | None
    failing_ms: int | None = Field(description="Since when every attempt has failed")
    disabled_ms: int | None = Field(description="When it said 410: nothing is sent until it is enabled")
    error: str
    delivered: int
    given_up: int

    @classmethod
    def of(cls, health: EndpointHealth, now_ms: int) -> EndpointOut:
        """From the outbox's word."""
        settings = health.settings
        parts = urlsplit(settings.url)
        return cls(
            id=settings.id,
            format=settings.format,
            target=f"{parts.scheme}://{parts.hostname}" if settings.url else settings.format,
            language=settings.language,
            everything=settings.everything,
            status=health.status(now_ms),
            pending=health.pending,
            oldest_ms=health.oldest_ms,
            ok_ms=health.ok_ms,
            failed_ms=health.failed_ms,
            failing_ms=health.failing_ms,
            disabled_ms=health.disabled_ms,
            error=health.error,
            delivered=health.delivered,
            given_up=health.given_up,
        )


class EndpointsOut(BaseModel):
    """Every receiver that the configuration names."""

    items: list[EndpointOut]


class DeliveryOut(BaseModel):
    """One message to one receiver and how it stands."""

    model_config = ConfigDict(
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "seq": 81,
                    "id": "msg_0f3c2b",
                    "incident": "i-7f21",
                    "number": 1,
                    "created_ms": 1_772_409_600_000,
                    "body": "{}",
                    "state": "pending",
                    "attempts": 2,
                    "next_ms": 1_772_409_720_000,
                    "last_ms": 1_772_409_660_000,
                    "last_status": 503,
                    "last_error": "HTTP 503",
                }
            ]
        },
    )

    seq: int
    id: str = Field(description="Its `webhook-id`")
    incident: str = Field(description="The incident that it is about, or a summary's name")
    number: int
    created_ms: int
    body: str
    state: Literal["pending", "delivered", "given_up"]
    attempts: int
    next_ms: int
    last_ms: int | None
    last_status: int | None
    last_error: str

    @classmethod
    def of(cls, row: OutboxRow) -> DeliveryOut:
        """From the outbox's row."""
        return cls.model_validate(row)


class DeliveriesOut(BaseModel):
    """A page of messages, the newest first. `next` is the cursor of the page after, null on the last."""

    items: list[DeliveryOut]
    next: int | None = Field(examples=[None])


class TestOut(BaseModel):
    """How a test message went."""

    delivered: bool = Field(examples=[False])
    status: int | None = Field(examples=[503], description="The receiver's HTTP status, if it answered")
    error: str = Field(examples=["HTTP 503"])


def router(services: Services, people: People) -> APIRouter:
    """The routes over `people`."""
    routes = APIRouter(prefix="/endpoints", tags=["endpoints"])
    history, outbox = people.history, people.outbox
    tests = Attempts(services.clock, burst=5, refill_s=10)

    def known(endpoint_id: str) -> EndpointHealth:
        found = history.endpoint(endpoint_id)
        if found is None:
            raise not_found("endpoint")
        return found

    @routes.get("")
    def endpoints(_caller: DistrictOperator) -> EndpointsOut:
        """Every receiver and how it does."""
        now_ms = services.clock.now_ms()
        return EndpointsOut(items=[EndpointOut.of(one, now_ms) for one in history.endpoints()])

    @routes.get("/{endpoint_id}", responses=ProblemDocument.responses(404))
    def endpoint(endpoint_id: EndpointId, _caller: DistrictOperator) -> EndpointOut:
        """One receiver and how it does."""
        return EndpointOut.of(known(endpoint_id), services.clock.now_ms())

    @routes.get("/{endpoint_id}/deliveries", responses=ProblemDocument.responses(404, 422))
    def deliveries(
        endpoint_id: EndpointId,
        _caller: DistrictOperator,
        state: Literal["pending", "delivered", "given_up"] | None = None,
        before: Annotated[
            int | None, Query(ge=0, le=MAX_SEQ, description="`next` of the page before")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=499)] = 100,
    ) -> DeliveriesOut:
        """What was sent to it or waits, the newest first, a page at a time."""
        known(endpoint_id)
        found = history.page(endpoint_id, limit=limit + 1, before=before, state=state)
        items = [DeliveryOut.of(row) for row in found[:limit]]
        return DeliveriesOut(items=items, next=items[-1].seq if len(found) > limit else None)

    @routes.post("/{endpoint_id}/test", responses=ProblemDocument.responses(404, 429))
    def test(endpoint_id: EndpointId, caller: DistrictOperator) -> TestOut:
        """Send it a test message now, past everything that waits. Takes as long as it takes to answer."""
        settings = known(endpoint_id).settings
        tests.take(endpoint_id)
        outcome = send_test(outbox, settings, services.clock.now_ms())
        services.audit.record(caller, "endpoint.test", endpoint_id, {"delivered": outcome.delivered})
        return TestOut(delivered=outcome.delivered, status=outcome.status, error=outcome.error)

    @routes.post("/{endpoint_id}/enable", status_code=204, responses=ProblemDocument.responses(404))
    def enable(endpoint_id: EndpointId, caller: DistrictOperator) -> None:
        """Send to it again after it said 410."""
        outbox.enable(known(endpoint_id).settings.id)
        services.audit.record(caller, "endpoint.enable", endpoint_id)

    return routes
