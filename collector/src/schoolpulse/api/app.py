"""The web application: the API, the page, and what holds for every answer."""

from __future__ import annotations

from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.datastructures import MutableHeaders
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from schoolpulse.api import (
    agents,
    areas,
    audit,
    calendar,
    contacts,
    devices,
    document,
    endpoints,
    enrol,
    events,
    exports,
    findings,
    guards,
    health,
    imports,
    incidents,
    kpi,
    lines,
    maintenance,
    problems,
    records,
    registry_views,
    reports,
    schools,
    session,
    tokens,
    users,
)
from schoolpulse.api.application import Application
from schoolpulse.api.encoding import SchoolEncoder
from schoolpulse.api.etags import ETags
from schoolpulse.api.gate import Gate, caller_of
from schoolpulse.api.services import Services
from schoolpulse.web import routes

API = "/api/v1"
MAX_BODY_BYTES = 256 * 1024
"""Of a request; a route that takes files says more (``max_body_size=`` of its router)."""
SECURITY_HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


def create_app(services: Services) -> FastAPI:
    """The application over `services`.

    Args:
        services: what answers behind it.

    Before its server is asked to end, call ``services.live.close()``, which lets the viewers of
    ``/api/v1/events`` go.
    """
    app = Application(
        title="SchoolPulse",
        summary="Whether each school has broadband, now and on the record",
        version=services.version,
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        separate_input_output_schemas=False,
        max_body_size=MAX_BODY_BYTES,
    )
    problems.install(app)
    app.include_router(session.router(services), prefix=API)
    api = APIRouter(prefix=API, dependencies=[Depends(guards.viewer)])
    encoder = SchoolEncoder()
    api.include_router(schools.router(services, encoder))
    api.include_router(incidents.router(services))
    maker = reports.maker_for(services)
    api.include_router(kpi.router(services, maker))
    api.include_router(reports.router(services, maker))
    api.include_router(exports.router(services))
    api.include_router(events.router(services, encoder))
    api.include_router(users.router(services))
    api.include_router(tokens.router(services))
    api.include_router(audit.router(services))
    api.include_router(calendar.router(services))
    if services.people is not None:
        api.include_router(maintenance.router(services, services.people))
        api.include_router(endpoints.router(services, services.people))
    if services.records is not None:
        for room in (records, lines, devices, contacts, areas, imports, registry_views, findings):
            api.include_router(room.router(services, services.records))
    if services.agents is not None:
        api.include_router(agents.router(services, services.agents))
        app.include_router(enrol.router(services, services.agents), prefix=API)
    app.include_router(api)
    app.include_router(health.router(services))

    def has_page(request: Request, school_id: str) -> bool:
        caller = caller_of(request)  # without one the gate has sent them to the login
        sees = caller is not None and caller.sees(school_id)
        return sees and services.registry.school(school_id) is not None

    app.include_router(routes.router(has_page, services.page))
    document.complete(app)
    app.add_middleware(ETags)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=5)
    app.add_middleware(Gate, access=services.access, public_url=services.public_url)
    app.add_middleware(Headers, image_host=services.page.image_host)
    return app


class Headers:
    """Gives every answer the security headers, and answers of the API no place in a cache.

    `image_host` is the one origin beside our own that images may come from: the map's tiles.
    """

    def __init__(self, app: ASGIApp, image_host: str = "") -> None:
        self._app = app
        self._headers = dict(SECURITY_HEADERS)
        if image_host:
            policy = self._headers["Content-Security-Policy"]
            self._headers["Content-Security-Policy"] = policy.replace(
                "img-src 'self'", f"img-src 'self' {image_host}"
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in self._headers.items():
                    headers.setdefault(name, value)
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        await self._app(scope, receive, send_with_headers)
