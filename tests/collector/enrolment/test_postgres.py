"""The same on PostgreSQL, once through."""

from __future__ import annotations

from collector.enrolment.fake_keeper import FakeKeeper
from fakes import FakeClock
from parts.postgres import Postgres

from schoolpulse.contract.models import Reply
from schoolpulse.database import connect
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.orders import OrderState
from schoolpulse.enrolment.rounds import AgentRounds
from schoolpulse.enrolment.settings import EnrolmentSettings
from schoolpulse.ingest.settings import BrokerSettings
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry

PASSWORD = "a" * 43


def test_from_a_code_to_an_answer_and_away(postgres_server: Postgres) -> None:
    engine, clock, keeper = connect(postgres_server.url()), FakeClock(), FakeKeeper()
    registry = Registry(engine, clock)
    registry.upsert([School(id="thcs-1", name="THCS Một", level="thcs", agent_id="gw-1")])
    desk = AgentDesk(
        engine=engine,
        registry=registry,
        keeper=keeper,
        clock=clock,
        settings=EnrolmentSettings(),
        broker=BrokerSettings(),
    )
    keeper.away = True
    code = desk.make_code("gw-1", by="lan").code
    assert desk.enrol(code, PASSWORD) is not None
    assert desk.enrol(code, "b" * 43) is None
    keeper.away = False
    sent: list[str] = []

    def publish(topic: str, *_: object) -> bool:
        sent.append(topic)
        return True

    rounds = AgentRounds(desk, publish, clock)
    made = [desk.order("gw-1", "send_birth", {}, by="lan", lifetime_s=60) for _ in range(2)]
    rounds.step()
    assert keeper.accounts == {"gw-1": PASSWORD}
    assert sent == ["schoolpulse/v1/gw-1/command"] * 2
    desk.orders.take_reply("gw-1", Reply(id=made[0].id, ok=True, at=1), clock.now_ms())
    clock.advance(100)
    desk.orders.send_again("gw-1", clock.now_ms())
    rounds.step()
    states = [found.state for order in made if (found := desk.orders.get(order.id))]
    assert states == [OrderState.ANSWERED, OrderState.EXPIRED]
    assert desk.revoke("gw-1", by="lan")
    assert keeper.accounts == {}
    assert desk.codes.open() == []
    engine.dispose()
