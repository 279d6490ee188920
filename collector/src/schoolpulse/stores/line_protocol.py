"""Point blocks as InfluxDB line protocol, nanosecond timestamps.

The syntax is that of InfluxDB's documentation ("Line protocol", 1.8 and 2.7), narrowed to what 1.6.7, 2.x
and 3 read alike. Every number and boolean is a float, so that 1, 1.0 and true never make a field change its
type (docs/decisions/0300). This runs for every point: each combination of value types gets one format
string that turns a whole row into a line at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

from pydantic_core import to_json

from schoolpulse.stores.base import BadPoint, Delivery, PointBlock, Value
from schoolpulse.stores.shape import DELIVERY, Shape, clean_tag, delivery_ns, row_text, shape_of

Row = tuple[int, Sequence[str | None], Sequence[Value]]

_NUMBERS = frozenset({int, float})
_WORTH_IT = 4
"""Rows from which on whole columns are faster than single rows (measured)."""
_UNKNOWN = ""  # a template not made yet; None is one without any field


def lines_of(block: PointBlock, refused: list[BadPoint]) -> list[str]:
    """One line for each row of `block` that has a field; rows that cannot be written go to `refused`."""
    shape = shape_of(block)
    if shape.fault:
        refused.extend(BadPoint(block.measurement, shape.fault, row_text(row)) for row in block.rows)
        return []
    tag_width, width = len(block.tag_keys), len(block.field_keys)
    rows = block.rows
    if {(len(tags), len(values)) for _, tags, values in rows} != {(tag_width, width)}:
        rows = []
        for row in block.rows:
            if (len(row[1]), len(row[2])) == (tag_width, width):
                rows.append(row)
            else:
                refused.append(BadPoint(block.measurement, "a row of the wrong width", row_text(row)))
    prefixes = _prefixes(block, shape, rows)
    if len(rows) >= _WORTH_IT:
        flat = [value for _, _, values in rows for value in values]
        if _NUMBERS.issuperset(map(type, flat)):
            return _lines_of_numbers(shape, [row[0] for row in rows], prefixes, flat)
    return _lines_of_anything(block, shape, rows, prefixes, refused)


def _prefixes(block: PointBlock, shape: Shape, rows: Sequence[Row]) -> list[str]:
    """For each row its line up to the fields."""
    common = [value for _, value in block.common_tags]
    known: dict[tuple[str | None, ...], str] = {}
    prefixes = []
    for _, tags, _ in rows:
        key = tuple(tags)
        prefix = known.get(key)
        if prefix is None:
            prefix = known[key] = _prefix(block.measurement, shape, [*common, *tags])
        prefixes.append(prefix)
    return prefixes


def _lines_of_numbers(
    shape: Shape, times: Sequence[int], prefixes: Sequence[str], flat: Sequence[object]
) -> list[str]:
    """The lines of rows that hold nothing but numbers: whole columns at a time, twice as fast."""
    count = len(times)
    width = len(flat) // count
    # pydantic's writer makes shortest floats as repr does, in a fifth of the time.
    numbers = to_json(flat)[1:-1].decode().split(",")
    parts: list[list[str]] = [list(prefixes)]
    before = " "
    for key, index in shape.fields:
        parts.append([f"{before}{key}="] * count)
        parts.append(numbers[index::width])
        before = ","
    parts.append([f" {at_ms}000000\n" for at_ms in times])
    pieces = [""] * (count * len(parts))
    for place, column in enumerate(parts):
        pieces[place :: len(parts)] = column
    lines = "".join(pieces).split("\n")
    lines.pop()
    return lines


def _lines_of_anything(
    block: PointBlock, shape: Shape, rows: Sequence[Row], prefixes: Sequence[str], refused: list[BadPoint]
) -> list[str]:
    """The lines of rows of any values: each combination of types gets one format for a whole row."""
    templates: dict[tuple[type, ...], str | None] = {}
    lines = []
    for (at_ms, _, values), prefix in zip(rows, prefixes, strict=True):
        types = tuple(map(type, values))
        template = templates.get(types, _UNKNOWN)
        if template == _UNKNOWN:
            template = templates[types] = _template(shape.fields, types)
        if template is None:
            continue
        if str in types:
            values = [_quoted(value) if isinstance(value, str) else value for value in values]  # noqa: PLW2901 -- the same row
        try:
            lines.append(template % (prefix, *values, at_ms))
        except ValueError:  # an integer longer than Python turns into text
            refused.append(BadPoint(block.measurement, "a number beyond all floats", prefix))
    return lines


def delivery_line(delivery: Delivery) -> str:
    """The line of one receipt, at a nanosecond of its own."""
    return (
        f"{DELIVERY},{_tag('agent', delivery.agent)},{_tag('school', delivery.school)},"
        f"{_tag('stream', delivery.stream)} "
        f"delay_ms={delivery.delay_ms},points={delivery.points},seq={delivery.seq} {delivery_ns(delivery)}"
    )


def encode(lines: Sequence[str]) -> bytes:
    """The body of a write request. Text that is no Unicode (a lone surrogate) becomes ``?``."""
    return "\n".join(lines).encode("utf-8", "replace")


def escape(text: str) -> str:
    """`text` as a tag value (or key) in a line, `clean_tag` included."""
    return clean_tag(text).replace(",", "\\,").replace("=", "\\=").replace(" ", "\\ ")


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@lru_cache(1 << 16)
def _tag(key: str, value: str) -> str:
    return f"{key}={escape(value)}"


def _prefix(measurement: str, shape: Shape, values: Sequence[str | None]) -> str:
    parts = [measurement]
    for key, index in shape.tags:
        value = values[index]
        if value:  # InfluxDB knows no empty tag: empty is absent
            parts.append(_tag(key, value))
    return ",".join(parts)


@lru_cache(4096)
def _template(fields: tuple[tuple[str, int], ...], types: tuple[type, ...]) -> str | None:
    """A format for ``(prefix, *values, at_ms)``, or None where no value makes a field."""
    keys = {index: key for key, index in fields}
    parts = []
    comma = ""
    for index, kind in enumerate(types):
        key = keys.get(index)
        if key is None or kind is type(None):
            parts.append("%.0s")  # takes the value and writes nothing
            continue
        conversion = "%s" if kind is str else "%d" if kind is bool else "%r"
        parts.append(f"{comma}{key}={conversion}")
        comma = ","
    return f"%s {''.join(parts)} %d000000" if comma else None
