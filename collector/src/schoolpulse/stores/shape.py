"""What every store agrees on about names, tags and receipts, so that a chart is the same from each.

* Names (measurements, tag keys, field keys) are those of the wire contract; others are refused.
* A tag that the registry gave wins over one of the same name in the payload; a field of a tag's name is
  left out, as is the second column of a name: InfluxDB can hold none of these.
* A tag is one line of text that InfluxDB's line protocol can carry (see `clean_tag`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

from schoolpulse.stores.base import Delivery, PointBlock

DELIVERY = "delivery"
"""The measurement of the receipts: tags school, agent, stream; fields seq, points, delay_ms."""
DELIVERY_TAGS = ("agent", "school", "stream")
DELIVERY_FIELDS = ("delay_ms", "points", "seq")

_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_NOT_PLAIN = re.compile(r"[\x00-\x1f\x7f\\]")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_UNSAFE_BACKSLASH = re.compile(r"\\(?=[\\,= ]|\Z)")


def clean_tag(value: str) -> str:
    """`value` as every store keeps it.

    A control character, line breaks among them, becomes a space. A backslash stays where a plain
    character follows each (``C:\\temp``); otherwise line protocol has no way to write it (it would join
    what comes next), and all of that value's become slashes (``//server/printer``).
    """
    if _NOT_PLAIN.search(value) is None:
        return value
    value = _CONTROL.sub(" ", value)
    return value.replace("\\", "/") if _UNSAFE_BACKSLASH.search(value) else value


@dataclass(frozen=True, slots=True)
class Shape:
    """How the columns of a block become tags and fields.

    `tags` are ``(key, index)`` in ascending order of keys, the index into the common tags' values
    followed by the row's. `fields` are ``(key, index)`` into the row's values. `fault` says why no
    row of the block can be stored, and is empty where they can.
    """

    tags: tuple[tuple[str, int], ...]
    fields: tuple[tuple[str, int], ...]
    fault: str


def shape_of(block: PointBlock) -> Shape:
    """The shape of `block`; cached by its names."""
    common = tuple([key for key, _ in block.common_tags])
    return _shape(block.measurement, common, tuple(block.tag_keys), tuple(block.field_keys))


@lru_cache(4096)
def _shape(
    measurement: str, common: tuple[str, ...], tag_keys: tuple[str, ...], field_keys: tuple[str, ...]
) -> Shape:
    for name in (measurement, *common, *tag_keys, *field_keys):
        if _NAME.match(name) is None:
            return Shape((), (), "a name that is not one of the contract")
        if name == "time" and name != measurement:
            return Shape((), (), "no tag and no field can be called time")
    tags: dict[str, int] = {}
    for index, key in enumerate((*common, *tag_keys)):
        tags.setdefault(key, index)
    fields: dict[str, int] = {}
    for index, key in enumerate(field_keys):
        if key not in tags:
            fields.setdefault(key, index)
    return Shape(tuple(sorted(tags.items())), tuple(fields.items()), "")


def delivery_ns(delivery: Delivery) -> int:
    """The receipt's own nanosecond: its millisecond, and the sequence number within it.

    Two receipts of one stream share one only if they lie a million batches apart in one millisecond.
    """
    return delivery.at_ms * 1_000_000 + delivery.seq % 1_000_000


def row_text(row: object) -> str:
    """A row for the quarantine, no longer than anybody reads."""
    try:
        return repr(row)[:2000]
    except ValueError:  # an integer longer than Python turns into text
        return "a row with a number of thousands of digits"
