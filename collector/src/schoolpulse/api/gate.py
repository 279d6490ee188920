"""Finds out who sends each request before anything else looks at it, and keeps foreign pages out."""

from __future__ import annotations

import logging
from urllib.parse import quote, urlsplit

from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from schoolpulse.access.access import Access, Shown
from schoolpulse.access.models import Caller
from schoolpulse.api.problems import Refused, database_away, unknown_caller

SESSION_COOKIE = "schoolpulse-session"
SECURE_COOKIE = "__Host-schoolpulse-session"
"""Its name behind https: browsers take it from this very host only, and send it over https only."""
MOST_FROM_STRANGERS = 64 * 1024
"""Bytes of a request of which nobody knows who sends it."""
_CALLER = "schoolpulse.caller"
_SHOWN = "schoolpulse.shown"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_FOR_ALL = ("/static/", "/healthz", "/readyz")
_NO_PAGES = ("/api/", "/metrics", "/login")
_PROXIES = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_log = logging.getLogger(__name__)


class Gate:
    """Puts the caller into the scope of each request; sends pages that nobody signed in for to the login.

    Args:
        app: what lies behind.
        access: knows users, tokens and sessions.
        public_url: where people open the page, if that is not where it listens.
    """

    def __init__(self, app: ASGIApp, access: Access, public_url: str = "") -> None:
        self._app = app
        self._access = access
        self._public = urlsplit(public_url)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] == "http":
            answer = await self._answer(scope)
            if answer is not None:
                await answer(scope, receive, send)
                return
        await self._app(scope, receive, send)

    async def _answer(self, scope: Scope) -> Response | None:
        """What is answered here; None lets it pass."""
        request = HTTPConnection(scope)
        shown = shown_by(request, self._cookie)
        refusal = self._refusal(request, shown)
        if refusal is not None or scope["path"].startswith(_FOR_ALL):
            return refusal
        scope[_SHOWN] = shown
        try:
            scope[_CALLER] = caller = await run_in_threadpool(self._access.caller, shown)
        except SQLAlchemyError as error:
            _log.warning("the database cannot say who is who: %s", type(error).__name__)
            return database_away().answer()
        return self._for_strangers(request) if caller is None else None

    def _refusal(self, request: HTTPConnection, shown: Shown) -> Response | None:
        """What is answered whoever it is."""
        if "\0" in request.scope["path"]:
            return Refused(404, "not_found").answer()
        if b"%00" in request.scope["query_string"]:
            return Refused(422, "nul_in_query").answer()
        if request.scope["method"] not in _SAFE and shown.token is None and self._is_foreign(request):
            return Refused(403, "foreign_page").answer()
        return None

    @staticmethod
    def _for_strangers(request: HTTPConnection) -> Response | None:
        """What nobody known is answered before anything is read: the way to the login instead of a page."""
        path, query = request.scope["path"], request.scope["query_string"].decode("latin-1")
        if request.scope["method"] not in _SAFE:
            if not _is_large(request):
                return None
            return unknown_caller().answer()
        if path.startswith(_NO_PAGES):
            return None
        wanted = f"{path}?{query}" if query else path
        return RedirectResponse(f"/login?next={quote(wanted, safe='/')}", 303)

    @property
    def _cookie(self) -> str:
        return SECURE_COOKIE if self._public.scheme == "https" else SESSION_COOKIE

    def _is_foreign(self, request: HTTPConnection) -> bool:
        """Whether a browser says that a page of somebody else's sends this.

        Every browser in use sends ``Sec-Fetch-Site`` over https and to loopback, and ``Origin`` with every
        request that is not GET or HEAD. A program sends neither, and no foreign page can make it.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site not in ("same-origin", "none")
        origin = request.headers.get("origin")
        if origin is None:
            return False
        return urlsplit(origin).netloc not in (request.headers.get("host"), self._public.netloc or None)


def caller_of(request: HTTPConnection) -> Caller | None:
    """Who sends `request`, as the gate found out."""
    caller = request.scope.get(_CALLER)
    return caller if isinstance(caller, Caller) else None


async def still_the_same(request: HTTPConnection, access: Access) -> bool:
    """Whether the gate would let the sender of `request` pass now as it did then.

    For answers that go on for hours: a session that is over ends them. A database that is away does not.
    """
    try:
        caller = await run_in_threadpool(access.caller, request.scope[_SHOWN])
    except SQLAlchemyError:
        return True
    return caller == caller_of(request)


def shown_by(request: HTTPConnection, cookie: str = SESSION_COOKIE) -> Shown:
    """What `request` shows of its sender; `cookie` is the session's name."""
    headers = request.headers
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return Shown(
        host=_host_name(headers.get("host", "")),
        token=token.strip() if scheme.lower() == "bearer" else None,
        session=request.cookies.get(cookie),
        forwarded=any(name in headers for name in _PROXIES),
    )


def _host_name(host: str) -> str:
    """The name in a ``Host`` header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0].removeprefix("[")
    return host.partition(":")[0]


def _is_large(request: HTTPConnection) -> bool:
    length = request.headers.get("content-length", "")
    if length.isdecimal():
        return int(length) > MOST_FROM_STRANGERS
    return "transfer-encoding" in request.headers
