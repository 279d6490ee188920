"""What the broker is owed: kept, retried, shown, and forgotten once it was taken."""

from __future__ import annotations

import pytest
from collector.enrolment.fake_keeper import FakeKeeper
from fakes import FakeClock
from sqlalchemy import Engine, select

from schoolpulse.enrolment import tables
from schoolpulse.enrolment.accounts import Account
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.enrolment.rounds import AgentRounds
from schoolpulse.errors import AccountsUnavailable

PASSWORD = "a" * 43


def account(desk: AgentDesk, agent_id: str = "gw-1") -> Account:
    found = desk.accounts.get(agent_id)
    assert found is not None
    return found


def secrets_in(engine: Engine) -> list[str | None]:
    with engine.connect() as connection:
        return list(connection.scalars(select(tables.account.c.secret)))


def test_who_enrols_while_the_broker_is_away_is_let_in_later(
    desk: AgentDesk, keeper: FakeKeeper, engine: Engine
) -> None:
    keeper.away = True
    welcome = desk.enrol(desk.make_code("gw-1", by="lan").code, PASSWORD)
    assert welcome is not None
    assert not welcome.ready
    assert account(desk).owed
    assert account(desk).trouble == "the broker is away"
    assert secrets_in(engine) == [PASSWORD]
    keeper.away = False
    assert desk.accounts.settle()
    assert keeper.accounts == {"gw-1": PASSWORD}
    assert (account(desk).owed, account(desk).trouble) == (False, "")
    assert secrets_in(engine) == [None]


def test_a_revocation_waits_for_the_broker_and_is_not_forgotten(desk: AgentDesk, keeper: FakeKeeper) -> None:
    desk.make_password("gw-1", by="lan")
    keeper.away = True
    assert desk.revoke("gw-1", by="lan")
    assert (account(desk).active, account(desk).owed) == (False, True)
    assert "gw-1" in keeper.accounts
    keeper.away = False
    desk.accounts.settle()
    assert keeper.accounts == {}


def test_a_change_that_comes_while_another_is_handed_over_is_handed_over_too(
    desk: AgentDesk, keeper: FakeKeeper, engine: Engine
) -> None:
    apply = keeper.apply

    def meanwhile(wanted: object) -> object:
        keeper.apply = apply  # type: ignore[method-assign]  # once
        with engine.begin() as connection:
            desk.accounts.activate(connection, "gw-1", password="newer", by="lan")
        return apply(wanted)  # type: ignore[arg-type]  # as it came

    with engine.begin() as connection:
        desk.accounts.activate(connection, "gw-1", password="older", by="lan")
    keeper.apply = meanwhile  # type: ignore[method-assign, assignment]  # sees the change before it is noted
    desk.accounts.settle()
    assert [one.password for one in keeper.calls] == ["older", "newer"]
    assert keeper.accounts == {"gw-1": "newer"}
    assert secrets_in(engine) == [None]


def test_what_the_broker_will_not_have_is_shown_and_not_tried_for_ever(
    desk: AgentDesk, keeper: FakeKeeper
) -> None:
    keeper.refuses = {"gw-1"}
    desk.make_password("gw-1", by="lan")
    desk.accounts.settle()
    assert (account(desk).owed, account(desk).trouble) == (False, "it will not")
    assert len(keeper.calls) == 1


def test_many_changes_are_handed_over(desk: AgentDesk, keeper: FakeKeeper, engine: Engine) -> None:
    with engine.begin() as connection:
        for number in range(450):
            desk.accounts.activate(connection, f"gw-{number}", password="p", by="lan")
    desk.accounts.settle()
    assert len(keeper.accounts) == 450
    assert len(desk.accounts.all()) == 450


def test_the_rounds_go_on_trying_and_say_so_once(
    desk: AgentDesk, keeper: FakeKeeper, clock: FakeClock, caplog: pytest.LogCaptureFixture
) -> None:
    rounds = AgentRounds(desk, lambda *_: True, clock)
    keeper.away = True
    desk.make_password("gw-1", by="lan")
    caplog.clear()
    for _ in range(200):
        rounds.step()
        clock.advance(1)
    assert rounds.trouble == "the broker is away"
    assert len(caplog.records) == 1
    keeper.away = False
    for _ in range(70):
        rounds.step()
        clock.advance(1)
    assert rounds.trouble == ""
    assert "gw-1" in keeper.accounts


def test_the_rounds_put_a_restored_broker_right(
    desk: AgentDesk, keeper: FakeKeeper, clock: FakeClock
) -> None:
    rounds = AgentRounds(desk, lambda *_: True, clock)
    password = desk.make_password("gw-1", by="lan")
    desk.revoke("gw-1", by="lan")
    rounds.step()
    keeper.accounts["gw-1"] = password  # as its file of last week has it
    clock.advance(3600)
    rounds.step()
    assert keeper.accounts == {}


def test_a_keeper_that_cannot_tell_is_asked_in_vain(desk: AgentDesk, keeper: FakeKeeper) -> None:
    keeper.away = True
    with pytest.raises(AccountsUnavailable):
        desk.accounts.compare()
