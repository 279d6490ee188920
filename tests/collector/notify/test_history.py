"""How endpoints do, what became of messages, and what may be forgotten of them."""

from __future__ import annotations

from fakes import FakeClock
from receivers import receiver
from sqlalchemy import Engine as SqlEngine
from timelines import T0, play, school

from schoolpulse.incidents.policy import DAY, Policy
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.incidents.state import EngineState
from schoolpulse.notify.channels.registry import channels
from schoolpulse.notify.delivery import Delivery
from schoolpulse.notify.history import EndpointStatus
from schoolpulse.notify.outbox import Outbox
from schoolpulse.notify.policy import Route
from schoolpulse.notify.rounds import Rounds
from schoolpulse.notify.settings import EndpointSettings

SECRET = "whsec_" + "A" * 32
HOUR_S = 3600.0
SCHOOLS = [school("s1"), school("s2", "FPT")]
OVER_AND_OPEN = """
s1: 0-300     speaks
s1: 345       will
s1: 900       returns
s1: 901-2000  speaks
s2: 0-1000    speaks
s2: 1045      will
"""


def outbox_to(sql: SqlEngine, url: str, *routes: Route) -> Outbox:
    endpoints = [
        EndpointSettings.model_validate(
            {"id": one, "url": url, "secret": SECRET, "allow_private": True, "language": "en"}
        )
        for one in ("ops", "boss")
    ]
    return Outbox(sql, endpoints, channels(), school={one.id: one for one in SCHOOLS}.get, routes=routes)


def happened(sql: SqlEngine, outbox: Outbox) -> None:
    """Two pages and one all-clear on the record, and told."""
    story = play(OVER_AND_OPEN, SCHOOLS, policy=Policy(), until=2000)
    with sql.begin() as connection:
        IncidentRepository(sql).save(connection, story.transitions, EngineState(), ((), ()), 1)
        outbox.put(connection, story.transitions)


def put_again(sql: SqlEngine, outbox: Outbox) -> None:
    """Something else to tell."""
    incident = play("s2: 0-300 speaks\ns2: 345 will", SCHOOLS, until=400).transitions[:1]
    with sql.begin() as connection:
        outbox.put(connection, incident)


def test_an_endpoint_is_new_then_fine_failing_dead_and_disabled(sql: SqlEngine) -> None:
    answer = {"now": 500}
    with receiver(lambda _: answer["now"]) as there:
        outbox = outbox_to(sql, there.url, Route(endpoints=("ops",)))
        history = outbox.history
        clock = FakeClock(T0 + 2_000_000)
        delivery = Delivery(outbox, clock, schedule_s=[HOUR_S] * 9, draw=lambda: 0.0)

        def status() -> EndpointStatus:
            health = history.endpoint("ops")
            assert health is not None
            return health.status(clock.now_ms())

        assert status() is EndpointStatus.NEW
        happened(sql, outbox)
        began_ms = clock.now_ms()
        delivery.deliver_due()  # the heads of both incidents fail
        assert status() is EndpointStatus.FAILING
        clock.advance(HOUR_S)
        delivery.deliver_due()
        assert status() is EndpointStatus.DEAD
        [wrong] = history.troubles(clock.now_ms())
        assert (wrong.failing_ms, wrong.failed_ms, wrong.pending) == (began_ms, clock.now_ms(), 3)
        assert (wrong.oldest_ms, wrong.error) == (T0 + 355_000, "answered 500")
        clock.advance(HOUR_S)
        answer["now"] = 200
        delivery.deliver_due()
        assert status() is EndpointStatus.FINE
        health = history.endpoint("ops")
        assert health is not None
        assert (health.delivered, health.given_up, health.pending, health.failing_ms) == (3, 0, 0, None)
        answer["now"] = 410
        put_again(sql, outbox)
        delivery.deliver_due()
        assert status() is EndpointStatus.DISABLED
        assert [one.settings.id for one in history.troubles(clock.now_ms())] == ["ops"]
        assert history.endpoint("nobody") is None
        assert [one.settings.id for one in history.endpoints()] == ["ops", "boss"]


def test_history_is_read_a_page_at_a_time(sql: SqlEngine) -> None:
    outbox = outbox_to(sql, "http://127.0.0.1:9/")
    happened(sql, outbox)
    history = outbox.history
    whole = history.page("ops")
    assert len(whole) == 3
    first = history.page("ops", limit=2)
    assert [*first, *history.page("ops", limit=2, before=first[-1].seq)] == whole
    assert history.page("ops", state="delivered") == []
    assert len(history.of_incident(whole[0].incident)) == 2 * sum(
        one.incident == whole[0].incident for one in whole
    )


def test_only_what_is_done_and_of_an_incident_that_is_over_is_forgotten(sql: SqlEngine) -> None:
    with receiver() as there:
        outbox = outbox_to(sql, there.url, Route(endpoints=("ops",)), Route(endpoints=("boss",), after_s=10))
        happened(sql, outbox)
        clock = FakeClock(T0 + 2_000_000)
        rounds = Rounds(sql, outbox, None, clock, keep_ms=90 * DAY)
        rounds.step(clock.now_ms())
        Delivery(outbox, clock).deliver_due()
        assert len(outbox.history.page("ops")) == 3
        assert len(outbox.history.page("boss")) == 1
        clock.advance(89 * DAY / 1000)
        rounds.step(clock.now_ms())
        assert len(outbox.history.page("ops")) == 3
        clock.advance(2 * DAY / 1000)
        rounds.step(clock.now_ms())
        # The first incident is over and forgotten; the other one is open, and nobody hears of it twice.
        [left], [still_open] = outbox.history.page("ops"), IncidentRepository(sql).open()
        assert left.incident == still_open.id
        rounds.step(clock.now_ms())
        assert Delivery(outbox, clock).deliver_due() == 0
        assert len(there.calls) == 4
        health = outbox.history.endpoint("ops")
        assert health is not None
        assert health.delivered == 3, "counted, though two of them are forgotten"


def test_what_waits_is_never_forgotten(sql: SqlEngine) -> None:
    outbox = outbox_to(sql, "http://127.0.0.1:9/")
    happened(sql, outbox)
    assert outbox.trim(T0 + 1000 * DAY) == 0
    assert outbox.pending() == 6
