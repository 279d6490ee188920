"""The messages of the wire contract as pydantic models; JSON Schema and AsyncAPI are generated from here.

Strict where a mistake could become a wrong figure, open where the contract wants to grow: unknown keys
are ignored, unknown measurements are kept. Times are milliseconds since 1970 in UTC.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field

from schoolpulse_agent import wire

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]
"""A measurement, a tag key or a field key."""
Text = Annotated[str, Field(max_length=wire.MAX_STRING_CHARS)]
Id = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
TimeMs = Annotated[int, Field(ge=0, le=2**53)]
Seq = Annotated[int, Field(ge=1, le=wire.MAX_SEQ)]
Version = Annotated[int, Field(ge=1, le=1, json_schema_extra={"const": 1})]
"""A bounded int and no Literal, which would take ``true`` and ``1.0`` for 1."""
TagValue = Text | None
FieldValue = float | Annotated[int, Field(ge=-(2**63), le=2**63 - 1)] | bool | Text | None
"""A whole number that 64 bits do not hold is kept as a float."""
# FailFast throughout: the first mistake refuses a batch, and a hostile one must not cost an error a value.
Row = Annotated[
    tuple[TimeMs, Annotated[list[TagValue], FailFast()], Annotated[list[FieldValue], FailFast()]], FailFast()
]


class _Message(BaseModel):
    # Strict: "1" is no number and 1 is no string. Frozen: a decoded message is a fact.
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class Block(_Message):
    """Rows of one measurement that share their tag and field keys, column names once."""

    m: Name
    tags: Annotated[list[Name], FailFast()] = Field(max_length=wire.MAX_COLUMNS)
    fields: Annotated[list[Name], FailFast()] = Field(min_length=1, max_length=wire.MAX_COLUMNS)
    rows: Annotated[list[Row], FailFast()] = Field(min_length=1, max_length=wire.MAX_ROWS)


class Telemetry(_Message):
    """A batch: the `seq`-th of its `stream`. The collector stores each ``(stream, seq)`` once."""

    v: Version
    stream: Id
    seq: Seq
    boot: Id
    clock: Literal["synced", "unsynced", "repaired"]
    sent_at: TimeMs
    discarded_through: Annotated[int, Field(ge=0, le=wire.MAX_SEQ)] | None = None
    blocks: Annotated[list[Block], FailFast()] = Field(max_length=wire.MAX_BLOCKS)


class State(_Message):
    """Whether the agent is connected; with ``online=false`` and no `at` it is the broker's will."""

    online: bool
    boot: Id
    session: Annotated[int, Field(ge=0, le=2**53)]
    at: TimeMs | None = None
    reason: Text | None = None


class Uplink(_Message):
    """One way out of the school, as the agent is configured or found it."""

    name: Text
    role: Literal["primary", "backup"]
    technology: Text = "unknown"


class Birth(_Message):
    """What an agent is: sent at each connect and when it changes."""

    v: Version
    agent_version: Text
    boot: Id
    session: Annotated[int, Field(ge=0, le=2**53)]
    at: TimeMs
    uptime_s: Annotated[float, Field(ge=0)]
    hostname: Text = ""
    hardware: Text = ""
    os: Text = ""
    capabilities: list[Text] = Field(default=[], max_length=64)
    probes: list[Text] = Field(default=[], max_length=64)
    uplinks: list[Uplink] = Field(default=[], max_length=16)


class Reply(_Message):
    """The answer to a `command`."""

    id: Id
    ok: bool
    at: TimeMs
    error: Text | None = None


Body = Telemetry | State | Birth | Reply
