"""The page's own files and the one library, read once from the installed packages and kept in memory."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable

from schoolpulse.i18n import LANGUAGES, Language, catalogue

CHART_LIBRARY = ("chartkick", "django/static/chartkick/Chart.bundle.js")
"""Chart.js 4 with its date adapter, as the package ``chartkick`` carries it."""

TEXTS = ("web.", "kind.", "cause.", "refusal.", "registry.mistake.")

_TYPES = {
    "css": "text/css; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "json": "application/json",
    "svg": "image/svg+xml",
    "webmanifest": "application/manifest+json",
}


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served; `etag` names its content."""

    media_type: str
    body: bytes
    zipped: bytes
    etag: str


def make_asset(name: str, body: bytes) -> Asset:
    """`body` with its media type by the end of `name`, packed once."""
    etag = f'"{hashlib.sha256(body).hexdigest()[:20]}"'
    return Asset(_TYPES[name.rpartition(".")[2]], body, gzip.compress(body, 6, mtime=0), etag)


@cache
def static_assets() -> Mapping[str, Asset]:
    """Everything under ``/static/`` by its path there. Only what lies in these folders can be named."""
    found = {path: make_asset(path, body) for path, body in _walk(files(__package__) / "static", "")}
    package, path = CHART_LIBRARY
    found["vendor/chart.js"] = make_asset(path, (files(package) / path).read_bytes())
    for language in LANGUAGES:
        body = json.dumps(web_texts(language), ensure_ascii=False, separators=(",", ":")).encode()
        found[f"i18n/{language}.json"] = make_asset("texts.json", body)
    return found


def web_texts(language: Language) -> dict[str, str]:
    """Every text of the page in `language` by its key: its own, the words for incidents, and refusals."""
    return {key: texts[language] for key, texts in catalogue().items() if key.startswith(TEXTS)}


def read_page(name: str) -> str:
    """The page ``pages/<name>.html``, its ``{{keys}}`` not yet filled in."""
    return (files(__package__) / "pages" / f"{name}.html").read_text("utf-8")


def _walk(folder: Traversable, prefix: str) -> list[tuple[str, bytes]]:
    found: list[tuple[str, bytes]] = []
    for entry in folder.iterdir():
        if entry.is_dir():
            found += _walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.rpartition(".")[2] in _TYPES:
            found.append((prefix + entry.name, entry.read_bytes()))
    return found
