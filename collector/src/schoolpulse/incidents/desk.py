"""The engine's working surface: what every rule reads, and the only way a rule changes an incident."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from schoolpulse.incidents.model import Cause, Change, Incident, IncidentKind, SchoolStatus, Scope, Transition
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.state import EngineState, Entry, SchoolState

Fact = dict[str, str | int | float | bool | None]
"""One line of an incident's evidence: a catalogue key under ``fact`` and plain values."""


class Mutes(Protocol):
    """When nobody is to be woken: maintenance windows and the school calendar."""

    def reason(self, school_id: str | None, at_ms: int) -> str | None:
        """Why a page about that school (None: about many) is muted at `at_ms`; None where it is not."""
        ...

    def until(self, school_id: str | None, at_ms: int) -> int:
        """When what mutes at `at_ms` is over; never earlier than `at_ms` + 1."""
        ...


class NeverMuted:
    """Every hour of every day is monitored."""

    def reason(self, school_id: str | None, at_ms: int) -> str | None:  # noqa: ARG002  # the protocol's
        """None."""
        return None

    def until(self, school_id: str | None, at_ms: int) -> int:  # noqa: ARG002  # the protocol's
        """Never asked."""
        return at_ms + 1


class Desk:
    """Policy, roster and state, the moment that is being decided, and what was decided in it."""

    def __init__(self, policy: Policy, roster: Roster, state: EngineState, mutes: Mutes) -> None:
        self.policy = policy
        self.roster = roster
        self.state = state
        self.mutes = mutes
        self.now_ms = state.own.now_ms
        self.transitions: list[Transition] = []
        self.statuses: list[tuple[str, SchoolStatus, int]] = []
        self.first_heard: list[tuple[str, int]] = []
        self.touched: set[str] = set()
        """Schools that must be looked at and saved: rules that reach beyond their school add to it."""
        self.touched_incidents: set[str] = set()

    @property
    def blind(self) -> bool:
        """Whether nothing that is not heard means anything now."""
        return bool(self.state.own.blind)

    def armed(self, at_ms: int) -> bool:
        """Whether silence at `at_ms` means anything yet after the last blindness."""
        return not self.blind and at_ms >= self.state.own.armed_ms

    def school(self, school_id: str) -> SchoolState:
        """That school's state, made at the first call."""
        state = self.state.schools.get(school_id)
        if state is None:
            state = self.state.schools[school_id] = SchoolState(school_id)
        return state

    def incident(self, incident_id: str) -> Incident:
        """An incident that may still change."""
        return self.state.incidents[incident_id].incident

    def open(  # noqa: PLR0913  # keyword-only: the columns of an incident
        self,
        kind: IncidentKind,
        cause: Cause,
        *,
        scope: Scope,
        start: int,
        detected_at: int,
        evidence: tuple[Fact, ...],
        school: str | None = None,
        provider: str | None = None,
        device: str | None = None,
        parent: str | None = None,
        quiet: str = "",
        members: Sequence[str] = (),
    ) -> str:
        """Open an incident now; its id.

        `quiet` says why nobody is paged (``over``, ``ticket``); without it the policy and the mutes decide.
        An incident of many is muted where each of its `members` is.
        """
        key = f"{kind}|{scope}|{school}|{provider}|{device}|{start}|{detected_at}|{self.now_ms}"
        incident_id = "i" + hashlib.sha256(key.encode()).hexdigest()[:15]
        quiet = quiet or self._quiet(kind, parent) or self.muted(school, members) or ""
        incident = Incident(
            id=incident_id,
            kind=kind,
            cause=cause,
            scope=scope,
            school=school,
            provider=provider,
            device=device,
            start=start,
            detected_at=detected_at,
            confirmed_at=self.now_ms,
            paged_at=() if quiet else (self.now_ms,),
            parent=parent,
        )
        page: Fact = {"fact": "paged"} if not quiet else {"fact": "not_paged", "why": quiet}
        self.state.incidents[incident_id] = Entry(incident, 0)
        self._record(incident, Change.OPENED, pages=not quiet, evidence=(*evidence, page))
        return incident_id

    def muted(self, school: str | None, members: Sequence[str] = ()) -> str | None:
        """Why a page about `school`, or about all of `members`, is muted now; None where it is not."""
        if not members:
            return self.mutes.reason(school, self.now_ms)
        reasons = [self.mutes.reason(one, self.now_ms) for one in members]
        return None if None in reasons else reasons[0]

    def muted_until(self, school: str | None, members: Sequence[str] = ()) -> int:
        """When what mutes now is to be looked at again."""
        return min(self.mutes.until(one, self.now_ms) for one in members or (school,))

    def pages_of_itself(self, incident: Incident) -> bool:
        """Whether policy wants a page about it, of its own, and there was none yet."""
        return not incident.paged_at and not self._quiet(incident.kind, incident.parent)

    def _quiet(self, kind: IncidentKind, parent: str | None) -> str:
        if parent is not None:
            return "grouped"
        return "" if kind in self.policy.paged_kinds else "ticket"

    def amend(self, incident_id: str, *evidence: Fact, **changes: Any) -> bool:
        """Change what is known about an incident, unless that is what is known already."""
        incident = self.incident(incident_id)
        if all(getattr(incident, name) == value for name, value in changes.items()):
            return False
        self._record(dataclasses.replace(incident, **changes), Change.AMENDED, pages=False, evidence=evidence)
        return True

    def page(self, incident_id: str, why: str) -> None:
        """Tell somebody of an open incident now, though it was opened earlier."""
        incident = self.incident(incident_id)
        paged = dataclasses.replace(incident, paged_at=(*incident.paged_at, self.now_ms))
        self._record(paged, Change.AMENDED, pages=True, evidence=({"fact": "paged", "why": why},))

    def resolve(self, incident_id: str, end: int, *evidence: Fact) -> None:
        """It ended at `end`, and that has held until now. Whoever was paged is told."""
        incident = self.incident(incident_id)
        resolved = dataclasses.replace(incident, end=max(end, incident.start), resolved_at=self.now_ms)
        self._record(resolved, Change.RESOLVED, pages=bool(incident.paged_at), evidence=evidence)

    def page_due_ms(self, incident_id: str, confirm_ms: int = 0) -> int:
        """When an open incident of which nobody was told yet is to be paged or looked at again; 0 for never.

        It was muted when it was opened, or over before it was noticed, and now it lasts: after `confirm_ms`.
        """
        incident = self.incident(incident_id)
        if incident.id in self.state.own.groups or not self.pages_of_itself(incident):
            return 0
        if self.muted(incident.school) is not None:
            return self.muted_until(incident.school)
        return self.now_ms + confirm_ms

    def count_down(self, incident_id: str, change: int) -> None:
        """One more or one less of the incident's parent is down now; few enough, and the parent holds."""
        groups = self.state.own.groups
        group = groups.get(incident_id) or groups.get(self.incident(incident_id).parent or "")
        if group is None:
            return
        group.down += change
        if group.down > self.policy.group_over_share * group.members:
            group.due_ms = 0
        elif group.due_ms == 0:
            group.good_ms = self.now_ms
            group.due_ms = self.now_ms + self.policy.group_hold_ms

    def forget(self, incident_id: str) -> None:
        """Nothing can change that incident any more."""
        self.state.incidents.pop(incident_id, None)
        self.touched_incidents.add(incident_id)

    def _record(self, incident: Incident, change: Change, *, pages: bool, evidence: tuple[Fact, ...]) -> None:
        entry = self.state.incidents[incident.id]
        entry.incident = incident
        entry.number += 1
        self.touched_incidents.add(incident.id)
        self.transitions.append(Transition(incident, entry.number, change, self.now_ms, pages, evidence))
