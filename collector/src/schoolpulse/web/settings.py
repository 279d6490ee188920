"""``[page]``: what a district may set of the page."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _tile_url(text: str) -> str:
    if text and not all(part in text for part in ("{z}", "{x}", "{y}")):
        raise ValueError("an address with {z}, {x} and {y} in it")
    return text


class PageSettings(BaseModel):
    """The map draws the schools' positions by itself. With `tile_url` map tiles lie below them.

    `tile_url` is an XYZ tile server in Web Mercator, ``https://tiles.example/{z}/{x}/{y}.png``: every browser
    that shows the map then asks that host, and the page's content policy allows images from it and from no
    other. `tile_credit` is what the tiles' owner wants to have said beside them.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    tile_url: Annotated[
        str,
        Field(max_length=300, pattern=r"^(https?://[A-Za-z0-9.:\-]+/[^\s;,'\"]*)?$"),
        AfterValidator(_tile_url),
    ] = ""
    tile_credit: Annotated[str, Field(max_length=200)] = ""

    @property
    def image_host(self) -> str:
        """The origin that images may come from beside our own; empty without tiles."""
        parts = urlsplit(self.tile_url)
        return f"{parts.scheme}://{parts.netloc}" if self.tile_url else ""
