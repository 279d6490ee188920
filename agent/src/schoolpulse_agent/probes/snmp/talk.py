"""What is said in an SNMP poll, apart from how it travels: requests go out, responses come back.

A poll is a generator that yields a `Get` or a `Bulk` and is sent its `Response`. The same poll so runs over
v1 and v2c (`messages`) and over v3 (`usm`), and in tests over nothing at all.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import NamedTuple, TypeVar, Union

Value = Union[int, bytes, "tuple[int, ...]", None]
"""Integers, counters and ticks; octets; object identifiers; None where the device has no such object."""

TOO_BIG, NO_SUCH_NAME = 1, 2
"""error-status (RFC 3416, section 3)."""
MAX_ROWS = 1024
MAX_RESPONSE_VARBINDS = 60
"""About what fits into one datagram of 1,400 bytes."""
_MAX_REQUESTS = 200


class SnmpTrouble(Exception):
    """The device answers, but not with what was asked for."""


class Get(NamedTuple):
    """Ask for exactly these objects."""

    oids: tuple[tuple[int, ...], ...]


class Bulk(NamedTuple):
    """Ask for the next `repetitions` objects after each of these (RFC 3416, section 4.2.3)."""

    oids: tuple[tuple[int, ...], ...]
    repetitions: int


class Response(NamedTuple):
    """What came back; `error_index` counts from 1."""

    varbinds: list[tuple[tuple[int, ...], Value]]
    error_status: int = 0
    error_index: int = 0


Request = Union[Get, Bulk]
Result = TypeVar("Result")
Talk = Generator[Request, Response, Result]
Column = dict[tuple[int, ...], Value]
"""One column of a table: values by index."""


def parse_oid(text: str) -> tuple[int, ...]:
    """The numbers of ``1.3.6.1...``.

    Raises:
        ValueError: it is no object identifier.
    """
    parts = tuple(int(part) for part in text.strip(".").split("."))
    if len(parts) < 2 or len(parts) > 128 or any(not 0 <= part < 2**32 for part in parts):
        raise ValueError(f"{text[:40]!r} is no object identifier")
    return parts


def get(oids: Sequence[tuple[int, ...]], at_once: int = 20) -> Talk[dict[tuple[int, ...], Value]]:
    """The values of single objects, without those that the device does not have.

    SNMPv1 refuses a whole request for one unknown object (RFC 1157, section 4.1.2): asked again without.
    """
    found: dict[tuple[int, ...], Value] = {}
    left = list(dict.fromkeys(oids))
    for _ in range(_MAX_REQUESTS):
        if not left:
            break
        asked = left[:at_once]
        response = yield Get(tuple(asked))
        if response.error_status == TOO_BIG and len(asked) > 1:
            at_once = len(asked) // 2
        elif response.error_status == NO_SUCH_NAME and 0 < response.error_index <= len(asked):
            left.remove(asked[response.error_index - 1])
        elif response.error_status:
            raise SnmpTrouble(f"error status {response.error_status}")
        else:
            found.update((oid, value) for oid, value in response.varbinds if value is not None)
            left = left[len(asked) :]
    return found


def walk(
    columns: Sequence[tuple[int, ...]], expected_rows: int | None = None
) -> Talk[dict[tuple[int, ...], Column]]:
    """Whole columns of tables, several at once by GETBULK; at most `MAX_ROWS` rows of each.

    What a response holds beyond the end of a table is read for nothing, and reading is what a poll costs:
    `expected_rows`, how many there were last time, asks for one more than these and for no others.
    """
    found: dict[tuple[int, ...], Column] = {column: {} for column in columns}
    at = {column: column for column in found}
    most, rows = 25, 0
    for _ in range(_MAX_REQUESTS):
        if not at:
            break
        order = list(at)
        most = max(1, min(most, MAX_RESPONSE_VARBINDS // len(order)))
        left = most if expected_rows is None or rows > expected_rows else expected_rows - rows + 1
        repetitions = min(most, left)
        response = yield Bulk(tuple(at.values()), repetitions)
        if response.error_status == TOO_BIG and repetitions > 1:
            most = repetitions // 2
        elif response.error_status == NO_SUCH_NAME and 0 < response.error_index <= len(order):
            del at[order[response.error_index - 1]]  # SNMPv1's end of the MIB
        elif response.error_status or not response.varbinds:
            break
        else:
            _file(response.varbinds, order, at, found)
            rows += len(response.varbinds) // len(order)
    return found


def _file(
    varbinds: list[tuple[tuple[int, ...], Value]],
    order: list[tuple[int, ...]],
    at: dict[tuple[int, ...], tuple[int, ...]],
    found: dict[tuple[int, ...], Column],
) -> None:
    """Put a response's rows into their columns; a column ends where the next object is not its own.

    A device that does not go on upwards would be walked for ever: its column ends too.
    """
    for position, (oid, value) in enumerate(varbinds):
        column = order[position % len(order)]
        if column not in at:
            continue
        ours = oid[: len(column)] == column and oid > at[column] and value is not None
        if not ours or len(found[column]) >= MAX_ROWS:
            del at[column]
            continue
        found[column][oid[len(column) :]] = value
        at[column] = oid
