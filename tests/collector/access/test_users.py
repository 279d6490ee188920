"""Users, their passwords and their sessions."""

from __future__ import annotations

import pytest
from access_parts import access_for, engine_in_memory
from fakes import FakeClock
from sqlalchemy import select

from schoolpulse.access import tables
from schoolpulse.access.access import Access, Shown
from schoolpulse.access.models import Caller, Role
from schoolpulse.access.settings import AccessSettings
from schoolpulse.errors import Clash, UsageError

PASSWORD = "bốn từ không ai đoán"
OTHER = "một câu khác hẳn đi"
HOUR_S = 3600.0


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def access(clock: FakeClock) -> Access:
    return access_for(clock)


def signed_in(access: Access, name: str = "lan", address: str = "192.0.2.1") -> str:
    found = access.sign_in(name, PASSWORD, address)
    assert found is not None
    return found[1]


def caller(access: Access, cookie: str) -> Caller | None:
    return access.caller(Shown(host="collector.example", session=cookie))


@pytest.mark.parametrize(
    ("name", "password", "schools", "words"),
    [
        ("", PASSWORD, None, "name"),
        ("a b", PASSWORD, None, "name"),
        ("a\nb", PASSWORD, None, "name"),
        ("x" * 65, PASSWORD, None, "name"),
        ("lan", "short", None, "10 to 200"),
        ("lan", "x" * 201, None, "10 to 200"),
        ("lan", "aaaaaaaaaaaa", None, "guessed"),
        ("lan.nguyen", "Lan.Nguyen2026", None, "guessed"),
        ("lan", PASSWORD, [], "1 to 2000"),
        ("lan", PASSWORD, [""], "1 to 2000"),
    ],
)
def test_what_cannot_be_is_refused(
    access: Access, name: str, password: str, schools: list[str] | None, words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        access.users.add(name, password, Role.VIEWER, schools)
    assert not access.has_users()


def test_an_administrator_is_never_limited(access: Access) -> None:
    with pytest.raises(UsageError, match="never limited"):
        access.users.add("lan", PASSWORD, Role.ADMIN, ["s1"])


def test_a_name_is_one_persons_whatever_its_case(access: Access) -> None:
    access.users.add("Lan", PASSWORD, Role.ADMIN)
    with pytest.raises(Clash, match="already"):
        access.users.add("LAN", PASSWORD, Role.VIEWER)
    assert access.sign_in("lAn", PASSWORD, "192.0.2.1") is not None


def test_the_first_is_made_once(access: Access) -> None:
    shown = Shown(host="127.0.0.1")
    access.set_up("lan", PASSWORD, "", shown, "127.0.0.1")
    with pytest.raises(UsageError, match="set-up code"):
        access.set_up("hoa", PASSWORD, "", shown, "127.0.0.1")
    with pytest.raises(Clash, match="users already"):
        access.set_up("hoa", PASSWORD, access.set_up_code, shown, "127.0.0.1")


def test_somebody_can_always_administer(access: Access) -> None:
    access.users.add("lan", PASSWORD, Role.ADMIN)
    access.users.add("hoa", PASSWORD, Role.VIEWER)
    for role, disabled in ((Role.VIEWER, False), (Role.ADMIN, True)):
        with pytest.raises(Clash, match="last administrator"):
            access.users.change("lan", role=role, schools=None, disabled=disabled)
    access.users.change("hoa", role=Role.ADMIN, schools=None, disabled=False)
    assert access.users.change("lan", role=Role.VIEWER, schools=["s1"], disabled=False).schools == frozenset(
        {"s1"}
    )


def test_neither_passwords_nor_cookies_stand_in_the_database(clock: FakeClock) -> None:
    engine = engine_in_memory()
    access = Access(engine, clock)
    access.users.add("lan", PASSWORD, Role.ADMIN)
    cookie = signed_in(access)
    with engine.connect() as connection:
        kept = connection.execute(select(tables.user.c.password)).scalar_one()
        rows = str(connection.execute(select(tables.session)).all())
    assert kept.startswith("$argon2id$")
    assert cookie not in rows
    engine.dispose()


def test_a_session_ends_when_idle_and_when_old(access: Access, clock: FakeClock) -> None:
    access.users.add("lan", PASSWORD, Role.ADMIN)
    idle, busy = signed_in(access), signed_in(access)
    for _ in range(int(30 * 24 / 6) - 1):
        clock.advance(6 * HOUR_S)
        assert caller(access, busy) is not None
    assert caller(access, idle) is None
    clock.advance(6 * HOUR_S)
    assert caller(access, busy) is None, "30 days, however busy"


def test_settings_say_how_long(clock: FakeClock) -> None:
    engine = engine_in_memory()
    access = Access(engine, clock, settings=AccessSettings(idle_hours=1, session_days=0.1))
    access.users.add("lan", PASSWORD, Role.ADMIN)
    cookie = signed_in(access)
    clock.advance(0.9 * HOUR_S)
    assert caller(access, cookie) is not None
    clock.advance(1.1 * HOUR_S)
    assert caller(access, cookie) is None
    engine.dispose()


def test_a_new_password_a_disabled_user_and_signing_out_end_sessions(access: Access) -> None:
    access.users.add("root", OTHER, Role.ADMIN)
    access.users.add("lan", PASSWORD, Role.OPERATOR, ["s1"])
    one, two = signed_in(access), signed_in(access)
    assert caller(access, one) == Caller("lan", Role.OPERATOR, frozenset({"s1"}))
    access.sessions.end(one)
    assert caller(access, one) is None
    assert caller(access, two) is not None
    access.users.set_password("lan", PASSWORD)
    assert caller(access, two) is None
    three = signed_in(access)
    access.users.change("lan", role=Role.OPERATOR, schools=None, disabled=True)
    assert caller(access, three) is None
    assert access.sign_in("lan", PASSWORD, "192.0.2.9") is None


def test_another_role_counts_at_the_next_request(access: Access) -> None:
    access.users.add("root", OTHER, Role.ADMIN)
    access.users.add("lan", PASSWORD, Role.OPERATOR)
    cookie = signed_in(access)
    access.users.change("lan", role=Role.VIEWER, schools=None, disabled=False)
    found = caller(access, cookie)
    assert found is not None
    assert found.role is Role.VIEWER


@pytest.mark.parametrize("cookie", ["", "x", "x" * 43, "x" * 100_000, "\udcff"])
def test_no_other_cookie_opens_anything(access: Access, cookie: str) -> None:
    access.users.add("lan", PASSWORD, Role.ADMIN)
    assert caller(access, cookie) is None


def test_only_so_many_sessions_of_one_user_are_kept(access: Access, clock: FakeClock) -> None:
    access.users.add("lan", PASSWORD, Role.ADMIN)
    user = access.users.get("lan")
    assert user is not None
    cookies = []
    for _ in range(52):
        cookies.append(access.sessions.start(user))
        clock.advance(1)
    assert [caller(access, cookie) is None for cookie in cookies] == [True] * 2 + [False] * 50
