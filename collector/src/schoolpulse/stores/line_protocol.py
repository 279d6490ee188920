"""Point blocks as InfluxDB line protocol, nanosecond timestamps.

The syntax is that of InfluxDB's documentation ("Line protocol", 1.8 and 2.7), narrowed to what 1.6.7, 2.x
and 3 read alike. Every number and boolean is a float, so that 1, 1.0 and true never make a field change its
type (docs/decisions/0300). This runs for every point: each combination of value types gets one format
string that turns a whole row into a line at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import chain

from pydantic_core import to_json

from schoolpulse.stores.base import BadPoint, Delivery, PointBlock, Value
from schoolpulse.stores.shape import DELIVERY, Shape, clean_tag, delivery_ns, row_text, shape_of

Row = tuple[int, Sequence[str | None], Sequence[Value]]

_NUMBERS = frozenset({int, float})
_WORTH_IT = 4
"""Rows from which on whole columns are faster than single rows (measured)."""
SERIES_BYTES = 24_000_000
"""What the beginnings of lines may weigh that are kept: some 50,000 series."""
_UNKNOWN = ""  # a template not made yet; None is one without any field


def lines_of(block: PointBlock, refused: list[BadPoint]) -> list[str]:
    """One line for each row of `block` that has a field; rows that cannot be written go to `refused`."""
    return _lines_of_group(_columns(block), [block], refused)


def lines_of_all(blocks: Iterable[PointBlock], size: int, refused: list[BadPoint]) -> Iterator[list[str]]:
    """The lines of `blocks`, some `size` at a time, in no particular order.

    Blocks of many agents with the same columns are encoded together, which makes blocks of one row cheap.
    """
    groups: dict[_Columns, list[PointBlock]] = {}
    for block in blocks:
        groups.setdefault(_columns(block), []).append(block)
    for columns, group in groups.items():
        piece: list[PointBlock] = []
        rows = 0
        for block in group:
            piece.append(block)
            rows += len(block.rows)
            if rows >= size:
                yield _lines_of_group(columns, piece, refused)
                piece, rows = [], 0
        if piece:
            yield _lines_of_group(columns, piece, refused)


_Columns = tuple[str, tuple[str, ...], tuple[str, ...], tuple[str, ...]]
"""What blocks that are encoded together share: measurement, and the keys of common tags, tags and fields."""


def _columns(block: PointBlock) -> _Columns:
    common = tuple([key for key, _ in block.common_tags])
    return block.measurement, common, tuple(block.tag_keys), tuple(block.field_keys)


def _lines_of_group(columns: _Columns, blocks: Sequence[PointBlock], refused: list[BadPoint]) -> list[str]:
    """The lines of blocks with the same columns."""
    shape = shape_of(blocks[0])
    if shape.fault:
        for block in blocks:
            refused.extend(BadPoint(block.measurement, shape.fault, row_text(row)) for row in block.rows)
        return []
    rows = [row for block in blocks for row in block.rows]
    if len(rows) >= _WORTH_IT:
        times, tags, values = zip(*rows, strict=True)
        if {*map(len, tags)} == {len(columns[2])} and {*map(len, values)} == {len(columns[3])}:
            flat = list(chain.from_iterable(values))
            if _NUMBERS.issuperset(map(type, flat)):
                prefixes: list[str] = []
                for block in blocks:
                    prefixes += _prefixes(columns, block, shape, block.rows)
                return _lines_of_numbers(shape, times, prefixes, flat)
    if len(blocks) > 1:  # some of them hold other things than numbers, and most of them do not
        return [line for block in blocks for line in _lines_of_group(columns, [block], refused)]
    good = _rows_of_right_width(blocks[0], refused)
    return _lines_of_anything(blocks[0], shape, good, _prefixes(columns, blocks[0], shape, good), refused)


def _rows_of_right_width(block: PointBlock, refused: list[BadPoint]) -> Sequence[Row]:
    widths = len(block.tag_keys), len(block.field_keys)
    rows = []
    for row in block.rows:
        if (len(row[1]), len(row[2])) == widths:
            rows.append(row)
        else:
            refused.append(BadPoint(block.measurement, "a row of the wrong width", row_text(row)))
    return rows


_Tags = tuple[str | None, ...]


class _Series:
    """The beginnings of lines that were made before: agents send the same series again and again."""

    def __init__(self) -> None:
        self._known: dict[_Columns, dict[tuple[tuple[str, str], ...], dict[_Tags, str]]] = {}
        self._bytes = 0

    def of(self, columns: _Columns, block: PointBlock) -> dict[_Tags, str]:
        """Those of the block's columns and common tags, by the row's tags."""
        return self._known.setdefault(columns, {}).setdefault(block.common_tags, {})

    def added(self, prefix: str) -> None:
        """One more is known; when they are too many, all are forgotten."""
        self._bytes += 2 * len(prefix) + 200  # it, its key and its place
        if self._bytes > SERIES_BYTES:
            self._known = {}
            self._bytes = 0


_series = _Series()


def _prefixes(columns: _Columns, block: PointBlock, shape: Shape, rows: Sequence[Row]) -> list[str]:
    """For each row its line up to the fields."""
    known = _series.of(columns, block)
    keys = [tuple(row[1]) for row in rows]
    prefixes = [known.get(key) for key in keys]
    if None in prefixes:
        common = [value for _, value in block.common_tags]
        for key in set(keys) - known.keys():
            known[key] = _prefix(block.measurement, shape, [*common, *key])
            _series.added(known[key])
    return [known[key] for key in keys]


def _lines_of_numbers(
    shape: Shape, times: Sequence[int], prefixes: Sequence[str], flat: Sequence[object]
) -> list[str]:
    """The lines of rows that hold nothing but numbers: whole columns at a time, twice as fast."""
    count = len(times)
    width = len(flat) // count
    # pydantic's writer makes shortest floats as repr does, in a fifth of the time.
    numbers = to_json(flat)[1:-1].decode().split(",")
    parts: list[Sequence[str]] = [prefixes]
    before = " "
    for key, index in shape.fields:
        parts.append([f"{before}{key}="] * count)
        parts.append(numbers[index::width])
        before = ","
    parts += [[" "] * count, to_json(times)[1:-1].decode().split(","), ["000000\n"] * count]
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
