"""The collector's knowledge as points. Pure: what goes in decides what comes out.

Measurements of the raw database (rolled up but for `school_now`):

* ``status``: each minute and at each change; tags school, name, ward, provider, technology, level.
* ``school_now``: each minute, what a table or a map shows of a school now.
* ``line_speed``: each hour with speed tests, delivered beside contracted.
* ``collector``, ``agents``: the collector's own figures; schools by version of their agent.

Records of the database that is kept longest, as they stand now:

* ``school``: the registry, at the start of each day (UTC).
* ``incident``: at the moment it was confirmed; written again whenever it changes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

from schoolpulse.i18n import LANGUAGES, translate
from schoolpulse.incidents.model import Incident, IncidentKind, SchoolStatus, Scope
from schoolpulse.live import SchoolNow
from schoolpulse.registry.models import School
from schoolpulse.stores.base import PointBlock, Value

SEVERITY: Mapping[SchoolStatus, int] = {
    SchoolStatus.ONLINE: 0,
    SchoolStatus.DEGRADED: 1,
    SchoolStatus.ON_BACKUP: 2,
    SchoolStatus.STOPPED: 3,
    SchoolStatus.UNKNOWN: 4,
    SchoolStatus.DOWN: 5,
}
"""The number of a state: the greatest of a window is the worst of it."""
BROADBAND = frozenset({SchoolStatus.ONLINE, SchoolStatus.DEGRADED})
CONNECTED = BROADBAND | {SchoolStatus.ON_BACKUP}
UNMEASURED = frozenset({SchoolStatus.STOPPED, SchoolStatus.UNKNOWN})
NO_PROVIDER = "-"
TAGS = ("school", "name", "ward", "provider", "technology", "level")
STATUS = (
    "code",
    "connected",
    "broadband",
    "measured",
    "rtt_ms",
    "loss_ratio",
    "far_rtt_ms",
    "rx_bps",
    "tx_bps",
    "contracted_down_mbps",
)
NOW = (
    *("code", "state", "lat", "lon", "since_ms", "heard_ms", "rtt_ms", "loss_ratio", "rx_bps", "tx_bps"),
    *("contracted_down_mbps", "contracted_up_mbps", "used_ratio", "devices_up", "devices_total", "uplink"),
)
SCHOOL = (
    *("label", "name", "ward", "level", "provider", "technology", "backup", "agent", "lat", "lon"),
    *("contracted_down_mbps", "contracted_up_mbps"),
)
SPEED = ("down_mbps", "up_mbps", "contracted_down_mbps", "contracted_up_mbps", "down_ratio", "up_ratio")
INCIDENT_TAGS = ("school", "provider", "kind", "scope", "device")
INCIDENT = (
    *("id", "name", "ward", "cause", "open", "start_ms", "end_ms", "duration_s", "detect_s", "pages"),
    "device_kind",
    *(f"title_{language}" for language in LANGUAGES),
)


def tags_of(school: School, at_ms: int | None = None) -> tuple[str, ...]:
    """The tags of a school's points now or at `at_ms`, in the order of their names above."""
    line = school.line("primary", at_ms)
    ward = _ward(school, at_ms)
    provider, technology = (line.provider, line.technology) if line else (NO_PROVIDER, "")
    return (school.id, school.name, ward, provider, technology, school.level)


def _ward(school: School | None, at_ms: int | None) -> str:
    """The lowest area on which the school hangs now, or hung then; empty for none."""
    if school is None:
        return ""
    area = school.area if at_ms is None else school.area_at(at_ms)
    return area[-1] if area else ""


def statuses(schools: Iterable[SchoolNow], at_ms: int) -> PointBlock:
    """Where every school stands at `at_ms`; a minute in a state is a minute of its record."""
    rows = []
    for now in schools:
        reach = now.figures.reachability if now.figures else {}
        near, far = reach.get("national"), reach.get("international")
        traffic = now.figures.traffic if now.figures else None
        line = now.school.line("primary")
        values: tuple[Value, ...] = (
            SEVERITY[now.status],
            now.status in CONNECTED,
            now.status in BROADBAND,
            now.status not in UNMEASURED,
            near.rtt_ms if near else None,
            near.loss_ratio if near else None,
            far.rtt_ms if far else None,
            traffic.rx_bps if traffic else None,
            traffic.tx_bps if traffic else None,
            line.contracted_down_mbps if line else None,
        )
        rows.append((at_ms, tags_of(now.school), values))
    return PointBlock("status", (), TAGS, STATUS, rows)


def changes(changed: Iterable[tuple[School, SchoolStatus, int]]) -> PointBlock:
    """The moments of change between the minutes; without what is counted by the minute."""
    rows = [(at_ms, tags_of(school), (SEVERITY[status],)) for school, status, at_ms in changed]
    return PointBlock("status", (), TAGS, ("code",), rows)


