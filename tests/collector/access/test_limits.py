"""How often somebody may try."""

from __future__ import annotations

import pytest
from access_parts import access_for
from fakes import FakeClock

from schoolpulse.access.limits import MOST_KEYS, Attempts, network_of
from schoolpulse.access.models import Role
from schoolpulse.errors import TooOften

PASSWORD = "bốn từ không ai đoán"


def test_tries_come_back_with_time() -> None:
    clock = FakeClock()
    attempts = Attempts(clock, burst=2, refill_s=10)
    attempts.take("a")
    attempts.take("a")
    with pytest.raises(TooOften) as refused:
        attempts.take("a")
    assert refused.value.retry_after_s == pytest.approx(10)
    attempts.take("b")
    clock.advance(10)
    attempts.take("a")
    with pytest.raises(TooOften):
        attempts.take("a")
    attempts.give_back("a")
    attempts.take("a")


def test_memory_is_bounded() -> None:
    attempts = Attempts(FakeClock(), burst=1, refill_s=10)
    for number in range(MOST_KEYS + 10):
        attempts.take(str(number))
    assert len(attempts._left) == MOST_KEYS


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8::1", "2001:db8::/64"),
        ("2001:db8::ffff:2", "2001:db8::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "unknown"),
    ],
)
def test_one_sender_is_one_subscriber(address: str, network: str) -> None:
    assert network_of(address) == network


def test_guessing_a_name_from_everywhere_is_slow_and_does_not_shut_its_owner_out() -> None:
    access = access_for(FakeClock())
    access.users.add("lan", PASSWORD, Role.ADMIN)
    assert access.sign_in("lan", PASSWORD, "192.0.2.1") is not None
    for number in range(10):
        assert access.sign_in("lan", "wrong", f"198.51.100.{number}") is None
    with pytest.raises(TooOften):
        access.sign_in("lan", PASSWORD, "198.51.100.99")
    assert access.sign_in("LAN", PASSWORD, "192.0.2.1") is not None, "from where she has been"


def test_guessing_names_from_one_address_is_slow() -> None:
    access = access_for(FakeClock())
    for number in range(20):
        assert access.sign_in(f"name{number}", "wrong", "192.0.2.1") is None
    with pytest.raises(TooOften):
        access.sign_in("another", "wrong", "192.0.2.1")


def test_signing_in_well_costs_no_tries() -> None:
    access = access_for(FakeClock())
    access.users.add("lan", PASSWORD, Role.ADMIN)
    for _ in range(25):
        assert access.sign_in("lan", PASSWORD, "192.0.2.1") is not None
