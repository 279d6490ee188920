"""Pages as they lie in ``pages/``, filled in: ``{{>part}}``, ``{{catalogue.key}}``, the page's settings."""

from __future__ import annotations

import html
import re
from functools import cache

from schoolpulse.i18n import Language
from schoolpulse.web.assets import Asset, make_asset, read_page, static_assets, web_texts
from schoolpulse.web.settings import PageSettings

_PART = re.compile(r"\{\{>([a-z_]+)\}\}")
_KEY = re.compile(r"\{\{([a-z0-9_.]+)\}\}")
_MODULE = re.compile(r'<script type="module" src="/static/(js/[a-z-]+\.js)">')
_IMPORT = re.compile(rb'^(?:import|\}) .*?from "\./([a-z-]+\.js)";$', re.MULTILINE)
_SECTION = re.compile(r'<body[^>]* data-section="([a-z]+)"')


@cache
def page(name: str, language: Language, settings: PageSettings) -> Asset:
    """The page `name` in `language`, its own entry of the navigation marked.

    Raises:
        KeyError: it names a text that the catalogue does not have.
    """
    source = assembled(name)
    section = _SECTION.search(source)
    if section:
        mark = f'data-page="{section[1]}"'
        source = source.replace(mark, f'{mark} aria-current="page"')
    script = _MODULE.search(source)
    if script:
        source = source.replace("</head>", _preloads(script[1], language) + "</head>")
    texts = {
        **web_texts(language),
        "language": language,
        "tile_url": settings.tile_url,
        "tile_credit": settings.tile_credit,
    }
    filled = _KEY.sub(lambda match: html.escape(texts[match[1]]), source)
    return make_asset(f"{name}.html", filled.encode())


def assembled(name: str) -> str:
    """The page's source with its parts in their places."""
    source = read_page(name)
    while _PART.search(source):
        source = _PART.sub(lambda match: read_page(f"parts/{match[1]}").rstrip("\n"), source)
    return source


def _preloads(script: str, language: Language) -> str:
    """Lets the browser ask for everything that the script imports at once, and not file after file."""
    needed, waiting = {script}, [script]
    while waiting:
        found = {f"js/{name.decode()}" for name in _IMPORT.findall(static_assets()[waiting.pop()].body)}
        waiting += found - needed
        needed |= found
    fetched = [f"/static/i18n/{language}.json", *(["/api/v1/session"] if "js/session.js" in needed else [])]
    return "".join(
        f'  <link rel="preload" as="fetch" href="{path}" crossorigin>\n' for path in fetched
    ) + "".join(f'  <link rel="modulepreload" href="/static/{name}">\n' for name in sorted(needed - {script}))
