"""What the registry's routes take and answer."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.api.record_types import (
    AgentId,
    AreaPath,
    Cost,
    Currency,
    Day,
    DeviceId,
    Email,
    Kind,
    Lat,
    Level,
    Lon,
    Mbps,
    Name,
    NewSchoolId,
    Parent,
    Phone,
    Provider,
    Technology,
    Text,
    etag_of,
)
from schoolpulse.registry.models import (
    AgentPeriod,
    AreaPeriod,
    Contact,
    Device,
    LinePeriod,
    Role,
    School,
)
from schoolpulse.registry.moves import areas_of


class _In(BaseModel):
    model_config = ConfigDict(extra="forbid")


class _Out(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class LineIn(_In):
    """A line as it is contracted from a day on."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "role": "primary",
                    "provider": "Viettel",
                    "technology": "fibre",
                    "contracted_down_mbps": 200,
                    "contracted_up_mbps": 200,
                    "cost_per_month": 1100000,
                    "currency": "VND",
                    "valid_from": "2026-09-01",
                }
            ]
        },
    )

    role: Role
    provider: Provider = ""
    technology: Technology
    contracted_down_mbps: Mbps | None = None
    contracted_up_mbps: Mbps | None = None
    cost_per_month: Cost | None = None
    currency: Currency = ""
    valid_from: Annotated[
        Day | None,
        Field(description="Today, if absent; the first line of a school has then always been there"),
    ] = None


class LineChange(_In):
    """What was recorded wrongly of a line's period. For a new contract, add a line instead."""

    provider: Provider | None = None
    technology: Technology | None = None
    contracted_down_mbps: Mbps | None = None
    contracted_up_mbps: Mbps | None = None
    cost_per_month: Cost | None = None
    currency: Currency | None = None
    valid_from: Day | None = None
    valid_to: Annotated[Day | None, Field(description="The first day on which it was no longer so")] = None


class SchoolIn(_In):
    """A school to add."""

    id: NewSchoolId
    name: Name
    level: Level = ""
    area: AreaPath = []
    lat: Lat | None = None
    lon: Lon | None = None
    agent_id: AgentId | None = None
    lines: Annotated[list[LineIn], Field(max_length=2)] = []


class SchoolChange(_In):
    """What changes of a school; what is absent stays. Another `area` moves it."""

    name: Name | None = None
    level: Level | None = None
    area: AreaPath | None = None
    area_from: Annotated[
        Day | None,
        Field(
            description="From when on it hangs on `area`: today, if absent; null puts right what was "
            "recorded wrongly of the area of now, and is no move"
        ),
    ] = None
    lat: Lat | None = None
    lon: Lon | None = None
    agent_id: Annotated[AgentId | None, Field(description="null takes the agent away")] = None


class ClosingIn(_In):
    """When a school closed."""

    on: Annotated[Day | None, Field(description="Now, if absent")] = None


class LineRecord(_Out):
    """A period of a line."""

    id: int
    role: Role
    provider: str = Field(examples=["VNPT"])
    technology: str = Field(examples=["fibre"])
    contracted_down_mbps: float | None
    contracted_up_mbps: float | None
    cost_per_month: float | None
    currency: str
    valid_from_ms: int | None = Field(description="null: for as long as anybody remembers")
    valid_to_ms: int | None = Field(description="The first moment of which it does not hold; null: goes on")
    current: bool
    etag: str = Field(description="Send it as `If-Match` with a change")

    @classmethod
    def of(cls, period: LinePeriod, now_ms: int) -> LineRecord:
        """From the registry's period."""
        line = period.line
        return cls(
            id=period.id,
            role=line.role,
            provider=line.provider,
            technology=line.technology,
            contracted_down_mbps=line.contracted_down_mbps,
            contracted_up_mbps=line.contracted_up_mbps,
            cost_per_month=line.cost_per_month,
            currency=line.currency,
            valid_from_ms=period.from_ms,
            valid_to_ms=period.to_ms,
            current=period.covers(now_ms),
            etag=etag_of(period.id, line, period.from_ms, period.to_ms),
        )


class LinesOut(_Out):
    """Every period of a school's lines that was asked for, the primary's first, by time."""

    school: str
    items: list[LineRecord]


