"""The report as data: every figure that any of its forms shows, and nothing else.

Hours are school hours unless they say otherwise: hours that the calendar monitors, times schools. A figure
of nothing (a share of no hours, a median of no tests) is null, never 0. ``docs/ops/report.md`` says how each
is computed and how far it can be wrong.
"""

from __future__ import annotations

from datetime import date

from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.incidents.model import Cause, IncidentKind
from schoolpulse.reports.period import PeriodKind


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True)


class Hours(_Part):
    """What became of the school hours. `lost_hours` to `broadband_hours` add up to `measured_hours`."""

    hours: float = Field(description="School hours so far", examples=[41250.0])
    measured_hours: float = Field(description="... of which it is known how they were")
    broadband_hours: float = Field(description="Measured hours over broadband")
    backup_hours: float = Field(description="Measured hours over the backup (4G/5G) only")
    lost_hours: float = Field(description="Measured hours without any connection")
    degraded_hours: float = Field(description="Broadband hours with loss, delay or speed out of bounds")
    line_fault_hours: float = Field(
        description="Hours without broadband by the line's fault, not the school's power or gateway"
    )
    no_agent_hours: float = Field(description="Not measured: schools without an agent")
    before_hours: float = Field(description="Not measured: before the agent's first word")
    blind_hours: float = Field(description="Not measured: the collector itself was cut off")
    stopped_hours: float = Field(description="Not measured: the agent was stopped")
    silent_hours: float = Field(description="Not measured: silence that no evidence explains")
    by_technology: dict[str, float] = Field(
        description="Connected hours by the technology that carried them", examples=[{"fibre": 40000.5}]
    )
    connected_ratio: float | None = Field(description="Connected share of the measured hours")
    broadband_ratio: float | None = Field(description="Broadband's share of the measured hours")
    measured_ratio: float | None = Field(description="Measured share of the hours")
    proven_ratio: float | None = Field(description="Connected share of all hours: what is certain")


class Outages(_Part):
    """Stretches without any connection in school hours."""

    count: int
    longest_hours: float | None
    detect_median_s: float | None = Field(description="From the true begin until it was confirmed")
    detect_p95_s: float | None
    repair_median_hours: float | None = Field(description="From begin to end, nights included")


class Speed(_Part):
    """Speed tests over the primary line, each beside the contract of its day."""

    tests: int
    down_mbps: float | None = Field(description="Median")
    up_mbps: float | None = Field(description="Median")
    contracted_down_mbps: float | None = Field(description="Of one school; null of several")
    contracted_up_mbps: float | None
    down_ratio: float | None = Field(description="Median of delivered / contracted")
    up_ratio: float | None
    schools_tested: int
    schools_below: int = Field(description="Schools whose median is below 0.8 of the contract")


class Devices(_Part):
    """Devices behind the gateways."""

    seen: int | None = Field(description="Devices that were measured on the last day; null if not known")
    failures: int = Field(description="Incidents of devices in school hours")
    down_hours: float = Field(description="Device hours in school hours")
    up_ratio: float | None = Field(description="1 - down hours / (devices x measured hours)")


class Group(_Part):
    """The figures of some schools: of all, of an area, of a provider."""

    key: str = Field(description="Empty for all; an area's path joined by slashes; a provider's name")
    name: str
    depth: int = Field(description="Of an area in the tree: 1 is the top; 0 otherwise")
    schools: int
    schools_measured: int = Field(description="Schools with measured hours")
    schools_connected: int = Field(
        description="Schools connected for more than half of their measured hours: proven to have it"
    )
    connected_schools_ratio: float | None = Field(
        description="schools_connected / schools: the plan's figure"
    )
    schools_by_technology: dict[str, int] = Field(
        description="Schools proven connected, by the technology that carried most of their hours"
    )
    hours: Hours
    outages: Outages
    speed: Speed
    devices: Devices


class LineOut(_Part):
    """A line as it was recorded over some days of the period."""

    role: str
    first: date
    last: date
    provider: str
    technology: str
    contracted_down_mbps: float | None
    contracted_up_mbps: float | None


class SchoolFigures(_Part):
    """One school. `technology` is what carried most of its hours, null where nothing proves any."""

    id: str
    name: str
    level: str
    area: list[str] = Field(description="At the end of the period; the groups split its time by the day")
    connected: bool | None = Field(description="As in `schools_connected`; null where nothing was measured")
    technology: str | None
    lines: list[LineOut]
    hours: Hours
    outages: Outages
    speed: Speed
    devices: Devices


class FaultRow(_Part):
    """Incidents of one kind and cause. Outages' and backup's hours add up to the hours above."""

    kind: IncidentKind
    cause: Cause
    count: int
    hours: float
    longest_hours: float
    detect_median_s: float | None
    repair_median_hours: float | None
    open: int = Field(description="Not over yet")


class Outage(_Part):
    """One stretch without a connection."""

    id: str
    school: str
    school_name: str
    provider: str
    cause: Cause
    start_ms: int
    end_ms: int | None
    hours: float = Field(description="In school hours of the period")
    detect_s: float


class Day(_Part):
    """A day with school hours."""

    day: date
    hours: float
    measured_hours: float
    lost_hours: float
    backup_hours: float
    connected_ratio: float | None


class Moved(_Part):
    """A school whose connection got better or worse."""

    id: str
    name: str
    before_ratio: float
    now_ratio: float


class LineChange(_Part):
    """A line that became another in the period; empty words where there was or is none."""

    school: str
    school_name: str
    role: str
    day: date
    provider_before: str
    technology_before: str
    down_mbps_before: float | None
    provider: str
    technology: str
    down_mbps: float | None


class AreaMove(_Part):
    """A school that moved in the tree of areas: its figures before `day` are the old area's."""

    school: str
    school_name: str
    day: date
    before: list[str] = Field(description="Empty where it hung nowhere")
    now: list[str]


class Change(_Part):
    """Beside the period before."""

    first: date
    last: date
    before: Group | None = Field(description="All schools then; null where nothing was measured then")
    better: list[Moved]
    worse: list[Moved]
    lines: list[LineChange]
    moves: list[AreaMove]


class PeriodOut(_Part):
    """What the report is about. Times are milliseconds since 1970, UTC; days are Vietnam's."""

    kind: PeriodKind
    first: date
    last: date
    school_year: int
    semester: int | None
    from_ms: int
    to_ms: int
    covered_to_ms: int = Field(description="The end, or the moment of the report where it is not over")
    complete: bool = Field(description="Whether the period is over")
    calendar: bool = Field(description="Whether a calendar says which hours are school hours; else all are")


class Report(_Part):
    """The whole report."""

    made_at_ms: int
    version: str
    period: PeriodOut
    scope: str | None = Field(description="The school that it is about; null for all")
    whole: Group
    areas: list[Group]
    providers: list[Group]
    schools: list[SchoolFigures]
    faults: list[FaultRow]
    provider_outages: int = Field(description="Outages of a provider at many schools at once")
    longest: list[Outage]
    days: list[Day]
    change: Change
