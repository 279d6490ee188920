"""Incidents and what they say of themselves; the words are those of ``truth.jsonl``."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any


class IncidentKind(StrEnum):
    """What is wrong, as somebody affected would say it."""

    OUTAGE = "outage"
    ON_BACKUP = "on_backup"
    DEGRADED = "degraded"
    DNS_ONLY = "dns_only"
    CAPTIVE_PORTAL = "captive_portal"
    INTERNATIONAL_ONLY = "international_only"
    DEVICE_DOWN = "device_down"
    BLIND = "blind"


class Cause(StrEnum):
    """Why it is wrong, as far as the evidence goes."""

    LINE_CUT = "line_cut"
    POWER_CUT = "power_cut"
    GATEWAY_REBOOT = "gateway_reboot"
    GATEWAY_CRASH = "gateway_crash"
    AGENT_STOPPED = "agent_stopped"
    PROVIDER_OUTAGE = "provider_outage"
    INTERNATIONAL_CUT = "international_cut"
    DNS_FAILURE = "dns_failure"
    CAPTIVE_PORTAL = "captive_portal"
    DEGRADED_LINE = "degraded_line"
    DEVICE_FAILURE = "device_failure"
    PARENT_DEVICE_FAILURE = "parent_device_failure"
    MONITORING_BLIND = "monitoring_blind"
    UNKNOWN = "unknown"


class Scope(StrEnum):
    """How far it reaches."""

    SCHOOL = "school"
    PROVIDER = "provider"
    DISTRICT = "district"
    SELF = "self"


class SchoolStatus(StrEnum):
    """What the wall shows of a school now."""

    ONLINE = "online"  # broadband in use
    ON_BACKUP = "on_backup"  # broadband lost, 4G/5G carries the school
    DEGRADED = "degraded"
    DOWN = "down"
    STOPPED = "stopped"  # the agent said goodbye: nobody measures, nothing is claimed
    UNKNOWN = "unknown"  # never heard, or we are blind


class Change(StrEnum):
    """What a transition did to its incident."""

    OPENED = "opened"
    AMENDED = "amended"
    RESOLVED = "resolved"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One incident at one moment of its life. Times are milliseconds since 1970, UTC.

    `start` and `end` are when it was so in the world; `detected_at` is the first evidence's receipt,
    `confirmed_at` the opening, `resolved_at` the closing, `paged_at` each page that went to the outbox.
    """

    id: str
    kind: IncidentKind
    cause: Cause
    scope: Scope
    school: str | None
    provider: str | None
    device: str | None = None
    start: int
    end: int | None = None
    detected_at: int
    confirmed_at: int
    resolved_at: int | None = None
    paged_at: tuple[int, ...] = ()
    parent: str | None = None

    def to_json(self) -> dict[str, Any]:
        """The line of ``incidents.jsonl``."""
        return asdict(self) | {"paged_at": list(self.paged_at)}


@dataclass(frozen=True, slots=True)
class Transition:
    """What happened to an incident: `incident` is how it stands after it.

    `number` counts an incident's transitions from 1. `evidence` says in catalogue keys and plain values
    what was known, for the record; `pages` whether somebody is to be told.
    """

    incident: Incident
    number: int
    change: Change
    at_ms: int
    pages: bool
    evidence: tuple[dict[str, str | int | float | bool | None], ...] = ()
