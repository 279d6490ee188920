"""``/``, ``/schools/{id}``, ``/incidents`` and so on, and ``/static/``: the page that people see.

A page is HTML with ``{{catalogue keys}}``, filled in here in the reader's language, so that the first thing
on the screen is already right; the scripts fetch the same texts from ``/static/i18n/``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, get_args

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from schoolpulse.i18n import Language
from schoolpulse.web.assets import Asset, static_assets
from schoolpulse.web.settings import PageSettings
from schoolpulse.web.templates import page

LANGUAGE_COOKIE = "schoolpulse-lang"
_YEAR_S = 365 * 86_400
Lang = Annotated[str | None, Query(max_length=8)]
PAGES = {
    "/": "wall",
    "/list": "list",
    "/map": "map",
    "/incidents": "incidents",
    "/incidents/{thing_id}": "incident",
    "/devices": "devices",
    "/maintenance": "maintenance",
    "/registry": "registry",
    "/registry/import": "import",
    "/registry/schools/{thing_id}": "edit",
    "/start": "start",
    "/reports": "reports",
    "/endpoints": "endpoints",
    "/agents": "agents",
    "/users": "users",
    "/health": "health",
    "/login": "login",
}
"""Pages by their path. They hold no data: their scripts ask the API."""


def router(has_school: Callable[[Request, str], bool], settings: PageSettings | None = None) -> APIRouter:
    """The routes; `has_school` tells which schools, by their id, have a page for who asks."""
    routes = APIRouter(include_in_schema=False)
    chosen = settings or PageSettings()

    def add(path: str, name: str) -> None:
        @routes.get(path)
        async def one(request: Request, lang: Lang = None) -> Response:
            return _page(request, name, lang, chosen)

    for path, name in PAGES.items():
        add(path, name)

    @routes.get("/schools/{school_id}")
    async def school(
        request: Request, school_id: Annotated[str, Path(max_length=128)], lang: Lang = None
    ) -> Response:
        known = has_school(request, school_id)
        return _page(request, "school" if known else "missing", lang, chosen, 200 if known else 404)

    @routes.get("/static/{path:path}")
    async def static(request: Request, path: Annotated[str, Path(max_length=200)]) -> Response:
        asset = static_assets().get(path)
        if asset is None:
            raise HTTPException(404, "No file lies there.")
        return _serve(request, asset, "no-cache")

    return routes


def _page(
    request: Request, name: str, asked: str | None, settings: PageSettings, status: int = 200
) -> Response:
    """The page in the language asked for, else in the one remembered, else in Vietnamese."""
    wanted = asked if asked in get_args(Language) else request.cookies.get(LANGUAGE_COOKIE)
    language: Language = "en" if wanted == "en" else "vi"
    response = _serve(request, page(name, language, settings), "private, no-cache", status)
    response.headers["Vary"] = "Accept-Encoding, Cookie"
    response.headers["Content-Language"] = language
    if asked in get_args(Language):
        response.set_cookie(LANGUAGE_COOKIE, language, max_age=_YEAR_S, samesite="lax", httponly=True)
    return response


def _serve(request: Request, asset: Asset, cache_control: str, status: int = 200) -> Response:
    headers = {"ETag": asset.etag, "Cache-Control": cache_control, "Vary": "Accept-Encoding"}
    if asset.etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" in request.headers.get("accept-encoding", ""):
        headers["Content-Encoding"] = "gzip"
        return Response(asset.zipped, status, headers, asset.media_type)
    return Response(asset.body, status, headers, asset.media_type)
