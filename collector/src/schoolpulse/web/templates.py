"""Pages as they lie in ``pages/``, filled in: ``{{>part}}``, ``{{catalogue.key}}``, the page's settings."""

from __future__ import annotations

import html
import re
from functools import cache

from schoolpulse.i18n import Language
from schoolpulse.web.assets import Asset, make_asset, read_page, web_texts
from schoolpulse.web.settings import PageSettings

_PART = re.compile(r"\{\{>([a-z_]+)\}\}")
_KEY = re.compile(r"\{\{([a-z0-9_.]+)\}\}")
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
