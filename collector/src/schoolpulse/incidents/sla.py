"""Availability per school, from incidents: never from points that are missing.

A stretch of time is one of three: with broadband (or its backup), without, or not known: the agent was
stopped, never heard, or we were blind. What is not known is neither held against a provider nor credited.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schoolpulse.incidents.model import Cause, Incident, IncidentKind, Scope

Span = tuple[int, int]
_NOT_THE_LINE = frozenset({Cause.AGENT_STOPPED})


@dataclass(frozen=True, slots=True)
class Availability:
    """Milliseconds of one school's line in a range, and how often it failed.

    `down_ms` is without any connection, `on_backup_ms` with the backup only, `unknown_ms` not measured.
    """

    total_ms: int
    down_ms: int
    on_backup_ms: int
    unknown_ms: int
    failures: int

    @property
    def broadband_ratio(self) -> float | None:
        """The share of the known time with the broadband line itself; None where nothing is known."""
        known = self.total_ms - self.unknown_ms
        return (known - self.down_ms - self.on_backup_ms) / known if known > 0 else None

    @property
    def connected_ratio(self) -> float | None:
        """The share of the known time with broadband or 4G/5G: the plan's figure."""
        known = self.total_ms - self.unknown_ms
        return (known - self.down_ms) / known if known > 0 else None


def availability(
    school: str, incidents: Iterable[Incident], from_ms: int, to_ms: int, unknown: Sequence[Span] = ()
) -> Availability:
    """The figures of `school` in ``[from_ms, to_ms)``.

    Args:
        school: whose.
        incidents: at least those of the school and our own blindness that touch the range.
        from_ms: begin of the range.
        to_ms: its end; open incidents last until then.
        unknown: further stretches in which nobody measured, such as before the first message.
    """
    down: list[Span] = []
    backup: list[Span] = []
    blind: list[Span] = list(unknown)
    failures = 0
    for incident in incidents:
        span = (incident.start, incident.end if incident.end is not None else to_ms)
        if span[0] >= to_ms or span[1] <= from_ms:
            continue
        if incident.scope is Scope.SELF or (incident.school == school and incident.cause in _NOT_THE_LINE):
            blind.append(span)
        elif incident.school == school and incident.kind is IncidentKind.OUTAGE:
            down.append(span)
            failures += 1
        elif incident.school == school and incident.kind is IncidentKind.ON_BACKUP:
            backup.append(span)
            failures += 1
    lost = _merged(down, from_ms, to_ms)
    # A school that was seen to be down stays down, whatever we saw meanwhile of others.
    unseen = _without(_merged(blind, from_ms, to_ms), lost)
    carried = _without(_without(_merged(backup, from_ms, to_ms), lost), unseen)
    return Availability(to_ms - from_ms, _length(lost), _length(carried), _length(unseen), failures)


def _merged(spans: Iterable[Span], from_ms: int, to_ms: int) -> list[Span]:
    """The union of `spans` within the range, in order."""
    found: list[Span] = []
    for start, end in sorted((max(start, from_ms), min(end, to_ms)) for start, end in spans):
        if end <= start:
            continue
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _without(spans: Sequence[Span], others: Sequence[Span]) -> list[Span]:
    """`spans` less what is in `others`; both in order and without overlap."""
    found: list[Span] = []
    for start, end in spans:
        at = start
        for first, last in others:
            if last <= at or first >= end:
                continue
            if first > at:
                found.append((at, first))
            at = max(at, last)
        if at < end:
            found.append((at, end))
    return found


def _length(spans: Iterable[Span]) -> int:
    return sum(end - start for start, end in spans)
