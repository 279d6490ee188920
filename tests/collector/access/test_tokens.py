"""API tokens."""

from __future__ import annotations

import pytest
from access_parts import access_for
from fakes import FakeClock

from schoolpulse.access.access import Access, Shown
from schoolpulse.access.models import CONSOLE, Caller, Role
from schoolpulse.errors import UsageError


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def access(clock: FakeClock) -> Access:
    return access_for(clock)


def shown(text: str) -> Shown:
    return Shown(host="127.0.0.1", token=text)


def test_a_token_says_who_sends_it(access: Access) -> None:
    token, text = access.tokens.create(CONSOLE, Role.VIEWER, name="grafana", schools=["s2", "s1"])
    assert text.startswith(f"spt_{token.prefix}_")
    assert access.caller(shown(text)) == Caller("grafana", Role.VIEWER, frozenset({"s1", "s2"}), "token")


def test_whoever_sends_a_bad_token_is_nobody_even_where_nobody_is_asked(access: Access) -> None:
    _, text = access.tokens.create(CONSOLE, Role.ADMIN)
    assert access.caller(Shown(host="127.0.0.1")) is not None
    for wrong in (
        "",
        "x",
        text[:-1],
        text + "x",
        text[:-1] + "~",
        text.upper(),
        "x" * 10**6,
        "spt_é_" + "x" * 43,
    ):
        assert access.caller(shown(wrong)) is None, wrong[:60]
    changed = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert access.caller(shown(changed)) is None


def test_a_token_works_until_it_is_revoked_or_over(access: Access, clock: FakeClock) -> None:
    for_ever, one = access.tokens.create(CONSOLE, Role.ADMIN)
    _, two = access.tokens.create(CONSOLE, Role.ADMIN, expires_ms=clock.now_ms() + 60_000)
    clock.advance(59.9)
    assert access.caller(shown(two)) is not None
    clock.advance(0.1)
    assert access.caller(shown(two)) is None
    assert access.caller(shown(one)) is not None
    access.tokens.revoke(for_ever.prefix)
    assert access.caller(shown(one)) is None
    assert access.tokens.revoke(for_ever.prefix).revoked_ms == clock.now_ms()


def test_its_last_use_is_put_down_to_the_minute(access: Access, clock: FakeClock) -> None:
    token, text = access.tokens.create(CONSOLE, Role.ADMIN)
    used = []
    for _ in range(4):
        clock.advance(30)
        access.caller(shown(text))
        found = access.tokens.get(token.prefix)
        assert found is not None
        used.append(found.used_ms)
    first_ms = clock.now_ms() - 90_000
    assert used == [first_ms, first_ms, first_ms + 60_000, first_ms + 60_000]


def test_what_cannot_be_is_refused(access: Access, clock: FakeClock) -> None:
    with pytest.raises(UsageError, match="past"):
        access.tokens.create(CONSOLE, Role.VIEWER, expires_ms=clock.now_ms())
    with pytest.raises(UsageError, match="never limited"):
        access.tokens.create(CONSOLE, Role.ADMIN, schools=["s1"])
    with pytest.raises(UsageError, match="printable"):
        access.tokens.create(CONSOLE, Role.VIEWER, name="a\nb")
    with pytest.raises(UsageError, match="no such token"):
        access.tokens.revoke("nothing")


def test_the_list_goes_on_where_the_page_before_ended(access: Access, clock: FakeClock) -> None:
    made = []
    for number in range(5):
        made.append(access.tokens.create(CONSOLE, Role.VIEWER, name=str(number))[0].prefix)
        clock.advance(number % 2)  # some at the same moment
    pages, after = [], None
    while page := access.tokens.list(after=after, limit=2):
        pages += [token.prefix for token in page]
        after = pages[-1]
    assert sorted(pages) == sorted(made)
    assert len(pages) == 5
