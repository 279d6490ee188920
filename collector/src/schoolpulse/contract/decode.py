"""From a topic and bytes to a message, or to the reason why not. Pure: no clock, no I/O.

The models check shape, types and ranges in one pass of compiled code. What they cannot say is checked
here: widths of rows, times against the time of receipt, names that are ours, control characters.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from schoolpulse.contract.models import Birth, Block, Body, Id, Reply, Seq, State, Telemetry, TimeMs
from schoolpulse.contract.reasons import Reason
from schoolpulse.errors import Rejected, RejectedBatch
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

RESERVED_COLUMNS = frozenset({"time", "school", "agent", "stream"})
"""Columns that the collector adds itself, from the registry; a payload cannot claim them."""
RESERVED_MEASUREMENTS = frozenset(
    {
        *("agent", "delivery"),
        *("agents", "collector", "incident", "line_speed", "school", "school_now", "status", "tier"),
    }
)
"""Measurements that the collector writes itself."""

_MAX_FUTURE_MS = wire.MAX_FUTURE_MS
_MIN_TIME_MS = wire.MIN_TIME_MS
# C0 and C1 controls, line and paragraph separators: they break line protocols, logs and terminals.
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
# The head as `wire.telemetry_message` writes it, for batches whose rest cannot be read.
_HEAD = re.compile(
    rb'\s*\{\s*"v"\s*:\s*\d{1,9}\s*,\s*"stream"\s*:\s*"([A-Za-z0-9_-]{1,64})"\s*,\s*"seq"\s*:\s*(\d{1,19})\s*[,}]'
)

# The models' compiled validators themselves: `model_validate_json` adds a microsecond to each message.
_VALIDATE: dict[Kind, Callable[[bytes], Body]] = {
    Kind.TELEMETRY: Telemetry.__pydantic_validator__.validate_json,
    Kind.STATE: State.__pydantic_validator__.validate_json,
    Kind.BIRTH: Birth.__pydantic_validator__.validate_json,
    Kind.REPLY: Reply.__pydantic_validator__.validate_json,
}


@dataclass(frozen=True, slots=True)
class Decoded:
    """A message that keeps the contract."""

    agent_id: str
    kind: Kind
    body: Body


def decode(topic: str, payload: bytes, received_ms: int) -> Decoded:
    """The message in `payload`.

    Args:
        topic: the MQTT topic that it came on.
        payload: its bytes, of any length and content.
        received_ms: the collector's clock at receipt; samples may lie `wire.MAX_FUTURE_MS` ahead of it.

    Raises:
        RejectedBatch: it is a batch that breaks the contract, and says which it is.
        Rejected: it breaks the contract.
    """
    agent_id, kind = address(topic)
    if kind is not Kind.TELEMETRY:
        return Decoded(agent_id, kind, _body(kind, payload))
    try:
        body = _body(kind, payload)
        assert isinstance(body, Telemetry)  # noqa: S101 - tells mypy what the table above says
        _check_telemetry(body, received_ms)
    except Rejected as rejected:
        head = _salvage_head(payload)
        if head is None:
            raise
        raise RejectedBatch(rejected, head.stream, head.seq, head.sent_at, head.boot) from rejected
    return Decoded(agent_id, kind, body)


@lru_cache(maxsize=1 << 16)
def address(topic: str) -> tuple[str, Kind]:
    """The agent id and kind that `topic` names.

    Raises:
        Rejected: it names none.
    """
    try:
        return wire.split_topic(topic)
    except ValueError:
        raise Rejected(Reason.BAD_TOPIC) from None


def _body(kind: Kind, payload: bytes) -> Body:
    validate = _VALIDATE.get(kind)
    if validate is None:
        raise Rejected(Reason.UNEXPECTED_KIND, kind.value)
    if len(payload) > wire.MAX_MESSAGE_BYTES:
        raise Rejected(Reason.TOO_LARGE, f"{len(payload)} bytes")
    if not payload:
        raise Rejected(Reason.EMPTY)
    try:
        body = validate(payload)
    except ValidationError as error:
        raise _rejection(error, payload) from None
    # JSON holds control characters only escaped, but for those from DEL on. Three scans by memchr and
    # its like tell almost every message apart from those few that must be looked through.
    if b"\\" in payload or b"\x7f" in payload or not payload.isascii():
        _check_strings(body)
    return body


def _check_telemetry(batch: Telemetry, received_ms: int) -> None:
    latest_ms = received_ms + _MAX_FUTURE_MS
    total = 0
    for block in batch.blocks:
        _check_columns(block)
        total += len(block.rows)
        # Whole columns first, in compiled code: almost every block passes, and the others get their reason.
        times, tags, fields = zip(*block.rows, strict=True)
        if (
            {*map(len, tags)} != {len(block.tags)}
            or {*map(len, fields)} != {len(block.fields)}
            or min(times) < _MIN_TIME_MS
            or max(times) > latest_ms
        ):
            _check_rows(block, latest_ms)
    if total > wire.MAX_ROWS:
        raise Rejected(Reason.TOO_MANY_ROWS, f"{total} rows")


def _check_rows(block: Block, latest_ms: int) -> None:
    tag_count = len(block.tags)
    field_count = len(block.fields)
    for at_ms, tags, fields in block.rows:
        if len(tags) != tag_count or len(fields) != field_count:
            raise Rejected(Reason.BAD_ROW_WIDTH, block.m)
        if not _MIN_TIME_MS <= at_ms <= latest_ms:
            early = at_ms < _MIN_TIME_MS
            raise Rejected(Reason.TIME_TOO_OLD if early else Reason.TIME_IN_FUTURE, block.m)


def _check_columns(block: Block) -> None:
    columns = {*block.tags, *block.fields}
    if len(columns) != len(block.tags) + len(block.fields):
        raise Rejected(Reason.DUPLICATE_COLUMN, block.m)
    if not RESERVED_COLUMNS.isdisjoint(columns) or block.m in RESERVED_MEASUREMENTS:
        raise Rejected(Reason.RESERVED_NAME, block.m)


def _check_strings(body: Body) -> None:
    if isinstance(body, Telemetry):
        strings: Iterable[object] = (
            value for block in body.blocks for row in block.rows for values in row[1:] for value in values
        )
    else:
        strings = _leaves(body.model_dump())
    for value in strings:
        if isinstance(value, str) and _CONTROL.search(value):
            raise Rejected(Reason.CONTROL_CHARACTER)


def _leaves(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


class _Head(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    stream: Id
    seq: Seq
    sent_at: TimeMs | None = None
    boot: Id | Literal[""] = ""


def _salvage_head(payload: bytes) -> _Head | None:
    """What a batch that is refused says of itself, where its stream and number can still be read."""
    if len(payload) <= wire.MAX_MESSAGE_BYTES:
        try:
            return _Head.model_validate_json(payload)
        except ValidationError as error:
            wrong = {one["loc"][:1] for one in error.errors(include_url=False, include_input=False)}
        if wrong <= {("sent_at",), ("boot",)}:
            named = _Named.model_validate_json(payload)
            return _Head(stream=named.stream, seq=named.seq)
    # The rest of it is no JSON, or too long; its first bytes may do.
    found = _HEAD.match(payload[:512])
    if found is None or not 1 <= int(found[2]) <= wire.MAX_SEQ:
        return None
    return _Head(stream=found[1].decode(), seq=int(found[2]))


class _Named(BaseModel):
    model_config = ConfigDict(strict=True, extra="ignore")

    stream: Id
    seq: Seq


_REASONS = {
    "finite_number": Reason.NOT_FINITE,
    "string_pattern_mismatch": Reason.BAD_NAME,
    "string_too_long": Reason.TOO_LONG,
    "literal_error": Reason.BAD_WORD,
    "greater_than_equal": Reason.OUT_OF_RANGE,
    "less_than_equal": Reason.OUT_OF_RANGE,
    "int_parsing_size": Reason.OUT_OF_RANGE,
}
_LISTS = {
    "blocks": Reason.TOO_MANY_BLOCKS,
    "tags": Reason.TOO_MANY_COLUMNS,
    "fields": Reason.TOO_MANY_COLUMNS,
    "rows": Reason.TOO_MANY_ROWS,
}


def _rejection(error: ValidationError, payload: bytes) -> Rejected:
    """One reason for all that pydantic found: the first that says more than "wrong type"."""
    found = [
        (_reason(one, payload), one["loc"])
        for one in error.errors(include_url=False, include_context=False, include_input=False)
    ]
    reason, where = next((one for one in found if one[0] is not Reason.WRONG_TYPE), found[0])
    return Rejected(reason, ".".join(str(step) for step in where[:6]))


def _reason(error: ErrorDetails, payload: bytes) -> Reason:
    kind, where = error["type"], error["loc"]
    if kind == "json_invalid":
        return _json_reason(payload, error["msg"])
    if kind in {"too_long", "too_short", "missing"}:
        return _count_reason(kind, where)
    if where == ("v",):
        return Reason.WRONG_VERSION
    return _REASONS.get(kind, Reason.WRONG_TYPE) if where else Reason.NOT_AN_OBJECT


def _count_reason(kind: str, where: tuple[int | str, ...]) -> Reason:
    """Why a list is too long or too short, or a key or a part of a row is not there."""
    if "rows" in where[:-1]:
        return Reason.BAD_ROW_WIDTH
    if kind == "missing":
        return Reason.MISSING_FIELD
    if kind == "too_short":
        return Reason.EMPTY_BLOCK
    return _LISTS.get(str(where[-1]), Reason.TOO_MANY_ITEMS)


def _json_reason(payload: bytes, message: str) -> Reason:
    try:
        payload.decode()
    except UnicodeDecodeError:
        return Reason.NOT_UTF8
    return Reason.NESTED_TOO_DEEP if "recursion" in message else Reason.BAD_JSON
