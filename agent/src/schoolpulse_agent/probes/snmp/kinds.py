"""Kinds of devices, one TOML file each: what to ask, and what the answers mean. A new kind needs no code.

A profile names its `measurement`, whether the device's `interfaces` are counted, optionally the object that
tells its `uptime`, and its ``[[field]]``s: `oid` of a single object or `column` of a table, and how the value
becomes the field's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Callable, NamedTuple

from schoolpulse_agent.errors import Problem
from schoolpulse_agent.probes.snmp.talk import Column, Value, parse_oid
from schoolpulse_agent.toml_table import Table, read_table
from schoolpulse_agent.wire import MAX_STRING_CHARS, FieldValue

BUILT_IN = Path(__file__).parent / "kinds"
_NAME = "[a-z][a-z0-9_]{0,31}"
_TAKES = ("first", "min", "max", "mean", "sum", "count")
MAX_FIELDS = 24


class Field(NamedTuple):
    """One field of a profile.

    Args:
        name: with its unit.
        oid: of a single object; empty where it is a column's.
        column: of a table; `take` makes one value of its rows.
        over: the column that each value is divided by.
        where: the column that must say one of `where_is` (numbers, or object identifiers as text).
        scale: the value is multiplied by it.
        one_of: 1 where the value is one of these, else 0.
        words: the value's word.
        bits: words for the bits of octets, the first bit first; those that are set, with spaces.
    """

    name: str
    oid: tuple[int, ...] = ()
    column: tuple[int, ...] = ()
    over: tuple[int, ...] = ()
    where: tuple[int, ...] = ()
    where_is: tuple[str, ...] = ()
    take: str = "first"
    scale: float = 1.0
    one_of: tuple[int, ...] = ()
    words: Mapping[int, str] = {}
    bits: tuple[str, ...] = ()

    @property
    def is_state(self) -> bool:
        """Whether it says a state, whose change is news, and not a quantity."""
        return bool(self.one_of or self.words or self.bits)


class Kind(NamedTuple):
    """A whole profile."""

    measurement: str
    fields: tuple[Field, ...] = ()
    interfaces: bool = False
    uptime: tuple[int, ...] = ()

    def scalars(self) -> tuple[tuple[int, ...], ...]:
        """The single objects to ask for."""
        return tuple(field.oid for field in self.fields if field.oid)

    def columns(self) -> tuple[tuple[int, ...], ...]:
        """The columns to walk."""
        wanted = [oid for field in self.fields for oid in (field.column, field.over, field.where) if oid]
        return tuple(dict.fromkeys(wanted))


def find_profile(kind: str, folder: Path | None) -> Path | None:
    """The profile of `kind`: the operator's in `folder` before ours; None where there is none."""
    for place in (folder, BUILT_IN):
        if place is not None and (place / f"{kind}.toml").is_file():
            return place / f"{kind}.toml"
    return None


def load_kind(path: Path) -> tuple[Kind, list[Problem]]:
    """The profile in the file at `path`, and all that is wrong with it."""
    try:
        table = read_table(path.read_bytes())
    except OSError as error:
        return Kind(path.stem), [Problem(str(path), error.strerror or "cannot be read")]
    kind = Kind(
        measurement=table.text("measurement", required=True, matching=_NAME),
        fields=tuple(_field(entry) for entry in table.tables("field")),
        interfaces=table.flag("interfaces", False),
        uptime=_oid(table, "uptime"),
    )
    if len(kind.fields) > MAX_FIELDS:
        table.wrong("field", f"{len(kind.fields)} fields are too many", f"at most {MAX_FIELDS}")
    table.done()
    return kind, table.mistakes.problems


def _field(table: Table) -> Field:
    field = Field(
        name=table.text("name", required=True, matching=_NAME),
        oid=_oid(table, "oid"),
        column=_oid(table, "column"),
        over=_oid(table, "over"),
        where=_oid(table, "where"),
        where_is=table.texts("where_is"),
        take=table.choice("take", "first", _TAKES),
        scale=table.number("scale", 1.0, -1e9, 1e9),
        one_of=tuple(int(item) for item in table.wholes("one_of")),
        words={int(key): word for key, word in table.words("words").items() if key.isdigit()},
        bits=table.texts("bits"),
    )
    if bool(field.oid) == bool(field.column):
        table.wrong("oid", "a field has an oid or a column", "a single object's oid ends with .0")
    table.done()
    return field


def _oid(table: Table, key: str) -> tuple[int, ...]:
    text = table.text(key)
    try:
        return parse_oid(text) if text else ()
    except ValueError as error:
        table.wrong(key, str(error), "like 1.3.6.1.2.1.1.3.0")
        return ()


def value_of(
    field: Field, scalars: Mapping[tuple[int, ...], Value], columns: Mapping[tuple[int, ...], Column]
) -> FieldValue:
    """What `field` says, out of everything that the device answered; None where it did not."""
    if field.oid:
        return _meaning(field, scalars.get(field.oid))
    column = columns.get(field.column, {})
    rows = [index for index in column if _is_wanted(field, columns.get(field.where, {}).get(index))]
    if field.take == "count":
        return len(rows) if column else None
    if field.is_state or field.take == "first":
        return _meaning(field, column[rows[0]] if rows else None)
    numbers = [number for index in rows if (number := _quotient(field, index, columns)) is not None]
    if not numbers:
        return None
    return _scaled(field, _AGGREGATES[field.take](numbers))


def _is_wanted(field: Field, value: Value) -> bool:
    if not field.where:
        return True
    text = ".".join(map(str, value)) if isinstance(value, tuple) else str(value)
    return text in field.where_is


def _quotient(
    field: Field, index: tuple[int, ...], columns: Mapping[tuple[int, ...], Column]
) -> float | None:
    """The row's number; negative ones stand for "unknown" and the like in the MIBs (RFC 3805)."""
    value = columns[field.column].get(index)
    if not isinstance(value, int) or (field.over and value < 0):
        return None
    if not field.over:
        return value
    whole = columns.get(field.over, {}).get(index)
    return value / whole if isinstance(whole, int) and whole > 0 else None


def _meaning(field: Field, value: Value) -> FieldValue:
    if field.bits:
        if not isinstance(value, bytes):
            return None
        names = [name for at, name in enumerate(field.bits) if _bit(value, at)]
        return " ".join(names)[:MAX_STRING_CHARS]
    if not isinstance(value, int):
        return None
    if field.words:
        return field.words.get(value, str(value))
    if field.one_of:
        return int(value in field.one_of)
    return _scaled(field, value)


def _bit(octets: bytes, at: int) -> bool:
    """BITS count from the most significant bit of the first octet (RFC 2578, section 7.1.4)."""
    return at // 8 < len(octets) and bool(octets[at // 8] & 0x80 >> at % 8)


def _scaled(field: Field, number: float) -> FieldValue:
    scaled = float(number * field.scale)
    return int(scaled) if scaled.is_integer() else round(scaled, 4)


def _mean(numbers: list[float]) -> float:
    return sum(numbers) / len(numbers)


_AGGREGATES: dict[str, Callable[[list[float]], float]] = {"min": min, "max": max, "sum": sum, "mean": _mean}
