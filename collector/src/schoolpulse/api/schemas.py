"""What the API answers with. Times are milliseconds since 1970, UTC; names carry their units."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.incidents.model import Cause, Change, Incident, IncidentKind, SchoolStatus, Scope, Transition
from schoolpulse.incidents.people import Note
from schoolpulse.live import SchoolNow
from schoolpulse.live.figures import Figures
from schoolpulse.registry.models import School


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


Values = Annotated[
    dict[str, str | int | float],
    Field(
        description="Fill the `{names}` of a text for the code", examples=[{"longest": 200, "shortest": 10}]
    ),
]


class Fault(_Answer):
    """What is wrong with one field or parameter. The last three are there for files only."""

    where: str = Field(examples=["password"])
    message: str = Field(description="In English", examples=["10 to 200 characters"])
    code: str = Field(description="A word that never changes", examples=["password_length"])
    values: Values = {}
    message_vi: str = ""
    hint: str = ""
    hint_vi: str = ""


class Problem(_Answer):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str = Field(description="In English")
    code: str = Field(
        description="Why, in a word that never changes; where `errors` say why, `type`'s word",
        examples=["school_closed"],
    )
    values: Values = {}
    errors: list[Fault] = []


class LineOut(_Answer):
    """A line as it was contracted."""

    role: Literal["primary", "backup"]
    provider: str = Field(examples=["VNPT"])
    technology: str = Field(examples=["fibre"])
    contracted_down_mbps: float | None
    contracted_up_mbps: float | None


class ReachOut(_Answer):
    """How a scope answered last."""

    at_ms: int
    up: bool
    rtt_ms: float | None
    jitter_ms: float | None
    loss_ratio: float | None


class TrafficOut(_Answer):
    """Traffic through the uplink in use, as seen from the school."""

    at_ms: int
    rx_bps: float | None
    tx_bps: float | None


class UplinkOut(_Answer):
    """The uplink that carries the school now."""

    at_ms: int
    name: str
    role: str
    technology: str
    interface: str


class FiguresOut(_Answer):
    """The newest that the school's agent measured; null where nothing was heard since the collector began."""

    heard_ms: int | None = Field(description="When the agent last spoke, by the collector's clock")
    agent_version: str | None
    hardware: str | None
    uptime_s: float | None
    uplink: UplinkOut | None
    reachability: dict[str, ReachOut] = Field(
        description="By scope: `lan_gateway`, `isp_edge`, `national`, `international`"
    )
    traffic: TrafficOut | None
    devices_up: int | None
    devices_total: int | None

    @classmethod
    def of(cls, figures: Figures) -> FiguresOut:
        """From the live view's figures."""
        return cls.model_validate(figures)


class RoomOut(_Answer):
    """The machine of a classroom, by its own agent. It is switched off every evening: off is no trouble."""

    agent_id: str = Field(examples=["may-phong-101"])
    name: str = Field(examples=["Phòng 101"], description="What the room is called; empty where nobody said")
    online: bool | None = Field(description="Whether it is on; null where it was not heard of so far")
    since_ms: int | None = Field(description="When it was switched on or off, where that was seen")
    heard_ms: int | None = Field(description="When it last spoke, by the collector's clock")
    uptime_s: float | None
    display_on: bool | None = Field(description="null where it does not tell; so are the others below")
    in_use: bool | None
    in_use_since_ms: int | None = Field(description="Since when it is used, or unused, where that was seen")
    used_ratio: float | None = Field(description="The share of its last report's time that it was used")
    signal_dbm: float | None = Field(description="How it hears its access point, dBm")


class SchoolOut(_Answer):
    """A school: who it is, how it is now and since when."""

    id: str = Field(examples=["thcs-go-vap"])
    name: str = Field(examples=["THCS Gò Vấp"])
    level: str = Field(examples=["thcs"], description="`mam_non`, `tieu_hoc` or `thcs`")
    area: list[str] = Field(examples=[["TP.HCM", "Gò Vấp", "Phường 10"]])
    lat: float | None
    lon: float | None
    agent_id: str | None
    lines: list[LineOut]
    status: SchoolStatus
    since_ms: int | None
    now: FiguresOut | None
    classrooms: list[RoomOut] = Field(description="The agents of its classrooms, as they are now")

    @classmethod
    def of(cls, school: School, now: SchoolNow | None) -> SchoolOut:
        """From the registry's word and the live view's."""
        return cls(
            id=school.id,
            name=school.name,
            level=school.level,
            area=list(school.area),
            lat=school.lat,
            lon=school.lon,
            agent_id=school.agent_id,
            lines=[LineOut.model_validate(line) for line in school.lines],
            status=now.status if now else SchoolStatus.UNKNOWN,
            since_ms=now.since_ms if now else None,
            now=FiguresOut.of(now.figures) if now and now.figures else None,
            classrooms=[RoomOut.model_validate(room) for room in now.rooms] if now else [],
        )


