"""Schools, their lines, agents, devices and contacts, as the registry knows them.

Times are milliseconds since 1970, UTC; ``None`` as a beginning is "for as long as anybody remembers", as an
end "until further notice". A period holds its beginning and not its end.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date, timedelta
from typing import Any, Literal

from schoolpulse.local_time import midnight_ms

Role = Literal["primary", "backup"]
ROLES: tuple[Role, ...] = ("primary", "backup")


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a school: who provides it, how, what was contracted and what it costs a month.

    `currency` is the ISO 4217 code of `cost_per_month`, empty without one.
    """

    role: Role
    provider: str
    technology: str
    contracted_down_mbps: float | None = None
    contracted_up_mbps: float | None = None
    cost_per_month: float | None = None
    currency: str = ""


class _Period:
    """What was so from `from_ms` on and before `to_ms`."""

    __slots__ = ()
    from_ms: int | None
    to_ms: int | None

    def covers(self, at_ms: int) -> bool:
        """Whether it was so at that time."""
        return (self.from_ms is None or self.from_ms <= at_ms) and (self.to_ms is None or at_ms < self.to_ms)

    def overlap(self, from_ms: int, to_ms: int) -> tuple[int, int] | None:
        """The part of ``[from_ms, to_ms)`` in which it was so, None where there is none."""
        start = from_ms if self.from_ms is None else max(from_ms, self.from_ms)
        end = to_ms if self.to_ms is None else min(to_ms, self.to_ms)
        return (start, end) if start < end else None


@dataclass(frozen=True, slots=True)
class LinePeriod(_Period):
    """A line as it was from `from_ms` on and before `to_ms`. `id` is the registry's, 0 where it has none."""

    line: Line
    from_ms: int | None = None
    to_ms: int | None = None
    id: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class AreaPeriod(_Period):
    """Where a school hung from `from_ms` on and before `to_ms`: the path of areas, empty for nowhere."""

    area: tuple[str, ...]
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class AgentPeriod:
    """An agent that stood at a school from `from_ms` on and before `to_ms`."""

    agent_id: str
    school_id: str
    from_ms: int | None = None
    to_ms: int | None = None


@dataclass(frozen=True, slots=True)
class Classroom:
    """An agent on a classroom's machine. `name` says where it is, for people."""

    agent_id: str
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """A school, where it hangs in the tree of areas, its lines and its agents.

    `level` is ``mam_non``, ``tieu_hoc`` or ``thcs``. `area` is the path of area names from the top down
    (``("TP.HCM", "Gò Vấp", "Phường 10")``): as deep as the operator's tree is; `areas` are all that it hung
    on, without a gap and by time, empty of a school that never moved. `lines` are those of now, and `history`
    is every period of every line, by role and time, where it comes from the registry. `agent_id` is the
    gateway's; the silence of an agent in `classrooms` says nothing of the school.
    """

    id: str
    name: str
    level: str
    area: tuple[str, ...] = ()
    lat: float | None = None
    lon: float | None = None
    agent_id: str | None = None
    lines: tuple[Line, ...] = ()
    closed_ms: int | None = None
    classrooms: tuple[Classroom, ...] = ()
    history: tuple[LinePeriod, ...] = field(default=(), compare=False, repr=False)
    areas: tuple[AreaPeriod, ...] = field(default=(), compare=False, repr=False)

    @property
    def agent_ids(self) -> Sequence[str]:
        """The gateway's agent and those of classrooms."""
        classrooms = [one.agent_id for one in self.classrooms]
        return [self.agent_id, *classrooms] if self.agent_id else classrooms

    def line(self, role: Role, at_ms: int | None = None) -> Line | None:
        """The school's line in that role, if it has one: now, or as it was at `at_ms`."""
        if at_ms is None or not self.history:
            return next((line for line in self.lines if line.role == role), None)
        return next((one.line for one in self.history if one.line.role == role and one.covers(at_ms)), None)

    def lines_between(self, from_ms: int, to_ms: int) -> Sequence[LinePeriod]:
        """The periods of lines that touch ``[from_ms, to_ms)``, whole, the primary's first, by time."""
        history = self.history or tuple(LinePeriod(line) for line in self.lines)
        return [period for period in history if period.overlap(from_ms, to_ms)]

    def area_at(self, at_ms: int) -> tuple[str, ...]:
        """Where the school hung at that time."""
        return next((one.area for one in self.areas if one.covers(at_ms)), self.area)

    def area_on(self, day: date) -> tuple[str, ...]:
        """Where the school hung at the end of that day of Vietnam's."""
        return self.area_at(midnight_ms(day + timedelta(days=1)) - 1)

    def areas_between(self, from_ms: int, to_ms: int) -> Sequence[AreaPeriod]:
        """Where the school hung in ``[from_ms, to_ms)``: the periods that touch it, whole and by time."""
        areas = self.areas or (AreaPeriod(self.area),)
        return [period for period in areas if period.overlap(from_ms, to_ms)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as it is recorded.

    `device_id` is what the agent calls it, by which the record and what is measured find each other;
    `parent` is the `device_id` of what it hangs on, empty for the gateway.
    """

    school_id: str
    device_id: str
    kind: str
    name: str = ""
    model: str = ""
    serial: str = ""
    parent: str = ""
    room: str = ""
    bought_on: date | None = None
    warranty_until: date | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """How an office of a school is reached: a function and its post, never a person (decision 0901)."""

    school_id: str
    function: str
    phone: str = ""
    email: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One change of the registry, as it is kept for good.

    `kind` is ``school``, ``line``, ``agent``, ``device``, ``contact`` or ``area``; `action` is ``added``,
    ``changed``, ``removed``, ``closed`` or ``reopened``. `fields` holds ``(old, new)`` as text by name.
    """

    id: int
    at_ms: int
    by: str
    school_id: str | None
    kind: str
    subject: str
    action: str
    fields: dict[str, tuple[str | None, str | None]]


def shallow(one: Line | Device | Contact) -> dict[str, Any]:
    """The fields of one of these by name; `dataclasses.asdict` copies deeply, which an import would feel."""
    return {field.name: getattr(one, field.name) for field in fields(one)}