def schools_now(schools: Iterable[SchoolNow], at_ms: int) -> PointBlock:
    """What tables and the map show of every school."""
    return PointBlock(
        "school_now", (), TAGS, NOW, [(at_ms, tags_of(now.school), _now(now)) for now in schools]
    )


def _now(now: SchoolNow) -> tuple[Value, ...]:
    school, figures = now.school, now.figures
    line = school.line("primary")
    near = figures.reachability.get("national") if figures else None
    traffic = figures.traffic if figures else None
    contracted = line.contracted_down_mbps if line else None
    rx_bps = traffic.rx_bps if traffic else None
    return (
        SEVERITY[now.status],
        now.status.value,
        school.lat,
        school.lon,
        now.since_ms,
        figures.heard_ms if figures else None,
        near.rtt_ms if near else None,
        near.loss_ratio if near else None,
        rx_bps,
        traffic.tx_bps if traffic else None,
        contracted,
        line.contracted_up_mbps if line else None,
        rx_bps / contracted / 1_000_000 if contracted and rx_bps is not None else None,
        figures.devices_up if figures else None,
        figures.devices_total if figures else None,
        figures.uplink.technology if figures and figures.uplink else None,
    )


def registry(schools: Iterable[School], at_ms: int) -> PointBlock:
    """The registry. `label` is the name with the id, for a choice that shows one and means the other."""
    rows = []
    for school in schools:
        line, backup = school.line("primary"), school.line("backup")
        _, name, ward, provider, technology, level = tags_of(school)
        values = (
            *(f"{name} [{school.id}]", name, ward, level, provider, technology),
            *(backup.technology if backup else "", school.agent_id or "", school.lat, school.lon),
            *((line.contracted_down_mbps, line.contracted_up_mbps) if line else (None, None)),
        )
        rows.append((at_ms, (school.id,), values))
    return PointBlock("school", (), ("school",), SCHOOL, rows)


def incidents(
    found: Iterable[Incident],
    schools: Mapping[str, School],
    now_ms: int,
    kinds: Mapping[tuple[str, str], str] = MappingProxyType({}),
) -> PointBlock:
    """Incidents as they stand. Two never share a moment of one series: that would be one incident.

    `kinds` are those of devices, by school and device; one that is not known is left as it was written.
    """
    rows = []
    for one in found:
        school = schools.get(one.school or "")
        ended = one.end if one.end is not None else one.resolved_at
        is_open = one.resolved_at is None
        until_ms = now_ms if is_open or ended is None else ended
        # A word that is always there: an empty tag is none in InfluxDB, and a variable could not choose it.
        tags = (
            one.school or "-",
            one.provider or NO_PROVIDER,
            one.kind.value,
            one.scope.value,
            one.device or "-",
        )
        values: tuple[Value, ...] = (
            *(one.id, _who(one, school), _ward(school, one.start), one.cause.value),
            *(is_open, one.start, None if is_open else ended, max(0, until_ms - one.start) / 1000),
            *(max(0, one.confirmed_at - one.start) / 1000, len(one.paged_at)),
            kinds.get((one.school or "", one.device or "")),
            *(title(one, language) for language in LANGUAGES),
        )
        rows.append((one.confirmed_at, tags, values))
    return PointBlock("incident", (), INCIDENT_TAGS, INCIDENT, rows)


def title(incident: Incident, language: str) -> str:
    """What happened and why, in words."""
    spoken = next(one for one in LANGUAGES if one == language)
    kind = translate(f"kind.{incident.kind.value}", spoken)
    return f"{kind}: {translate(f'cause.{incident.cause.value}', spoken)}"


def _who(incident: Incident, school: School | None) -> str:
    if school is not None:
        return school.name
    if incident.scope is Scope.SELF or incident.kind is IncidentKind.BLIND:
        return "SchoolPulse"
    return incident.school or incident.provider or incident.scope.value


def speeds(
    delivered: Mapping[str, Mapping[int, tuple[float | None, float | None]]], schools: Iterable[School]
) -> PointBlock:
    """Speed tests by school and hour ``{school: {at_ms: (down, up)}}``, Mbit/s, beside the contract then."""
    rows = []
    for school in schools:
        for at_ms, got in sorted(delivered.get(school.id, {}).items()):
            line = school.line("primary", at_ms)
            asked = (line.contracted_down_mbps, line.contracted_up_mbps) if line else (None, None)
            shares = [
                one / wanted if one is not None and wanted else None
                for one, wanted in zip(got, asked, strict=True)
            ]
            rows.append((at_ms, tags_of(school, at_ms), (*got, *asked, *shares)))
    return PointBlock("line_speed", (), TAGS, SPEED, rows)


def versions(schools: Sequence[SchoolNow], at_ms: int) -> PointBlock:
    """How many schools run each version of the agent, as far as their births say."""
    count = Counter(now.figures.agent_version for now in schools if now.figures and now.figures.agent_version)
    return PointBlock(
        "agents", (), ("version",), ("schools",), [(at_ms, (v,), (n,)) for v, n in sorted(count.items())]
    )
