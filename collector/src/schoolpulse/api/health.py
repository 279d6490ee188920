"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever watches the watcher."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from pydantic import BaseModel, Field

from schoolpulse.api.gate import caller_of, shown_by
from schoolpulse.api.problems import ProblemDocument, Refused, unknown_caller
from schoolpulse.api.services import Services
from schoolpulse.incidents.model import SchoolStatus

_METRICS: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "Prometheus' text format",
        "content": {"text/plain": {"schema": {"type": "string"}, "example": "# TYPE schoolpulse_up gauge\n"}},
    }
}


class Health(BaseModel):
    """That it lives."""

    status: str = Field(examples=["ok"])
    version: str = Field(examples=["0.1.0"])


class Readiness(BaseModel):
    """Whether every part works; each says ``ok`` or what is wrong."""

    status: Literal["ready", "not ready"]
    parts: dict[str, str] = Field(examples=[{"broker": "ok", "store": "ok"}])


class SchoolCounts(Collector):
    """How many schools are in each state, counted when somebody looks."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Every state, those without schools too, so that an alert rule always has its series."""
        counts = self._services.live.counts()
        family = GaugeMetricFamily("schoolpulse_schools", "Schools by state", labels=["status"])
        for status in SchoolStatus:
            family.add_metric([status.value], counts.get(status, 0))
        yield family


def router(services: Services) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(tags=["health"])
    schools = CollectorRegistry()
    schools.register(SchoolCounts(services))

    @routes.get("/healthz")
    async def healthz() -> Health:
        """The process lives and answers."""
        return Health(status="ok", version=services.version)

    @routes.get(
        "/readyz",
        response_model=Readiness,
        responses={503: {"model": Readiness, "description": "A part is away; `parts` says which and why"}},
    )
    def readyz() -> JSONResponse:
        """Whether every part works: 200, or 503 with what is wrong of each."""
        parts = dict(services.ready())
        ready = all(word == "ok" for word in parts.values())
        body = {"status": "ready" if ready else "not ready", "parts": parts}
        return JSONResponse(body, 200 if ready else 503)

    def check_reader(request: Request) -> None:
        how, access = services.access.settings.metrics, services.access
        if how == "open" or (how == "auto" and access.on_loopback and not shown_by(request).forwarded):
            return
        caller = caller_of(request)
        if caller is None:
            raise unknown_caller()
        if caller.schools is not None:
            raise Refused(403, "all_schools_needed")

    @routes.get("/metrics", response_class=Response, responses=_METRICS | ProblemDocument.responses(401, 403))
    def metrics(request: Request) -> Response:
        """The collector's own figures in Prometheus' text format; `[access] metrics` says to whom."""
        check_reader(request)
        body = generate_latest(services.metrics.registry) + generate_latest(schools)
        return Response(body, media_type=CONTENT_TYPE_LATEST)

    return routes
