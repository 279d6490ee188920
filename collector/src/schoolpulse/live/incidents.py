"""Incidents as they are now, and who took them on; resolved ones for viewers that were away for a moment."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence

from schoolpulse.incidents.model import Change, Incident, Transition
from schoolpulse.incidents.people import Note

RESOLVED_KEPT = 500
"""How many resolved incidents are remembered for viewers that were away for a moment."""


class IncidentsNow:
    """What `LiveView` keeps of incidents, under its lock; revisions are the view's."""

    def __init__(self) -> None:
        self._open: dict[str, Incident] = {}
        self._resolved: deque[tuple[int, Incident]] = deque()
        self._changed: dict[str, int] = {}
        self._taken: dict[str, Note] = {}

    def restore(self, incidents: Iterable[Incident], taken: Mapping[str, Note]) -> None:
        """Start from the open ones, and the first acknowledgements."""
        self._open.update({incident.id: incident for incident in incidents})
        self._taken.update(taken)

    def take(self, transition: Transition, revision: int) -> int:
        """An incident opened, changed or closed. Who has seen less than what is returned missed something."""
        incident = transition.incident
        if transition.change is Change.RESOLVED:
            self._open.pop(incident.id, None)
            return self._keep(incident, revision)
        self._open[incident.id] = incident
        self._changed[incident.id] = revision
        return 0

    def note(self, note: Note, incident: Incident | None, revision: int) -> int:
        """Somebody said something of `incident`, which may be long over. Returns as `take` does."""
        if note.kind == "ack":
            self._taken.setdefault(note.incident, note)
        if note.incident in self._open:
            self._changed[note.incident] = revision
        elif incident is not None and incident.resolved_at is not None:
            return self._keep(incident, revision)
        return 0

    def open(self) -> Sequence[Incident]:
        """Those that are open."""
        return tuple(self._open.values())

    def changed_since(self, revision: int) -> Sequence[Incident]:
        """Those that changed after `revision`, the resolved ones too."""
        changed = [one for one in self._open.values() if self._changed.get(one.id, 0) > revision]
        return changed + [one for at, one in self._resolved if at > revision]

    def taken(self, incidents: Iterable[Incident]) -> Mapping[str, Note]:
        """The first acknowledgement of each of them that has one."""
        return {one.id: self._taken[one.id] for one in incidents if one.id in self._taken}

    def _keep(self, incident: Incident, revision: int) -> int:
        """Among the resolved, once and as the newest."""
        self._changed.pop(incident.id, None)
        others = [kept for kept in self._resolved if kept[1].id != incident.id]
        self._resolved = deque([*others, (revision, incident)])
        if len(self._resolved) <= RESOLVED_KEPT:
            return 0
        forgotten, gone = self._resolved.popleft()
        self._taken.pop(gone.id, None)
        return forgotten
