"""The live view: states, incidents, and telling viewers what they have not seen."""

from __future__ import annotations

from dataclasses import replace

from fakes import FakeClock
from page_backend import Backend, birth, district, telemetry

from schoolpulse.contract.models import State
from schoolpulse.incidents.model import Cause, Change, IncidentKind, SchoolStatus, Transition
from schoolpulse.incidents.people import Note
from schoolpulse.live import MAX_STRANGERS, RESOLVED_KEPT, LiveView, Snapshot
from schoolpulse.messages import Link
from schoolpulse.registry.models import School


def agent_of(school: School) -> str:
    assert school.agent_id is not None
    return school.agent_id


def changes(backend: Backend, since: Snapshot) -> Snapshot:
    found = backend.live.changes_since(since.epoch, since.revision)
    assert found is not None
    return found


def test_nothing_is_claimed_of_schools_that_nobody_heard(backend: Backend) -> None:
    now = backend.live.snapshot()
    assert {item.status for item in now.schools} == {SchoolStatus.UNKNOWN}
    assert now.counts == {SchoolStatus.UNKNOWN: 6}
    assert now.heard_ms is None
    assert now.complete


def test_a_batch_shows_and_changes_only_its_school(
    backend: Backend, school: School, clock: FakeClock
) -> None:
    before = backend.live.snapshot()
    clock.advance(3)
    backend.speak(school, 8.0)
    after = changes(backend, before)
    assert not after.complete
    assert [item.school.id for item in after.schools] == [school.id]
    figures = after.schools[0].figures
    assert figures is not None
    assert figures.heard_ms == clock.now_ms() == after.heard_ms
    assert backend.live.changes_since(after.epoch, after.revision) is None
    assert backend.live.position() == 1


def test_retained_copies_and_wills_are_no_sign_of_life(backend: Backend, school: School) -> None:
    will = State(online=False, boot="b", session=1)
    backend.receive(agent_of(school), will)
    backend.receive(agent_of(school), State(online=True, boot="b", session=1, at=5), retained=True)
    backend.receive("", Link(connected=True))
    assert backend.live.heard_ms is None
    backend.receive(agent_of(school), State(online=True, boot="b", session=2, at=6))
    assert backend.live.heard_ms is not None


def test_what_an_agent_said_before_it_had_a_school_is_kept(backend: Backend, clock: FakeClock) -> None:
    backend.receive("new-agent", birth(clock.now_ms()))
    before = backend.live.snapshot()
    school = replace(backend.registry.schools()[0], id="new", agent_id="new-agent")
    backend.registry.replace([*backend.registry.schools(), school])
    backend.receive("new-agent", telemetry(clock.now_ms()))
    after = changes(backend, before)
    assert after.complete, "a viewer has to learn of the new school"
    new = next(item for item in after.schools if item.school.id == "new")
    assert new.figures is not None
    assert new.figures.agent_version == "0.1.0"
    assert new.figures.reachability


def test_only_so_many_strangers_are_kept(backend: Backend, school: School, clock: FakeClock) -> None:
    for number in range(2 * MAX_STRANGERS):
        backend.receive(f"stranger-{number}", birth(clock.now_ms()))
    late = replace(school, id="late", agent_id=f"stranger-{2 * MAX_STRANGERS - 1}")
    backend.registry.replace([*backend.registry.schools(), late])
    now = backend.live.school("late")
    assert now is not None
    assert now.figures is None
    backend.speak(late)  # the change of the registry has made room
    now = backend.live.school("late")
    assert now is not None
    assert now.figures is not None


def test_a_school_that_leaves_the_registry_leaves_the_view(backend: Backend) -> None:
    before = backend.live.snapshot()
    backend.registry.replace(backend.registry.schools()[1:])
    after = changes(backend, before)
    assert after.complete
    assert len(after.schools) == len(before.schools) - 1
    assert backend.live.school(before.schools[0].school.id) is None


