"""The wire contract, version 1, as every speaker of it needs it: topics, limits, messages, sequence sets.

This is the one module that the collector and the simulator share with the agent. It is plain standard
library, runs on Python 3.9, and does no I/O. The letter of the contract is `docs/vendor/contract.md`.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_left
from collections.abc import Iterable
from enum import Enum
from typing import Any, NamedTuple, Union

CONTRACT_VERSION = 1
TOPIC_PREFIX = "schoolpulse/v1"
QOS = 1

MAX_MESSAGE_BYTES = 256 * 1024
MAX_BLOCKS = 64
MAX_ROWS = 5_000
MAX_COLUMNS = 32
MAX_STRING_CHARS = 256
MAX_SEQ = 2**63 - 1
MAX_FUTURE_MS = 5 * 60 * 1000
"""How far ahead of the collector's clock a sample may be stamped."""
MIN_TIME_MS = 1_577_836_800_000
"""2020-01-01: no school measured anything before; an earlier stamp is a clock that never was set."""

REFUSALS = {
    "order_begun_before": "it was begun before the agent was started again",
    "order_expired": "it has expired, or says no good time until which it counts",
    "order_unknown": "no such command",
    "probe_unknown": "no such probe runs here",
    "probe_missing": "probe is missing",
    "no_speed_test": "no speed test server is configured here",
    "interval_out_of_range": "interval_s must be from 1 to 3600",
}
"""Why this agent refuses a command: a word, and the `error` that it answers. Neither ever changes: by the one
the collector knows the other, and pages have a text for it."""

_AGENT_ID = re.compile(r"[a-z0-9-]{1,64}\Z")

FieldValue = Union[float, int, str, bool, None]


class Kind(str, Enum):
    """The last level of a topic."""

    STATE = "state"
    BIRTH = "birth"
    TELEMETRY = "telemetry"
    CONFIRM = "confirm"
    COMMAND = "command"
    REPLY = "reply"


FROM_AGENT = frozenset({Kind.STATE, Kind.BIRTH, Kind.TELEMETRY, Kind.REPLY})
"""The kinds that the collector subscribes to."""


def valid_agent_id(agent_id: str) -> bool:
    """Whether `agent_id` is one topic level of 1 to 64 characters out of ``a-z 0-9 -``."""
    return _AGENT_ID.match(agent_id) is not None


def topic(agent_id: str, kind: Kind) -> str:
    """The topic of `kind` for `agent_id`, e.g. ``schoolpulse/v1/thcs-go-vap/telemetry``."""
    return f"{TOPIC_PREFIX}/{agent_id}/{kind.value}"


def split_topic(name: str) -> tuple[str, Kind]:
    """The agent id and the kind that a topic names.

    Raises:
        ValueError: the topic is not one of this contract.
    """
    prefix, _, rest = name.rpartition(TOPIC_PREFIX + "/")
    agent_id, slash, kind = rest.partition("/")
    if prefix or not slash or not valid_agent_id(agent_id):
        raise ValueError("not a topic of this contract")
    return agent_id, Kind(kind)


class Sample(NamedTuple):
    """One row of one measurement at one moment, as a probe made it."""

    measurement: str
    at_ms: int
    tags: tuple[tuple[str, str], ...]
    fields: tuple[tuple[str, FieldValue], ...]


def blocks_of(samples: Iterable[Sample]) -> list[dict[str, Any]]:
    """Columnar blocks (`m`, `tags`, `fields`, `rows`) of `samples`, one a shape, rows in the order given."""
    shapes: dict[tuple[str, tuple[str, ...], tuple[str, ...]], list[Any]] = {}
    for sample in samples:
        tags = tuple(key for key, _ in sample.tags)
        fields = tuple(key for key, _ in sample.fields)
        rows = shapes.setdefault((sample.measurement, tags, fields), [])
        rows.append(
            [sample.at_ms, [value for _, value in sample.tags], [value for _, value in sample.fields]]
        )
    return [
        {"m": measurement, "tags": list(tags), "fields": list(fields), "rows": rows}
        for (measurement, tags, fields), rows in shapes.items()
    ]


