"""Users, tokens, sessions and the audit log where the relational state is PostgreSQL."""

from __future__ import annotations

from fakes import FakeClock
from parts.postgres import Postgres

from schoolpulse.access.access import Access, Shown
from schoolpulse.access.models import CONSOLE, Caller, Role
from schoolpulse.database import connect

PASSWORD = "bốn từ không ai đoán"


def test_the_whole_way(postgres_server: Postgres) -> None:
    engine, clock = connect(postgres_server.url()), FakeClock()
    access = Access(engine, clock)
    assert access.caller(Shown(host="localhost")) is not None
    access.users.add("lan", PASSWORD, Role.ADMIN)
    access.users.add("minh", PASSWORD, Role.VIEWER, ["s1"])
    assert access.caller(Shown(host="localhost")) is None
    found = access.sign_in("minh", PASSWORD, "192.0.2.1")
    assert found is not None
    shown = Shown(host="localhost", session=found[1])
    clock.advance(90)
    assert access.caller(shown) == Caller("minh", Role.VIEWER, frozenset({"s1"}))
    access.users.change("minh", role=Role.VIEWER, schools=None, disabled=True)
    assert access.caller(shown) is None
    token, text = access.tokens.create(CONSOLE, Role.OPERATOR, name="màn hình")
    assert access.caller(Shown(host="x", token=text)) == Caller("màn hình", Role.OPERATOR, None, "token")
    assert [one.prefix for one in access.tokens.list()] == [token.prefix]
    access.audit.record(CONSOLE, "user.add", "lan", {"role": Role.ADMIN})
    assert [one.subject for one in access.audit.list(action="user")] == ["lan"]
    engine.dispose()
