"""The incident engine: evidence in, transitions out. No clock, no I/O, no chance.

Time is the events' own (the collector's clock at receipt, which never runs backwards). A deadline fires
at its due time, before whatever happens at that time or later, and its transitions carry that time. So the
same events give the same incidents, however they are cut into calls of `apply` and `advance`.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from schoolpulse.incidents import blindness, explain, grouping, opening, owed
from schoolpulse.incidents.desk import Desk, Mutes, NeverMuted
from schoolpulse.incidents.evidence import Evidence, Glimpse, Heard, Online, OwnLink, PlannedStop, Will
from schoolpulse.incidents.model import SchoolStatus, Transition
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.rules import degraded, devices, paths, silence, uplinks
from schoolpulse.incidents.state import EngineState, Phase, SchoolState
from schoolpulse.incidents.tracks import BACKUP, LINE, SILENCE

NEVER = 2**62


class Engine:
    """Decides.

    Args:
        policy: every threshold.
        roster: who the schools are; replaced by `set_roster` when the registry changes.
        state: where an earlier engine stopped; a fresh one by default.
        mutes: when nobody is to be woken; by default never.
    """

    def __init__(
        self,
        policy: Policy,
        roster: Roster,
        state: EngineState | None = None,
        mutes: Mutes | None = None,
    ) -> None:
        self._desk = Desk(policy, roster, state or EngineState(), mutes or NeverMuted())
        self._own = self._desk.state.own
        self._heap: list[tuple[int, str]] = []
        self._queued: dict[str, int] = {}
        self._dirty: set[str] = set()
        for school in self.state.schools.values():
            self._schedule(school)

    @property
    def state(self) -> EngineState:
        """What is remembered; to be saved, not to be changed."""
        return self._desk.state

    @property
    def now_ms(self) -> int:
        """The engine's time: of the last event, or how far it was advanced."""
        return self.state.own.now_ms

    def set_roster(self, roster: Roster) -> None:
        """Take up a changed registry. Schools that are gone are forgotten, but not their open incidents."""
        self._desk.roster = roster

    def mutes_changed(self) -> None:
        """What is muted now may be otherwise: pages that wait are looked at with the next call."""
        owed.look_anew(self._desk)
        self._settle()

    def apply(self, event: Evidence) -> list[Transition]:
        """Let `event` happen, after every deadline that is due until then."""
        own = self._own
        before_ms = own.now_ms
        at_ms = max(event.received_ms, before_ms)
        if not (isinstance(event, OwnLink) and event.restarted):
            heap = self._heap
            if (heap and heap[0][0] <= at_ms) or own.groups or own.blind_incident or own.blind_due_ms:
                self._run_deadlines(at_ms)  # else nobody listened, and silence meant nothing
        self._desk.now_ms = own.now_ms = at_ms
        if isinstance(event, OwnLink):
            blindness.own_link(self._desk, event, before_ms)
        else:
            self._of_agent(event)
        if self._desk.touched:
            self._settle()
        return self._taken() if self._desk.transitions else []

    def advance(self, now_ms: int) -> list[Transition]:
        """Fire every deadline due until `now_ms`; no event before `now_ms` may follow."""
        self._run_deadlines(now_ms)
        self._at(max(now_ms, self.now_ms))
        return self._taken()

    def take_statuses(self) -> list[tuple[str, SchoolStatus, int]]:
        """What the wall has to be told since the last call: school, status, since when."""
        taken, self._desk.statuses = self._desk.statuses, []
        return taken

    def take_first_heard(self) -> list[tuple[str, int]]:
        """Schools that spoke for the first time ever since the last call, and when."""
        taken, self._desk.first_heard = self._desk.first_heard, []
        return taken

    def take_touched(self) -> tuple[set[str], set[str]]:
        """Schools and incidents that must be saved since the last call."""
        desk = self._desk
        taken = self._dirty, desk.touched_incidents
        self._dirty, desk.touched_incidents = set(), set()
        return taken

    def statuses(self) -> Mapping[str, SchoolStatus]:
        """How every school of the roster stands."""
        schools = self.state.schools
        return {
            school_id: schools[school_id].status if school_id in schools else SchoolStatus.UNKNOWN
            for school_id in self._desk.roster.ids
        }

    def _of_agent(self, event: Heard | Glimpse | Online | Will | PlannedStop) -> None:
        desk = self._desk
        agent_id = event.agent_id
        if agent_id in desk.policy.witness_agents and isinstance(event, Heard):
            blindness.witness(desk, event)
        school_id = desk.roster.by_agent.get(agent_id)
        if school_id is None:
            return
        school = desk.state.schools.get(school_id) or desk.school(school_id)
        if isinstance(event, Heard):
            if silence.beats_on(desk, school, event):
                self._dirty.add(school_id)
                if school_id not in self._queued:
                    self._schedule(school)
                return
            self._of_batch(school, event)
            if not desk.touched:  # nobody else is concerned, as almost always
                self._look_at(school)
                self._dirty.add(school_id)
                return
        elif isinstance(event, Glimpse):
            school.weak_ms = desk.now_ms
        elif isinstance(event, Online):
            silence.on_online(desk, school, event)
        elif isinstance(event, Will):
            silence.on_will(desk, school, event)
        else:
            silence.on_stop(desk, school, event)
        desk.touched.add(school_id)

    def _of_batch(self, school: SchoolState, heard: Heard) -> None:
        """What a batch changes; each rule is asked only where the batch has something for it."""
        desk = self._desk
        if school.case is not None:
            explain.learn(desk, school, heard)
        if not silence.on_heard(desk, school, heard):
            if heard.uplinks and school.heard_ms and not school.stopped_ms and not school.will_ms:
                uplinks.on_overtaken(desk, school, heard)
            return
        if school.case is not None:
            explain.devices(desk, school, heard)
        if heard.uplinks:
            uplinks.on_heard(desk, school, heard)
        if heard.probes:
            paths.on_heard(desk, school, heard)
        if heard.probes or heard.speeds:
            degraded.on_heard(desk, school, heard)
        if heard.devices_down or school.devices:
            devices.on_heard(desk, school, heard)

    # Deadlines. The heap may hold a school too early, never too late: a heartbeat moves its deadline away
    # without touching the heap, and what comes up too early is put back.

    def _run_deadlines(self, until_ms: int) -> None:
        desk = self._desk
        while True:
            own_ms = self._own_due_ms()
            school_ms = self._heap[0][0] if self._heap and not desk.blind else NEVER
            due_ms = min(own_ms, school_ms)
            if due_ms > until_ms:
                return
            if own_ms <= school_ms:
                self._at(max(own_ms, self.now_ms))
                self._fire_own()
            else:
                self._fire_next_school()
            self._settle()

    def _own_due_ms(self) -> int:
        own = self._own
        due_ms = min(own.blind_due_ms or NEVER, own.blind_page_ms or NEVER)
        if not own.groups or own.blind:
            return due_ms
        return min(due_ms, grouping.next_due(self._desk) or NEVER)

    def _fire_own(self) -> None:
        desk, own, now_ms = self._desk, self._own, self.now_ms
        if 0 < own.blind_due_ms <= now_ms:
            blindness.fire(desk)
        elif 0 < own.blind_page_ms <= now_ms:
            owed.of_blindness(desk)
        else:
            grouping.fire(desk)
            for group in [one for one in own.groups.values() if 0 < one.page_ms <= now_ms]:
                owed.of_group(desk, group)

    def _fire_next_school(self) -> None:
        queued_ms, school_id = heapq.heappop(self._heap)
        if self._queued.get(school_id) != queued_ms:
            return
        del self._queued[school_id]
        school = self.state.schools[school_id]
        due_ms, key = self._next_due(school)
        if due_ms > queued_ms:
            self._schedule(school)
            return
        self._at(max(due_ms, self.now_ms))
        self._desk.touched.add(school_id)
        if key == "":
            silence.fire_deadline(self._desk, school)
        elif key == "case":
            explain.fire(self._desk, school)
        else:
            opening.fire(self._desk, school, key)

    def _next_due(self, school: SchoolState) -> tuple[int, str]:
        """When something is due next, and what: a track, the case, or the heartbeat deadline (empty)."""
        due_ms, due_key = silence.deadline_ms(self._desk, school) or NEVER, ""
        resumed_ms = self._own.resumed_ms
        for key, track in school.tracks.items():
            if track.due_ms:
                at_ms = max(track.due_ms, resumed_ms)
                if key == SILENCE and track.phase is Phase.SUSPECT:
                    at_ms = max(at_ms, self._own.armed_ms)
                if at_ms < due_ms:
                    due_ms, due_key = at_ms, key
        if school.case is not None and 0 < school.case.due_ms < due_ms:
            due_ms, due_key = school.case.due_ms, "case"
        return due_ms, due_key

    def _schedule(self, school: SchoolState) -> None:
        due_ms, _ = self._next_due(school)
        queued_ms = self._queued.get(school.school, NEVER)
        if due_ms < queued_ms:
            self._queued[school.school] = due_ms
            heapq.heappush(self._heap, (due_ms, school.school))

    def _at(self, at_ms: int) -> None:
        self._desk.now_ms = self._own.now_ms = at_ms

    def _settle(self) -> None:
        """Look once more at every school that was touched: its deadline and its status."""
        desk = self._desk
        if not desk.touched:
            return
        for school_id in sorted(desk.touched) if len(desk.touched) > 1 else desk.touched:
            self._look_at(desk.school(school_id))
        self._dirty |= desk.touched
        desk.touched.clear()

    def _look_at(self, school: SchoolState) -> None:
        if school.tracks or school.case is not None or school.school not in self._queued:
            self._schedule(school)  # else there is only its deadline, and that moves away
        status = self._status_of(school)
        if status is not school.status:
            school.status = status
            self._desk.statuses.append((school.school, status, self._desk.now_ms))

    def _status_of(self, school: SchoolState) -> SchoolStatus:  # noqa: PLR0911  # a table in words
        if self._own.blind or not school.heard_ms:
            return SchoolStatus.UNKNOWN
        if school.stopped_ms:
            return SchoolStatus.STOPPED
        if not school.tracks:
            return SchoolStatus.ONLINE
        is_open = {key for key, track in school.tracks.items() if track.phase is Phase.OPEN}
        if SILENCE in is_open or LINE in is_open:
            return SchoolStatus.DOWN
        if BACKUP in is_open:
            return SchoolStatus.ON_BACKUP
        if any(not key.startswith("device:") for key in is_open):
            return SchoolStatus.DEGRADED
        return SchoolStatus.ONLINE

    def _taken(self) -> list[Transition]:
        taken, self._desk.transitions = self._desk.transitions, []
        return taken
