"""What the engine remembers: small, plain, and the same after JSON and back."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from schoolpulse.incidents.model import Incident, SchoolStatus

VERSION = 1
"""Of the serialised form. A state of another version is not read; the engine starts that school anew."""


class Phase(IntEnum):
    """Where a suspicion stands. No track at all is the fourth: all is well."""

    SUSPECT = 1
    OPEN = 2
    HOLD = 3  # recovered, not yet resolved


@dataclass(slots=True)
class Track:
    """One thing that may be wrong with a school, from the first suspicion to the end of its hold.

    `since_ms` is when it began in the world, `seen_ms` when its first evidence was received, `good_ms`
    when it recovered, `due_ms` when the present phase ends by itself (0: never), `incident` the id.
    """

    phase: Phase
    since_ms: int
    seen_ms: int
    due_ms: int = 0
    good_ms: int = 0
    incident: str = ""


@dataclass(slots=True)
class Case:
    """What is known about a silence, to tell its cause: gathered until long after it ended.

    Times are of the world, as well as the collector can tell them. `failed` and `answered` count the
    agent's own probes by scope during the silence; `first_fail_ms` and `last_fail_ms` bound the failures
    from the gateway on outwards; `measured` counts everything that the agent measured meanwhile.
    """

    incident: str
    from_ms: int
    to_ms: int = 0
    boot_before: str = ""
    boot_after: str = ""
    booted_ms: int = 0
    session_before: int = 0
    session_after: int = 0
    by_will: bool = False
    mains_lost: bool = False
    devices_booted: int = 0
    devices_stayed: int = 0
    failed: dict[str, int] = field(default_factory=dict)
    answered: dict[str, int] = field(default_factory=dict)
    first_fail_ms: int = 0
    last_fail_ms: int = 0
    alive_ms: int = 0
    measured: int = 0
    due_ms: int = 0


@dataclass(slots=True)
class SchoolState:
    """One school. A time of 0 means never."""

    school: str
    status: SchoolStatus = SchoolStatus.UNKNOWN
    heard_ms: int = 0
    weak_ms: int = 0  # an unclear sign of life: delays a suspicion, proves nothing
    stream: str = ""
    seq: int = 0
    offset_ms: int | None = None  # received minus sent, of the quickest messages
    odd: tuple[int, int] | None = None  # (sent, received) of a newest message that came oddly late
    boot: str = ""
    boot_before: str = ""
    session: int = 0
    back_ms: int = 0  # since when it speaks without interruption: older samples say nothing of now
    will_ms: int = 0
    stopped_ms: int = 0
    stop_reason: str = ""
    booted_ms: int = 0
    primary_down_ms: int = 0  # since when the primary uplink is said to be down
    dips: list[list[int]] = field(default_factory=list)
    targets: dict[str, dict[str, list[int]]] = field(default_factory=dict)  # see rules/paths.py
    unwell: bool = False  # whether any of them does not answer
    backups: list[str] = field(default_factory=list)  # names of uplinks that are backups
    tracks: dict[str, Track] = field(default_factory=dict)
    case: Case | None = None
    quality: list[int] = field(default_factory=list)  # see rules/degraded.py
    mains_lost_ms: int = 0  # when most devices fell at once: the building has no power
    devices: dict[str, list[Any]] = field(default_factory=dict)  # see rules/devices.py
    uplinks_ms: int = 0  # of the newest word on its uplinks

    def dumps(self) -> str:
        """The state as one line of JSON. Columns, not keys: it is written for every heartbeat."""
        case = self.case
        return json.dumps(
            [
                VERSION,
                self.status,
                self.heard_ms,
                self.weak_ms,
                self.stream,
                self.seq,
                self.offset_ms,
                self.odd,
                self.boot,
                self.boot_before,
                self.session,
                self.back_ms,
                self.will_ms,
                self.stopped_ms,
                self.stop_reason,
                self.booted_ms,
                self.primary_down_ms,
                self.dips,
                self.targets,
                self.unwell,
                self.backups,
                {
                    key: [
                        track.phase,
                        track.since_ms,
                        track.seen_ms,
                        track.due_ms,
                        track.good_ms,
                        track.incident,
                    ]
                    for key, track in self.tracks.items()
                },
                None if case is None else [getattr(case, name) for name in Case.__slots__],
                self.quality,
                self.mains_lost_ms,
                self.devices,
                self.uplinks_ms,
            ],
            separators=(",", ":"),
        )

    @classmethod
    def loads(cls, school: str, text: str) -> SchoolState:
        """The state that `dumps` wrote; a fresh one where it was of another version."""
        version, *values = json.loads(text)
        if version != VERSION:
            return cls(school)
        names = cls.__slots__[1:]
        # Fields are only ever added at the end, so that what an earlier version wrote is still read.
        state = cls(school, **dict(zip(names, values, strict=False)))
        state.status = SchoolStatus(state.status)
        state.odd = (state.odd[0], state.odd[1]) if state.odd else None
        tracks: dict[str, Any] = state.tracks
        state.tracks = {key: Track(Phase(cells[0]), *cells[1:]) for key, cells in tracks.items()}
        case: Any = state.case
        state.case = None if case is None else Case(*case)
        return state


@dataclass(slots=True)
class Group:
    """An incident of many schools: who it is about, how many of them are in it, and how many now."""

    incident: str
    scope: str  # ``provider`` or ``district``
    key: str  # the provider's name; ``area:`` and the area; ``international``
    since_ms: int
    members: int = 0
    down: int = 0
    due_ms: int = 0  # when its hold ends; 0 while it is not over
    good_ms: int = 0
    power: int = 0  # members that turned out to have lost their power
    page_ms: int = 0  # when to see whether it is muted still; 0 where it is not, or was paged


@dataclass(slots=True)
class OwnState:
    """What the engine knows of itself and of the whole: the clock of events, blindness, groups.

    After blindness `resumed_ms` is when it ended, and `armed_ms` from when silence counts again.
    """

    now_ms: int = 0
    blind: str = ""  # why we see nothing: ``link``, ``silence``, ``witness``; empty while we do
    blind_since_ms: int = 0
    blind_at_ms: int = 0  # when it was noticed
    blind_due_ms: int = 0
    blind_incident: str = ""
    blind_good_ms: int = 0
    blind_page_ms: int = 0  # when to see whether its incident is muted still; 0 where it is not
    heard_again: int = 0
    expected: int = 0
    armed_ms: int = 0
    resumed_ms: int = 0
    witness_fails: int = 0
    groups: dict[str, Group] = field(default_factory=dict)

    def dumps(self) -> str:
        """The state as one line of JSON."""
        values = {name: getattr(self, name) for name in self.__slots__ if name != "groups"}
        values["groups"] = {
            key: [getattr(group, name) for name in Group.__slots__] for key, group in self.groups.items()
        }
        return json.dumps([VERSION, values], separators=(",", ":"))

    @classmethod
    def loads(cls, text: str) -> OwnState:
        """The state that `dumps` wrote; a fresh one where it was of another version."""
        version, values = json.loads(text)
        if version != VERSION:
            return cls()
        groups = {key: Group(*cells) for key, cells in values.pop("groups").items()}
        return cls(**values, groups=groups)


@dataclass(slots=True)
class Entry:
    """An incident that the engine may still change, and how many transitions it has had."""

    incident: Incident
    number: int


@dataclass(slots=True)
class EngineState:
    """Everything. What `EngineState` holds and the events that follow decide all that happens."""

    own: OwnState = field(default_factory=OwnState)
    schools: dict[str, SchoolState] = field(default_factory=dict)
    incidents: dict[str, Entry] = field(default_factory=dict)