def test_an_outage_is_told_once_with_its_school(backend: Backend, school: School, clock: FakeClock) -> None:
    before = backend.live.snapshot()
    incident = backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 20_000)
    after = changes(backend, before)
    assert after.incidents == [incident]
    assert [(item.status, item.since_ms) for item in after.schools] == [
        (SchoolStatus.DOWN, clock.now_ms() - 20_000)
    ]
    assert after.counts[SchoolStatus.DOWN] == 1
    resolved = backend.resolves(incident)
    last = changes(backend, after)
    assert last.incidents == [resolved]
    assert backend.live.snapshot().incidents == ()


def test_who_takes_an_incident_on_shows_and_so_does_a_word_on_an_old_one(
    backend: Backend, school: School, clock: FakeClock
) -> None:
    incident = backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 20_000)
    before = backend.live.snapshot()
    first, second = (
        Note(incident=incident.id, at_ms=clock.now_ms() + at, kind="ack", person=person, text="")
        for at, person in ((0, "Lan"), (5, "Minh"))
    )
    for note in (first, second):
        backend.live.on_note(note, incident)
    after = changes(backend, before)
    assert (list(after.incidents), after.schools) == ([incident], [])
    assert after.taken == backend.live.snapshot().taken == {incident.id: first}
    resolved = backend.resolves(incident)
    assert changes(backend, after).taken == {incident.id: first}, "also when it is over"
    old = replace(resolved, id="long-ago")
    before = backend.live.snapshot()
    for _ in range(2):
        backend.live.on_note(replace(second, incident=old.id, kind="note"), old)
    assert list(changes(backend, before).incidents) == [old]


def test_a_start_that_is_corrected_later_shows(backend: Backend, school: School, clock: FakeClock) -> None:
    incident = backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 20_000)
    before = backend.live.snapshot()
    earlier = replace(incident, start=incident.start - 7_000, cause=Cause.LINE_CUT)
    backend.live.on_transition(Transition(earlier, 2, Change.AMENDED, clock.now_ms(), pages=False))
    after = changes(backend, before)
    assert [item.since_ms for item in after.schools] == [earlier.start]


def test_the_same_state_again_changes_nothing(backend: Backend, school: School, clock: FakeClock) -> None:
    backend.live.on_status(school.id, SchoolStatus.ONLINE, 5)
    before = backend.live.snapshot()
    backend.live.on_status(school.id, SchoolStatus.ONLINE, clock.now_ms())
    assert backend.live.changes_since(before.epoch, before.revision) is None


def test_who_comes_from_another_run_gets_everything(backend: Backend, school: School) -> None:
    backend.speak(school)
    now = backend.live.snapshot()
    for epoch, revision in (("another", now.revision), (now.epoch, now.revision + 1), ("", 0)):
        found = backend.live.changes_since(epoch, revision)
        assert found is not None
        assert found.complete


def test_who_was_away_too_long_gets_everything(backend: Backend, school: School) -> None:
    before = backend.live.snapshot()
    for number in range(RESOLVED_KEPT + 1):
        backend.resolves(backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, number))
    assert changes(backend, before).complete
    recent = backend.live.snapshot()
    backend.resolves(backend.opens(school, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 9_999))
    assert not changes(backend, recent).complete


def test_after_a_restart_states_and_incidents_are_there_at_once(clock: FakeClock) -> None:
    backend = Backend(district(3), clock)
    down, up, _ = backend.registry.schools()
    incident = backend.opens(down, IncidentKind.OUTAGE, SchoolStatus.DOWN, Cause.UNKNOWN, 60_000)
    view = LiveView(backend.registry, clock, position=17)
    view.restore({down.id: SchoolStatus.DOWN, up.id: SchoolStatus.ONLINE}, [incident])
    now = {item.school.id: item for item in view.snapshot().schools}
    assert (now[down.id].status, now[down.id].since_ms) == (SchoolStatus.DOWN, incident.start)
    assert (now[up.id].status, now[up.id].since_ms) == (SchoolStatus.ONLINE, None)
    assert view.snapshot().incidents == (incident,)
    assert view.position() == 17
    assert view.name == "live"
