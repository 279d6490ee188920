"""What became of each school's hours: stretches by how they were known, and sums that add up.

A moment belongs to the first of: before the agent's first word; lost, where evidence says why; our own
blindness; the agent stopped; silent; on backup; degraded; broadband. An outage that evidence explains is
knowledge, whoever was looking then; one whose cause stays unknown is silence and says nothing of the line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from schoolpulse.incidents.model import Cause, Incident, IncidentKind, Scope
from schoolpulse.reports.spans import Span, common, length, union, without

LINE_CAUSES = frozenset({Cause.LINE_CUT, Cause.PROVIDER_OUTAGE})
"""What a provider answers for."""
NOT_LOST = frozenset({Cause.UNKNOWN, Cause.AGENT_STOPPED})
"""An outage that says nothing of the line."""
CLASSES = ("no_agent", "before", "lost", "blind", "stopped", "silent", "backup", "degraded")
UNMEASURED = ("no_agent", "before", "blind", "stopped", "silent")


@dataclass(slots=True)
class Tally:
    """Milliseconds of school hours: all of them, and those of each class; the rest is broadband."""

    total: int = 0
    parts: Counter[str] = field(default_factory=Counter)
    line_fault: int = 0
    technology: Counter[str] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count another's hours as well."""
        self.total += other.total
        self.parts.update(other.parts)
        self.line_fault += other.line_fault
        self.technology.update(other.technology)

    @property
    def measured(self) -> int:
        """Of which it is known how they were."""
        return self.total - sum(self.parts[name] for name in UNMEASURED)

    @property
    def connected(self) -> int:
        """With broadband or the backup."""
        return self.measured - self.parts["lost"]

    @property
    def broadband(self) -> int:
        """With broadband, degraded or not."""
        return self.connected - self.parts["backup"]


@dataclass(frozen=True, slots=True)
class Fault:
    """An incident's share of a school's hours; shares of outages never overlap."""

    incident: Incident
    spans: tuple[Span, ...]

    @property
    def ms(self) -> int:
        """Milliseconds of school hours."""
        return length(self.spans)

    @property
    def is_lost(self) -> bool:
        """Whether its hours are lost ones: an outage that evidence explains."""
        return self.incident.kind is IncidentKind.OUTAGE and self.incident.cause not in NOT_LOST


@dataclass(frozen=True, slots=True)
class SchoolTime:
    """One school's hours `monitored`, and the stretches in them by class."""

    monitored: Sequence[Span]
    parts: dict[str, list[Span]]
    faults: list[Fault]
    line_fault: list[Span]

    def within(self, span: Span | None, technologies: Sequence[tuple[Span, str, str]]) -> Tally:
        """The sums in `span`; all of it with None.

        Args:
            span: which stretch.
            technologies: stretches with the technology of the primary line and of the backup then.
        """

        def cut(spans: Sequence[Span]) -> Sequence[Span]:
            return spans if span is None else common([span], spans)

        monitored = cut(self.monitored)
        found = Tally(length(monitored), line_fault=length(cut(self.line_fault)))
        gone: list[Span] = []
        for name in CLASSES:
            spans = cut(self.parts.get(name, ()))
            found.parts[name] = length(spans)
            if name not in {"backup", "degraded"}:
                gone += spans
        backup = cut(self.parts.get("backup", ()))
        broadband = without(without(monitored, union(gone)), backup)
        for stretch, primary, second in technologies:
            found.technology[primary] += length(common([stretch], broadband))
            found.technology[second] += length(common([stretch], backup))
        found.technology = +found.technology
        return found


def school_time(
    monitored: Sequence[Span],
    incidents: Iterable[Incident],
    *,
    blind: Sequence[Span],
    before: Sequence[Span],
    silent: Sequence[Span],
    covered_to_ms: int,
) -> SchoolTime:
    """How one school's hours were.

    Args:
        monitored: its school hours, up to where the report reaches.
        incidents: the school's own, by start.
        blind: when the collector was cut off.
        before: before its agent's first word.
        silent: when nothing came of it, now or later.
        covered_to_ms: until when what is open lasts.
    """
    free = without(monitored, before)
    parts = {"before": common(before, monitored) if before else []}
    faults: list[Fault] = []
    lost: list[Span] = []
    stopped: list[Span] = []
    unexplained: list[Span] = list(silent)
    carried: list[Fault] = []
    degraded: list[Span] = []
    for one in incidents:
        span = (one.start, one.end if one.end is not None else covered_to_ms)
        mine = common([span], free)
        if one.kind is IncidentKind.OUTAGE and one.cause is Cause.AGENT_STOPPED:
            stopped += mine
        elif one.kind is IncidentKind.OUTAGE and one.cause is Cause.UNKNOWN:
            unexplained += mine
        elif one.kind is IncidentKind.OUTAGE:
            mine = without(mine, lost)
            lost = union([*lost, *mine])
        elif one.kind is IncidentKind.ON_BACKUP:
            carried.append(Fault(one, tuple(mine)))
            continue
        elif one.kind is IncidentKind.DEGRADED:
            degraded += mine
        faults.append(Fault(one, tuple(mine)))
    parts["lost"] = lost
    taken = lost
    for name, spans in (("blind", blind), ("stopped", stopped), ("silent", unexplained)):
        parts[name] = without(common(union(spans), free), taken)
        taken = union([*taken, *parts[name]])
    backup: list[Span] = []
    for fault in carried:
        mine = without(without(fault.spans, taken), backup)
        backup = union([*backup, *mine])
        faults.append(Fault(fault.incident, tuple(mine)))
    parts["backup"] = backup
    parts["degraded"] = without(without(union(degraded), taken), backup)
    faults = [fault for fault in faults if fault.spans]
    line = union(span for fault in faults if is_line_fault(fault.incident) for span in fault.spans)
    return SchoolTime(monitored, parts, faults, line)


def is_line_fault(incident: Incident) -> bool:
    """Whether it took broadband away and the line is the cause."""
    return incident.kind in {IncidentKind.OUTAGE, IncidentKind.ON_BACKUP} and incident.cause in LINE_CAUSES


def blind_spans(incidents: Iterable[Incident], covered_to_ms: int) -> list[Span]:
    """When the collector itself was cut off."""
    return union(
        (one.start, one.end if one.end is not None else covered_to_ms)
        for one in incidents
        if one.scope is Scope.SELF or one.kind is IncidentKind.BLIND
    )
