"""Commands: sent when they can be, answered once, over in time."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from fakes import FakeClock

from schoolpulse.contract.models import Command, Reply, State
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.orders import MAX_KEPT, MAX_OPEN, Order, OrderState
from schoolpulse.enrolment.replies import ReplySink
from schoolpulse.enrolment.rounds import AgentRounds
from schoolpulse.errors import UsageError
from schoolpulse.messages import Received
from schoolpulse_agent.commands import Commands, Hands

PROBE = {"probe": "wan"}


class Wire:
    """What was published, and whether it can be."""

    def __init__(self) -> None:
        self.up = True
        self.sent: list[tuple[str, bytes, int]] = []

    def __call__(self, topic: str, payload: bytes, expiry_s: int) -> bool:
        if self.up:
            self.sent.append((topic, payload, expiry_s))
        return self.up


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def rounds(desk: AgentDesk, wire: Wire, clock: FakeClock) -> AgentRounds:
    return AgentRounds(desk, wire, clock)


@pytest.fixture
def sink(desk: AgentDesk, rounds: AgentRounds) -> ReplySink:
    return ReplySink(desk.orders, lambda: 0, lambda _: None, rounds.wake)


def order(desk: AgentDesk, do: str = "run_probe", lifetime_s: float = 60, **arguments: object) -> Order:
    return desk.order("gw-1", do, arguments or PROBE, by="lan", lifetime_s=lifetime_s)


def state(desk: AgentDesk, order: Order) -> OrderState:
    found = desk.orders.get(order.id)
    assert found is not None
    return found.state


def take(sink: ReplySink, bodies: Sequence[Reply | State], clock: FakeClock, agent_id: str = "gw-1") -> None:
    sink.process([Received(1, clock.now_ms(), agent_id, body) for body in bodies], 1)


def test_a_command_goes_out_with_the_time_it_has_left(
    desk: AgentDesk, rounds: AgentRounds, wire: Wire, clock: FakeClock
) -> None:
    made = order(desk)
    assert state(desk, made) is OrderState.WAITING
    wire.up = False
    rounds.step()
    assert state(desk, made) is OrderState.WAITING
    wire.up = True
    clock.advance(10)
    rounds.step()
    rounds.step()
    assert state(desk, made) is OrderState.SENT
    ((topic, payload, expiry_s),) = wire.sent
    assert (topic, expiry_s) == ("schoolpulse/v1/gw-1/command", 50)
    command = Command.model_validate_json(payload)
    assert (command.id, command.do, command.probe, command.expires) == (
        made.id,
        "run_probe",
        "wan",
        made.expires_ms,
    )


@pytest.mark.parametrize(
    ("ok", "error", "state_after"),
    [(True, None, OrderState.ANSWERED), (False, "no such probe runs here", OrderState.REFUSED)],
)
def test_an_answer_ends_it(
    desk: AgentDesk,
    rounds: AgentRounds,
    sink: ReplySink,
    clock: FakeClock,
    ok: bool,
    error: str | None,
    state_after: OrderState,
) -> None:
    made = order(desk)
    rounds.step()
    take(sink, [Reply(id=made.id, ok=ok, at=1, error=error)], clock)
    take(sink, [Reply(id=made.id, ok=not ok, at=2)], clock)  # a second answer changes nothing
    found = desk.orders.get(made.id)
    assert found is not None
    assert (found.state, found.error, found.answered_ms) == (state_after, error, clock.now_ms())


def test_a_refusal_of_our_agent_is_known_by_its_word(
    desk: AgentDesk, sink: ReplySink, clock: FakeClock
) -> None:
    for error, code in (("no such probe runs here", "probe_unknown"), ("a stranger's words", None)):
        made = order(desk)
        take(sink, [Reply(id=made.id, ok=False, at=1, error=error)], clock)
        found = desk.orders.get(made.id)
        assert found is not None
        assert (found.error, found.code) == (error, code)


def test_anothers_answer_is_none(desk: AgentDesk, sink: ReplySink, clock: FakeClock) -> None:
    made = order(desk)
    take(sink, [Reply(id=made.id, ok=True, at=1)], clock, agent_id="gw-2")
    take(sink, [Reply(id="c-unknown", ok=True, at=1)], clock)
    assert state(desk, made) is OrderState.WAITING


def test_what_nobody_answers_is_over_and_a_late_answer_still_counts(
    desk: AgentDesk, rounds: AgentRounds, sink: ReplySink, clock: FakeClock, wire: Wire
) -> None:
    wire.up = False
    never = order(desk)
    wire.up = True
    clock.advance(30)
    late = order(desk, lifetime_s=30)
    wire.sent.clear()
    rounds.step()
    clock.advance(31)
    rounds.step()
    assert state(desk, late) is OrderState.SENT  # the agent may have begun in time
    clock.advance(60)
    rounds.step()
    assert (state(desk, never), state(desk, late)) == (OrderState.EXPIRED, OrderState.EXPIRED)
    take(sink, [Reply(id=late.id, ok=True, at=1)], clock)
    assert state(desk, late) is OrderState.ANSWERED


def test_what_expired_unsent_is_never_sent(
    desk: AgentDesk, rounds: AgentRounds, clock: FakeClock, wire: Wire
) -> None:
    made = order(desk, lifetime_s=5)
    clock.advance(4.5)
    rounds.step()
    clock.advance(10)
    rounds.step()
    assert wire.sent == []
    assert state(desk, made) is OrderState.EXPIRED


def test_who_connects_anew_is_sent_again_what_it_did_not_answer(
    desk: AgentDesk, rounds: AgentRounds, sink: ReplySink, clock: FakeClock, wire: Wire
) -> None:
    first = order(desk)
    clock.advance(0.001)
    second = order(desk)
    rounds.step()
    take(sink, [Reply(id=first.id, ok=True, at=1)], clock)
    clock.advance(1)
    take(sink, [State(online=False, boot="b", session=1)], clock)  # its will
    rounds.step()
    assert len(wire.sent) == 2
    take(sink, [State(online=True, boot="b", session=2, at=1)], clock)
    rounds.step()
    assert [json.loads(payload)["id"] for _, payload, _ in wire.sent] == [first.id, second.id, second.id]


def test_sent_twice_is_done_once(
    desk: AgentDesk, rounds: AgentRounds, sink: ReplySink, clock: FakeClock, wire: Wire
) -> None:
    """The agent's own hands, with what the collector sends when its answer was lost."""
    runs: list[str] = []

    def run(name: str) -> bool:
        runs.append(name)
        return True

    hands = Hands(run, lambda: True, lambda: None, lambda *_: True)
    agent = Commands(hands, clock.now_ms)
    made = order(desk)
    rounds.step()
    agent(wire.sent[0][1])  # and its answer is lost
    clock.advance(1)
    take(sink, [State(online=True, boot="b", session=2, at=1)], clock)
    rounds.step()
    (answer,) = agent(wire.sent[1][1])
    take(sink, [Reply.model_validate_json(answer)], clock)
    assert runs == ["wan"]
    assert state(desk, made) is OrderState.ANSWERED


