"""What a point store is: columnar blocks in, charts out."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

Value = float | int | bool | str | None


@dataclass(frozen=True, slots=True)
class PointBlock:
    """Rows of one measurement with the same columns, already carrying whose they are.

    `common_tags` are the registry's word (``school``, ``agent``), never the payload's. A row is
    ``(at_ms, tag values, field values)``; a tag or field that is None is absent from that row.
    """

    measurement: str
    common_tags: tuple[tuple[str, str], ...]
    tag_keys: Sequence[str]
    field_keys: Sequence[str]
    rows: Sequence[tuple[int, Sequence[str | None], Sequence[Value]]]


@dataclass(frozen=True, slots=True)
class Delivery:
    """The receipt of one batch, stored beside its points: each ``(stream, seq)`` exactly once.

    `at_ms` is the batch's newest sample, so that the receipt is the same whenever it is written.
    """

    school: str
    agent: str
    stream: str
    seq: int
    at_ms: int
    points: int
    delay_ms: int


@dataclass(frozen=True, slots=True)
class BadPoint:
    """A point that the database refuses for good (a field's type changed, ...), and why."""

    measurement: str
    reason: str
    line: str


@dataclass(frozen=True, slots=True)
class Written:
    """What one write did."""

    points: int
    refused: Sequence[BadPoint] = ()


@dataclass(frozen=True, slots=True)
class SeriesQuery:
    """One field of one measurement over time, in windows.

    Windows are aligned to multiples of `step_ms`; ``from_ms <= at < to_ms``. `tags` narrow to rows that
    carry exactly these values. `group_by` are tag keys of which each value becomes a series of its own.
    """

    measurement: str
    field: str
    from_ms: int
    to_ms: int
    step_ms: int
    tags: dict[str, str] = dataclasses.field(default_factory=dict)
    group_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Window:
    """`count` samples that began in ``[at_ms, at_ms + step_ms)``. Windows without samples do not exist."""

    at_ms: int
    mean: float
    min: float
    max: float
    count: int


@dataclass(frozen=True, slots=True)
class Series:
    """The windows of one combination of `group_by` tag values, ascending in time."""

    tags: dict[str, str]
    windows: Sequence[Window]


class PointStore(Protocol):
    """A database of points. Writing the same block or receipt twice leaves one of each."""

    @property
    def name(self) -> str:
        """``influx`` or ``sqlite``."""
        ...

    def write(self, blocks: Sequence[PointBlock], deliveries: Sequence[Delivery]) -> Written:
        """Write everything, durably, before returning. Refused points are reported, the rest is written.

        Raises:
            StoreUnavailable: not everything is known to be written; write the same again later.
        """
        ...

    def query(self, query: SeriesQuery) -> Sequence[Series]:
        """The series that match, each with at most 10,000 windows.

        Raises:
            StoreUnavailable: the database cannot answer now.
        """
        ...

    def maintain(self, now_ms: int) -> None:
        """Do a bounded piece of housekeeping (rollups, retention) up to `now_ms`; called now and then."""
        ...

    def close(self) -> None:
        """Let go of connections and files."""
        ...
