"""``/``, ``/schools/{id}`` and ``/static/``: the page that people see.

A page is HTML with ``{{catalogue keys}}``, filled in here in the reader's language, so that the first thing
on the screen is already right; the scripts fetch the same texts from ``/static/i18n/``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from functools import cache
from typing import Annotated, get_args

from fastapi import APIRouter, HTTPException, Path, Query, Request, Response

from schoolpulse.i18n import Language
from schoolpulse.web.assets import Asset, make_asset, read_page, static_assets, web_texts

LANGUAGE_COOKIE = "schoolpulse-lang"
_YEAR_S = 365 * 86_400
Lang = Annotated[str | None, Query(max_length=8)]
_KEY = re.compile(r"\{\{([a-z0-9_.]+)\}\}")


@cache
def page(name: str, language: Language) -> Asset:
    """The page `name` in `language`.

    Raises:
        KeyError: it names a text that the catalogue does not have.
    """
    texts = {**web_texts(language), "language": language}
    filled = _KEY.sub(lambda match: html.escape(texts[match[1]]), read_page(name))
    return make_asset(f"{name}.html", filled.encode())


def router(has_school: Callable[[str], bool]) -> APIRouter:
    """The routes; `has_school` tells by its id which schools have a page."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/")
    async def wall(request: Request, lang: Lang = None) -> Response:
        return _page(request, "wall", lang)

    @routes.get("/schools/{school_id}")
    async def school(
        request: Request, school_id: Annotated[str, Path(max_length=128)], lang: Lang = None
    ) -> Response:
        known = has_school(school_id)
        return _page(request, "school" if known else "missing", lang, 200 if known else 404)

    @routes.get("/static/{path:path}")
    async def static(request: Request, path: Annotated[str, Path(max_length=200)]) -> Response:
        asset = static_assets().get(path)
        if asset is None:
            raise HTTPException(404, "No file lies there.")
        return _serve(request, asset, "no-cache")

    return routes


def _page(request: Request, name: str, asked: str | None, status: int = 200) -> Response:
    """The page in the language asked for, else in the one remembered, else in Vietnamese."""
    wanted = asked if asked in get_args(Language) else request.cookies.get(LANGUAGE_COOKIE)
    language: Language = "en" if wanted == "en" else "vi"
    response = _serve(request, page(name, language), "private, no-cache", status)
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