@pytest.mark.parametrize(
    ("do", "arguments"),
    [
        ("sh", {"command": "reboot"}),
        ("run_probe", {"probe": None}),
        ("set_interval", {"probe": "wan", "interval_s": 0.5}),
        ("set_interval", {"probe": "wan"}),
    ],
)
def test_what_is_no_command(desk: AgentDesk, do: str, arguments: dict[str, object]) -> None:
    with pytest.raises(UsageError, match="no such command"):
        desk.order("gw-1", do, arguments, by="lan", lifetime_s=60)


def test_nobody_is_told_nothing(desk: AgentDesk) -> None:
    with pytest.raises(UsageError, match="no agent"):
        desk.order("gw-9", "send_birth", {}, by="lan", lifetime_s=60)


def test_what_waits_and_what_is_kept_is_bounded(
    desk: AgentDesk, clock: FakeClock, rounds: AgentRounds
) -> None:
    for _ in range(MAX_OPEN):
        order(desk)
    with pytest.raises(UsageError, match="wait for agent"):
        order(desk)
    for _ in range(MAX_KEPT // MAX_OPEN + 2):
        clock.advance(100)
        desk.orders.expire()
        for _ in range(MAX_OPEN):
            order(desk)
    assert len(desk.orders.of("gw-1", limit=1000)) <= MAX_KEPT + MAX_OPEN
