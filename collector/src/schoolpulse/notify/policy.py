"""The policy file: what counts as an outage, when somebody is told, who, and what if nobody answers.

Everything has a default; an empty file is the policy that ships. `docs/ops/policy.md` shows it in use.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, create_model

from schoolpulse import local_time, toml_file
from schoolpulse.errors import ConfigError, Problem
from schoolpulse.incidents.model import Incident, IncidentKind, Scope
from schoolpulse.incidents.mutes import CalendarSettings, PlannedMutes, SchoolCalendar, TimeOfDay
from schoolpulse.incidents.policy import DAY, Policy
from schoolpulse.notify.settings import EndpointSettings
from schoolpulse.registry.models import School

Seconds = Annotated[float, Field(ge=0, le=7 * 86_400)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _threshold(name: str, default: Any) -> tuple[str, Any]:
    """A field of `Policy` as the file has it: milliseconds become seconds."""
    if name.endswith("_ms"):
        return name.removesuffix("_ms") + "_s", (Seconds, default / 1000)
    return name, (type(default) if not isinstance(default, frozenset) else default.__class__, default)


_FIELDS = {field.name: field.default for field in dataclasses.fields(Policy)}
_PLAIN = {name: default for name, default in _FIELDS.items() if not isinstance(default, frozenset)}
Thresholds: Any = create_model(
    "Thresholds",
    __base__=_Table,
    __doc__="``[engine]``: the thresholds of `incidents.policy.Policy`, times in seconds (``hold_s = 300``).",
    witness_agents=(frozenset[str], frozenset()),
    paged_kinds=(frozenset[IncidentKind], _FIELDS["paged_kinds"]),
    **dict(_threshold(name, default) for name, default in _PLAIN.items()),
)


class Route(_Table):
    """``[[route]]``: which incidents go to which endpoints. Without any, everything goes to everybody.

    With `after_s` only what is still open then, and not acknowledged, is told: that is escalation. Outside
    of `hours` (Vietnam's) a message waits for them, and is dropped when the incident ends before.
    """

    endpoints: Annotated[tuple[str, ...], Field(min_length=1)]
    kinds: frozenset[IncidentKind] | None = None
    scopes: frozenset[Scope] | None = None
    area: str | None = None
    """A path from the top down, joined by slashes; everything below it is meant too."""
    after_s: Seconds = 0
    hours: tuple[TimeOfDay, TimeOfDay] = ("00:00", "24:00")

    def matches(self, incident: Incident, school: School | None) -> bool:
        """Whether the route is for `incident`."""
        area = "/".join(school.area) if school is not None else ""
        return (
            (self.kinds is None or incident.kind in self.kinds)
            and (self.scopes is None or incident.scope in self.scopes)
            and (self.area is None or area == self.area or area.startswith(self.area + "/"))
        )

    def due_ms(self, paged_ms: int) -> int:
        """When an incident that was paged at `paged_ms` is told on this route."""
        due_ms = paged_ms + round(self.after_s * 1000)
        local = local_time.local(due_ms)
        begins, ends = self.hours
        now = local.strftime("%H:%M")
        if begins <= now < ends if begins < ends else now >= begins or now < ends:
            return due_ms
        hour, minute = (int(part) for part in begins.split(":"))
        opens = local.replace(hour=hour % 24, minute=minute, second=0, microsecond=0)
        opens_ms = round(opens.timestamp() * 1000)
        return opens_ms if opens_ms >= due_ms else opens_ms + DAY

    @property
    def at_once(self) -> bool:
        """Whether nothing has to be waited for."""
        return self.after_s == 0 and self.hours == ("00:00", "24:00")


class Summary(_Table):
    """``[summary]``: each day at that time (Vietnam's), what is still open. Nothing open, nothing sent."""

    at: TimeOfDay = "07:00"
    endpoints: tuple[str, ...] = ()
    """To whom; without any, to all but those of the format ``alertmanager``."""


class PolicyFile(_Table):
    """The whole file."""

    engine: Thresholds = Field(default_factory=Thresholds)
    calendar: CalendarSettings | None = None
    """Without it every hour of every day is monitored."""
    route: tuple[Route, ...] = ()
    summary: Summary | None = None

    def thresholds(self) -> Policy:
        """What the engine goes by."""
        values = {}
        for name in _FIELDS:
            if name.endswith("_ms"):
                values[name] = round(getattr(self.engine, name.removesuffix("_ms") + "_s") * 1000)
            else:
                values[name] = getattr(self.engine, name)
        return Policy(**values)

    def school_calendar(self) -> SchoolCalendar | None:
        """Which hours are monitored; None where all are."""
        return SchoolCalendar(self.calendar) if self.calendar is not None else None

    def mutes(self) -> PlannedMutes:
        """When pages wait."""
        return PlannedMutes(self.school_calendar())


def load_policy(path: Path | None) -> PolicyFile:
    """The policy at `path`; the one that ships where there is none.

    Raises:
        ConfigError: with every mistake.
    """
    return PolicyFile() if path is None else toml_file.load(path, PolicyFile)


def load_rules(path: Path | None, endpoints: Sequence[EndpointSettings]) -> PolicyFile:
    """The policy at `path`, whose routes and summary lead to `endpoints`.

    Raises:
        ConfigError: with every mistake.
    """
    rules = load_policy(path)
    known = {endpoint.id for endpoint in endpoints}
    named = {name for route in rules.route for name in route.endpoints}
    named |= set(rules.summary.endpoints) if rules.summary else set()
    if unknown := sorted(named - known):
        hint = f"known: {', '.join(endpoint.id for endpoint in endpoints)}"
        problems = [Problem("endpoints", f"{name} is not configured", hint) for name in unknown]
        raise ConfigError(f"{path}: names endpoints that are not there", problems)
    return rules