class AreaRecord(_Out):
    """Where a school hangs, hung or will hang."""

    area: list[str]
    valid_from_ms: int | None = Field(description="null: for as long as anybody remembers")
    valid_to_ms: int | None

    @classmethod
    def of(cls, period: AreaPeriod) -> AreaRecord:
        """From the registry's period."""
        return cls(area=list(period.area), valid_from_ms=period.from_ms, valid_to_ms=period.to_ms)


class AgentRecord(_Out):
    """An agent that stands or stood at a school."""

    agent_id: str
    valid_from_ms: int | None
    valid_to_ms: int | None

    @classmethod
    def of(cls, period: AgentPeriod) -> AgentRecord:
        """From the registry's period."""
        return cls(agent_id=period.agent_id, valid_from_ms=period.from_ms, valid_to_ms=period.to_ms)


class ContactIn(_In):
    """How an office is reached: its post, and no person's."""

    phone: Phone = ""
    email: Email = ""


class ContactRecord(_Out):
    """An office of a school and its post."""

    function: str = Field(examples=["Văn phòng"])
    phone: str = Field(examples=["028 3894 0000"])
    email: str = Field(examples=["vanphong@thcsgovap.edu.vn"])
    etag: str

    @classmethod
    def of(cls, contact: Contact) -> ContactRecord:
        """From the registry's contact."""
        return cls(function=contact.function, phone=contact.phone, email=contact.email, etag=etag_of(contact))


class ContactsOut(_Out):
    """The contacts of a school, by function."""

    school: str
    items: list[ContactRecord]


class ClassroomIn(_In):
    """An agent on a classroom's machine."""

    name: Annotated[Text, Field(description="Where it is, for people", examples=["Phòng Tin học 1"])] = ""


class ClassroomRecord(_Out):
    """An agent on a classroom's machine."""

    agent_id: str
    name: str


class SchoolRecord(_Out):
    """A school as it is recorded, with its history. Its live state is in ``/schools/{id}``."""

    id: str = Field(examples=["thcs-go-vap"])
    name: str = Field(examples=["THCS Gò Vấp"])
    level: str
    area: list[str]
    lat: float | None
    lon: float | None
    agent_id: str | None
    closed_ms: int | None
    areas: list[AreaRecord] = Field(description="Every area it hung on, by time, and moves to come")
    lines: list[LineRecord]
    agents: list[AgentRecord] = Field(description="Every agent that stands or stood here")
    classrooms: list[ClassroomRecord]

    @classmethod
    def of(cls, school: School, agents: list[AgentRecord], now_ms: int) -> SchoolRecord:
        """From the registry's school."""
        return cls(
            id=school.id,
            name=school.name,
            level=school.level,
            area=list(school.area),
            lat=school.lat,
            lon=school.lon,
            agent_id=school.agent_id,
            closed_ms=school.closed_ms,
            areas=[AreaRecord.of(period) for period in areas_of(school)],
            lines=[LineRecord.of(period, now_ms) for period in school.history],
            agents=agents,
            classrooms=[ClassroomRecord.model_validate(one) for one in school.classrooms],
        )


class DeviceIn(_In):
    """A device to record. `device_id` is what the agent calls it."""

    device_id: DeviceId = Field(examples=["ap-tang-2"])
    kind: Kind
    name: Text = ""
    model: Text = ""
    serial: Text = ""
    parent: Parent = ""
    room: Text = ""
    bought_on: Day | None = None
    warranty_until: Day | None = None


class DeviceChange(_In):
    """What changes of a device; what is absent stays."""

    kind: Kind | None = None
    name: Text | None = None
    model: Text | None = None
    serial: Text | None = None
    parent: Parent | None = None
    room: Text | None = None
    bought_on: Day | None = None
    warranty_until: Day | None = None


class DeviceRecord(_Out):
    """A device as it is recorded."""

    kind: str = Field(examples=["access_point"])
    name: str
    model: str
    serial: str
    parent: str = Field(description="What it hangs on; empty for the gateway")
    room: str
    bought_on: date | None
    warranty_until: date | None
    etag: str

    @classmethod
    def of(cls, device: Device) -> DeviceRecord:
        """From the registry's device."""
        return cls(
            kind=device.kind,
            name=device.name,
            model=device.model,
            serial=device.serial,
            parent=device.parent,
            room=device.room,
            bought_on=device.bought_on,
            warranty_until=device.warranty_until,
            etag=etag_of(device),
        )
