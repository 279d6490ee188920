"""Finds out who sends each request, before anything else looks at it."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send

from schoolpulse.access.access import Access, Shown

CALLER = "schoolpulse.caller"
"""Where in an ASGI scope the `Caller` stands."""


class Gate:
    """Puts the caller, or None, into the scope of each request."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            scope[CALLER] = await run_in_threadpool(self._access.caller, shown_by(HTTPConnection(scope)))
        await self._app(scope, receive, send)


def shown_by(request: HTTPConnection) -> Shown:
    """What `request` shows of its sender."""
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return Shown(
        host=host_name(headers.get("host", "")),
        token=token.strip() if scheme.lower() == "bearer" else None,
        forwarded=any(name in headers for name in ("forwarded", "x-forwarded-for", "x-real-ip", "via")),
    )


def host_name(host: str) -> str:
    """The name in a ``Host`` header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0]