class SchoolsOut(_Answer):
    """Every school."""

    at_ms: int
    items: list[SchoolOut]


class SeriesOut(_Answer):
    """The windows of one series, a list a column. Windows without samples are not there."""

    tags: dict[str, str] = Field(examples=[{"scope": "national"}])
    at_ms: list[int] = Field(description="Where each window begins")
    mean: list[float] = Field(examples=[[8.4]])
    min: list[float] = Field(examples=[[7.9]])
    max: list[float] = Field(examples=[[11.2]])
    count: list[int] = Field(examples=[[30]])


class SeriesAnswer(_Answer):
    """One field of one measurement of a school over time."""

    school: str = Field(examples=["thcs-go-vap"])
    measurement: str = Field(examples=["reachability"])
    field: str = Field(examples=["rtt_ms"])
    from_ms: int
    to_ms: int
    step_ms: int = Field(examples=[300_000])
    series: list[SeriesOut]


class IncidentOut(_Answer):
    """An incident as it stands."""

    id: str = Field(examples=["i7f21c90a4b3d"])
    kind: IncidentKind
    cause: Cause
    scope: Scope
    school: str | None = Field(examples=["thcs-go-vap"])
    provider: str | None = Field(examples=["VNPT"])
    device: str | None = Field(examples=[None])
    start: int = Field(description="When it began in the world")
    end: int | None
    detected_at: int
    confirmed_at: int
    resolved_at: int | None
    paged_at: list[int]
    parent: str | None = Field(examples=[None])

    @classmethod
    def of(cls, incident: Incident) -> IncidentOut:
        """From the engine's incident."""
        return cls.model_validate(incident.to_json())


class TransitionOut(_Answer):
    """What happened to an incident, and what was known then."""

    number: int
    change: Change
    at_ms: int
    pages: bool
    evidence: list[dict[str, Any]]
    incident: IncidentOut

    @classmethod
    def of(cls, transition: Transition) -> TransitionOut:
        """From the engine's transition."""
        return cls(
            number=transition.number,
            change=transition.change,
            at_ms=transition.at_ms,
            pages=transition.pages,
            evidence=[dict(item) for item in transition.evidence],
            incident=IncidentOut.of(transition.incident),
        )


class NoteOut(_Answer):
    """What somebody said of an incident. ``ack`` took it on."""

    model_config = ConfigDict(
        frozen=True,
        from_attributes=True,
        json_schema_extra={
            "examples": [
                {
                    "id": 12,
                    "at_ms": 1_772_409_600_000,
                    "kind": "ack",
                    "person": "lan.nguyen",
                    "text": "Đã gọi VNPT, 14:00 đến",
                }
            ]
        },
    )

    id: int
    at_ms: int
    kind: Literal["ack", "note"]
    person: str
    text: str

    @classmethod
    def of(cls, note: Note) -> NoteOut:
        """From the record's note."""
        return cls.model_validate(note)


class IncidentItem(IncidentOut):
    """An incident in a list, and who took it on first."""

    acknowledged_ms: int | None
    acknowledged_by: str | None

    @classmethod
    def with_note(cls, incident: Incident, note: Note | None) -> IncidentItem:
        """From the engine's incident and the first acknowledgement, if there is one."""
        return cls(
            **IncidentOut.of(incident).model_dump(),
            acknowledged_ms=note.at_ms if note else None,
            acknowledged_by=note.person if note else None,
        )


class IncidentDetail(IncidentOut):
    """An incident with its record, and what people said, in order."""

    transitions: list[TransitionOut]
    notes: list[NoteOut]


class IncidentsOut(_Answer):
    """A page of incidents, newest start first. `next` is the cursor of the page after, null on the last."""

    items: list[IncidentItem]
    next: str | None
