"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever watches the watcher."""

from __future__ import annotations

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from schoolpulse.api.services import Services


def router(services: Services) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(tags=["health"])

    @routes.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process lives and answers."""
        return {"status": "ok", "version": services.version}

    @routes.get("/readyz", responses={503: {"description": "A part is away; `parts` says which and why"}})
    def readyz() -> JSONResponse:
        """Whether every part works: 200, or 503 with what is wrong of each."""
        parts = dict(services.ready())
        ready = all(word == "ok" for word in parts.values())
        body = {"status": "ready" if ready else "not ready", "parts": parts}
        return JSONResponse(body, 200 if ready else 503)

    @routes.get("/metrics", response_class=Response)
    def metrics() -> Response:
        """The collector's own figures in Prometheus' text format."""
        return Response(generate_latest(services.metrics.registry), media_type=CONTENT_TYPE_LATEST)

    return routes
