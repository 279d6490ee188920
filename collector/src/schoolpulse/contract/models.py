"""The messages of the wire contract as pydantic models; JSON Schema and AsyncAPI are generated from here.

Strict where a mistake could become a wrong figure, open where the contract wants to grow: unknown keys
are ignored, unknown measurements are kept. Times are milliseconds since 1970 in UTC.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, FailFast, Field, model_validator
from pydantic.config import JsonDict

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
    model_config = ConfigDict(
        strict=True, frozen=True, extra="ignore", allow_inf_nan=False, use_attribute_docstrings=True
    )


class Block(_Message):
    """Rows of one measurement that share their tag and field keys, column names once."""

    m: Name
    """The measurement. Unknown ones are kept as they are."""
    tags: Annotated[list[Name], FailFast()] = Field(max_length=wire.MAX_COLUMNS)
    """Names of the columns that say what was measured (`target`, `scope`)."""
    fields: Annotated[list[Name], FailFast()] = Field(min_length=1, max_length=wire.MAX_COLUMNS)
    """Names of the columns that say how it was; they carry their unit (`rtt_ms`, `used_ratio`)."""
    rows: Annotated[list[Row], FailFast()] = Field(min_length=1, max_length=wire.MAX_ROWS)
    """Each ``[time, [tag values], [field values]]``, with as many values as there are columns. Times are
    milliseconds since 1970 in UTC. A null is a value that this row does not have."""


class Telemetry(_Message):
    """A batch: the `seq`-th of its `stream`. The collector stores each ``(stream, seq)`` once."""

    v: Version
    """The version of the contract."""
    stream: Id
    """Random, made with the spool that numbers the batches."""
    seq: Seq
    """Counts the stream's batches from 1; never used again for another batch."""
    boot: Id
    """Names the boot of the machine that measured, so that a reboot shows."""
    clock: Literal["synced", "unsynced", "repaired"]
    """How far the times can be believed; `repaired` ones were stamped after the clock was set."""
    sent_at: TimeMs
    """The sender's clock at this sending, ms; only for the delay's figures."""
    discarded_through: Annotated[int, Field(ge=0, le=wire.MAX_SEQ)] | None = None
    """Every batch of the stream up to this one that was never confirmed is gone for good."""
    blocks: Annotated[list[Block], FailFast()] = Field(max_length=wire.MAX_BLOCKS)
    """The samples; at most 5,000 rows in all blocks together."""


class State(_Message):
    """Whether the agent is connected; with ``online=false`` and no `at` it is the broker's will."""

    online: bool
    boot: Id
    """The boot id at connecting."""
    session: Annotated[int, Field(ge=0, le=2**53)]
    """Counts the agent's connections and is never used again: a late will of an older one is told by it."""
    at: TimeMs | None = None
    """The agent's clock, ms; absent in the will, since nobody knows when it will be sent."""
    reason: Text | None = None
    """`shutdown` where the agent stops as planned."""


class Uplink(_Message):
    """One way out of the school, as the agent is configured or found it."""

    name: Text
    role: Literal["primary", "backup"]
    technology: Text = "unknown"
    """`fibre`, `5g`, `4g`, ..."""
    operator: Text = ""
    """Of a mobile line, e.g. `Viettel`, where it is configured; measured ones are in `modem`."""


class Birth(_Message):
    """What an agent is: sent at each connect and when it changes."""

    v: Version
    """The version of the contract that the agent speaks."""
    agent_version: Text
    boot: Id
    """The boot id of the machine."""
    session: Annotated[int, Field(ge=0, le=2**53)]
    """As in `state`."""
    at: TimeMs
    """The agent's clock, ms."""
    uptime_s: Annotated[float, Field(ge=0)]
    """How long the machine has been up, seconds."""
    role: Literal["gateway", "classroom"] = "gateway"
    """`gateway` measures the school's lines and devices, `classroom` only the machine that it is on. The
    registry decides what an agent counts for; this is what it says of itself."""
    hostname: Text = ""
    hardware: Text = ""
    os: Text = ""
    capabilities: list[Text] = Field(default=[], max_length=64)
    probes: list[Text] = Field(default=[], max_length=64)
    """Names of the probes that run."""
    uplinks: list[Uplink] = Field(default=[], max_length=16)


def _needs(do: str, *keys: str) -> JsonDict:
    """The JSON Schema of: where it says `do`, it says `keys` too."""
    return {"if": {"properties": {"do": {"const": do}}}, "then": {"required": list(keys)}}


class Command(_Message):
    """What an agent is asked to do. It carries out each id once, and answers it each time it comes."""

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [_needs("run_probe", "probe"), _needs("set_interval", "probe", "interval_s")]
        }
    )

    id: Id
    do: Literal["run_probe", "speed_test", "send_birth", "set_interval"]
    """`run_probe`: look once, now. `speed_test`: test the line soon. `send_birth`: publish the birth again.
    `set_interval`: another interval until the agent is started again. There is none that runs a program."""
    expires: TimeMs
    """By the agent's clock nothing is done any more after this time; at most a day ahead."""
    probe: Annotated[Text, Field(min_length=1)] | None = None
    """Which probe, as in the birth's `probes`: for `run_probe` and `set_interval`."""
    interval_s: Annotated[float, Field(ge=1, le=3600)] | None = None
    """For `set_interval`, seconds."""

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Command:
        if self.do in {"run_probe", "set_interval"} and self.probe is None:
            raise ValueError("probe is missing")
        if self.do == "set_interval" and self.interval_s is None:
            raise ValueError("interval_s is missing")
        return self


class Reply(_Message):
    """The answer to a `command`."""

    id: Id
    """That of the command."""
    ok: bool
    at: TimeMs
    """The agent's clock, ms."""
    error: Text | None = None
    """Why not."""


class Confirm(_Message):
    """What the collector has on disk of a stream: its agent may forget that, and nothing else."""

    stream: Id
    through: Annotated[int, Field(ge=0, le=wire.MAX_SEQ)]
    """All batches up to this one."""
    also: list[tuple[Seq, Seq]] = Field(max_length=wire.MAX_CONFIRM_RANGES)
    """Ranges above `through`, both ends included. Several confirms add up."""


Body = Telemetry | State | Birth | Reply
