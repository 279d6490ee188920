"""However events are cut into calls, doubled or slightly disordered: the same incidents and pages."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from timelines import T0, Story, Timeline, play, school

from schoolpulse.contract.models import Telemetry
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import Evidence, Heard, evidence_of
from schoolpulse.incidents.model import Transition
from schoolpulse.incidents.policy import Policy
from schoolpulse.incidents.roster import Roster
from schoolpulse.incidents.samples import DeviceUp
from schoolpulse.incidents.state import EngineState, Entry, OwnState, SchoolState
from schoolpulse.messages import Received

SCHOOLS = [
    school("s1", backup=True),
    *(school(f"s{n}", "FPT", area=("P1",)) for n in range(2, 6)),
    *(school(f"s{n}", "VNPT", area=("P2",)) for n in range(6, 9)),
]
MOMENTS = st.integers(10, 120).map(lambda tens: tens * 10)
HOW = st.sampled_from(["", "backup", "dns", "abroad", "dead", "captive"])
WHO = st.sampled_from(["s1", "s2", "s2..s5", "s1..s8", "s7"])
ACTIONS = st.one_of(
    st.builds("{}: {} will".format, WHO, MOMENTS),
    st.builds("{}: {} returns".format, WHO, MOMENTS),
    st.builds("{}: {} boots {}".format, WHO, MOMENTS, st.integers(5, 400)),
    st.builds("{}: {} stops".format, WHO, MOMENTS),
    st.builds("{} link {}".format, MOMENTS, st.sampled_from(["up", "down"])),
    st.builds("{}: {} late 200-260 dead".format, WHO, MOMENTS),
    st.builds(lambda who, at, how: f"{who}: {at}-{at + 240} speaks {how}", WHO, MOMENTS, HOW),
)
STORMS = st.lists(ACTIONS, min_size=1, max_size=12).map(
    lambda lines: "\n".join(["s1..s8: 0-120 speaks spread", *lines, "s1..s4: 1300-1600 speaks spread"])
)
UNHURRIED = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def copied(state: EngineState) -> EngineState:
    """Through the form in which the repository keeps it."""
    return EngineState(
        OwnState.loads(state.own.dumps()),
        {name: SchoolState.loads(name, one.dumps()) for name, one in state.schools.items()},
        {name: Entry(one.incident, one.number) for name, one in state.incidents.items()},
    )


def events_of(messages: Sequence[Received]) -> list[Evidence]:
    return [event for message in messages if (event := evidence_of(message)) is not None]


@UNHURRIED
@given(STORMS, st.integers(1, 40), st.integers(0, 30_000))
def test_in_pieces_with_restarts_and_ticks_as_at_once(text: str, every: int, tick_ms: int) -> None:
    whole = play(text, SCHOOLS, until=2500)
    messages = Timeline(text).messages
    engine = Engine(Policy(), Roster(SCHOOLS))
    transitions: list[Transition] = []
    for number, event in enumerate(events_of(messages)):
        if number % every == 0:
            engine = Engine(Policy(), Roster(SCHOOLS), copied(engine.state))
        # As the collector's idle ticks do: never beyond what may still come.
        tick = max(engine.now_ms, event.received_ms - tick_ms)
        transitions += engine.advance(tick)
        transitions += engine.apply(event)
    transitions += engine.advance(whole.engine.now_ms)
    assert transitions == whole.transitions


def essence(story: Story) -> list[tuple[str, str, str, int]]:
    return sorted(
        (one.school or "", one.kind.value, one.scope.value, len(one.paged_at)) for one in story.incidents
    )


@UNHURRIED
@given(STORMS, st.randoms(use_true_random=False))
def test_a_batch_that_comes_twice_changes_nothing(text: str, random: Random) -> None:
    messages = Timeline(text).messages
    doubled: list[Received] = []
    for message in messages:
        doubled.append(message)
        body = message.body
        if isinstance(body, Telemetry) and random.random() < 0.3:
            doubled.append(message)
    engine = Engine(Policy(), Roster(SCHOOLS))
    transitions = [one for event in events_of(doubled) for one in engine.apply(event)]
    whole = play(text, SCHOOLS, until=2500)
    transitions += engine.advance(whole.engine.now_ms)
    assert essence(Story(transitions, engine)) == essence(whole)


@UNHURRIED
@given(STORMS)
def test_a_heartbeat_is_taken_the_short_way_as_the_long_way(text: str) -> None:
    """A device that answers and tells nothing else concerns no rule, and only keeps the short way from it."""
    lean = text.replace("spread", "spread lean")
    events = events_of(Timeline(lean).messages)
    well = (DeviceUp("printer", None),)
    told = [
        one._replace(devices_up=well) if isinstance(one, Heard) and one.boot_ms is None else one
        for one in events
    ]
    assert any(one != other for one, other in zip(events, told, strict=True))
    short, long = Engine(Policy(), Roster(SCHOOLS)), Engine(Policy(), Roster(SCHOOLS))
    for one, other in zip(events, told, strict=True):
        assert short.apply(one) == long.apply(other)
        assert short.take_statuses() == long.take_statuses()
    assert copied(short.state) == copied(long.state)
    assert short.advance(T0 + 2_500_000) == long.advance(T0 + 2_500_000)


@UNHURRIED
@given(st.lists(st.integers(0, 15_000), min_size=1, max_size=60), st.integers(300, 900))
def test_batches_that_overtake_one_another_are_no_outage(delays: list[int], cut: int) -> None:
    """Held back for up to 15 s each, so that neighbours change places; and a real cut is found as before."""
    text = f"s1..s3: 0-{cut} speaks spread\ns2: {cut + 45} will\ns1,s3: {cut + 30}-1500 speaks"
    schools = SCHOOLS[:3]
    moved = []
    for number, message in enumerate(Timeline(text).messages):
        delay = delays[number % len(delays)] if isinstance(message.body, Telemetry) else 0
        moved.append((message.received_ms + delay, number, message))
    moved.sort(key=lambda one: one[:2])
    engine = Engine(Policy(), Roster(schools))
    transitions: list[Transition] = []
    for at_ms, _, message in moved:
        event = evidence_of(message)
        assert event is not None
        transitions += engine.apply(event._replace(received_ms=at_ms))
    transitions += engine.advance(moved[-1][0] + 1_000)
    assert [one.incident.school for one in transitions if one.pages] == ["s2"]