def dumps(message: Any) -> bytes:
    """Compact UTF-8 JSON; refuses NaN and infinity, which JSON does not have."""
    return json.dumps(message, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def telemetry_body(boot: str, clock: str, blocks: list[dict[str, Any]]) -> bytes:
    """The part of a telemetry batch that is fixed when it is made, and so is what a spool keeps.

    Args:
        boot: the boot id of the machine that measured.
        clock: ``synced``, ``unsynced`` or ``repaired``: how much the times can be believed.
        blocks: as `blocks_of` makes them.
    """
    return dumps({"boot": boot, "clock": clock, "blocks": blocks})


def telemetry_message(
    stream: str, seq: int, sent_at_ms: int, body: bytes, discarded_through: int | None = None
) -> bytes:
    """A whole telemetry batch: the spooled `body` behind the head that belongs to this sending.

    `discarded_through` says that every batch of the stream up to it which was never confirmed is gone
    for good (the spool was full): a gap the collector counts and shows instead of waiting for it.
    """
    head: dict[str, Any] = {"v": CONTRACT_VERSION, "stream": stream, "seq": seq, "sent_at": sent_at_ms}
    if discarded_through is not None:
        head["discarded_through"] = discarded_through
    return dumps(head)[:-1] + b"," + body[1:]


def state_message(
    online: bool, boot: str, session: int, at_ms: int | None = None, reason: str | None = None
) -> bytes:
    """A `state`. The will is one with ``online=False`` and no time: nobody knows when it will be sent.

    `session` counts the agent's connections and is never reused, so that a late will of an earlier
    session is told from the loss of the present one. A planned stop says ``reason="shutdown"``.
    """
    message: dict[str, Any] = {"online": online, "boot": boot, "session": session}
    if at_ms is not None:
        message["at"] = at_ms
    if reason is not None:
        message["reason"] = reason
    return dumps(message)


class SeqSet:
    """The sequence numbers of one stream that are done with: all up to `through`, and the ranges `also`.

    Numbers start at 1. Both ends keep one: the collector of what it has on disk, the agent of what was
    confirmed. Its size is that of the gaps, not of the numbers.
    """

    def __init__(self, through: int = 0, also: Iterable[Iterable[int]] = ()) -> None:
        self.through = through
        self._starts: list[int] = []
        self._ends: list[int] = []
        for first, last in also:
            self.add_range(first, last)

    @property
    def also(self) -> list[tuple[int, int]]:
        """Closed ranges above `through`, ascending, that neither touch one another nor `through`."""
        return list(zip(self._starts, self._ends))

    def __contains__(self, seq: int) -> bool:
        if seq <= self.through:
            return True
        at = bisect_left(self._ends, seq)
        return at < len(self._starts) and self._starts[at] <= seq

    def __eq__(self, other: object) -> bool:
        return isinstance(other, SeqSet) and (self.through, self.also) == (other.through, other.also)

    __hash__ = None  # type: ignore[assignment]  # it changes; a hash would lie

    def __repr__(self) -> str:
        return f"SeqSet({self.through}, {self.also})"

    def copy(self) -> SeqSet:
        """A set of its own with the same numbers."""
        twin = SeqSet.__new__(SeqSet)  # the collector copies one for each message of a stream
        twin.through = self.through
        twin._starts = self._starts[:]  # noqa: SLF001 - it is of our own class
        twin._ends = self._ends[:]  # noqa: SLF001 - the same
        return twin

    @property
    def range_count(self) -> int:
        """How many ranges lie above `through`."""
        return len(self._starts)

    def add(self, seq: int) -> None:
        """Add one number; adding it again changes nothing."""
        if seq == self.through + 1 and not self._starts:
            self.through = seq
        elif seq not in self:
            self.add_range(seq, seq)

    def add_range(self, first: int, last: int) -> None:
        """Add every number from `first` to `last`, both included."""
        if last <= self.through or last < first:
            return
        if first <= self.through + 1:
            self.advance(last)
            return
        low = bisect_left(self._ends, first - 1)
        high = low
        while high < len(self._starts) and self._starts[high] <= last + 1:
            first = min(first, self._starts[high])
            last = max(last, self._ends[high])
            high += 1
        self._starts[low:high] = [first]
        self._ends[low:high] = [last]

    def advance(self, through: int) -> None:
        """Add every number up to `through`."""
        if through <= self.through:
            return
        self.through = through
        while self._starts and self._starts[0] <= self.through + 1:
            self.through = max(self.through, self._ends[0])
            del self._starts[0], self._ends[0]

    def update(self, other: SeqSet) -> None:
        """Add every number of `other`."""
        self.advance(other.through)
        for first, last in other.also:
            self.add_range(first, last)

    def missing_through(self, last: int) -> int:
        """How many numbers from 1 to `last` are not in the set."""
        held = min(last, self.through)
        held += sum(max(0, min(last, end) - start + 1) for start, end in self.also)
        return last - held


class Confirm(NamedTuple):
    """What the collector has on disk of one stream: all up to `through`, and the ranges `also`."""

    stream: str
    through: int
    also: tuple[tuple[int, int], ...] = ()


MAX_CONFIRM_RANGES = 64
"""Ranges in one confirm. What does not fit is confirmed later; unconfirmed is safe, only slower."""


def confirm_message(stream: str, seqs: SeqSet) -> bytes:
    """A `confirm`, with the newest ranges where there are more than fit."""
    return dumps({"stream": stream, "through": seqs.through, "also": seqs.also[-MAX_CONFIRM_RANGES:]})


def parse_confirm(payload: bytes) -> Confirm:
    """The `confirm` in `payload`.

    Raises:
        ValueError: it is none. Forgetting on a guess would lose data, so nothing is guessed.
    """
    message = json.loads(payload)
    if not isinstance(message, dict) or not isinstance(message.get("stream"), str):
        raise ValueError("a confirm names its stream")
    numbers: list[Any] = [message.get("through")]
    also = []
    for pair in message.get("also", []):
        first, last = pair
        numbers += [first, last]
        also.append((first, last))
    if any(type(number) is not int or not 0 <= number <= MAX_SEQ for number in numbers):
        raise ValueError("a confirm counts in whole numbers from 0 to 2^63-1")
    return Confirm(message["stream"], message["through"], tuple(also))
