"""Where a webhook may go, and what an endpoint's settings refuse."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from schoolpulse.errors import EndpointRefused
from schoolpulse.notify.addresses import checked_addresses
from schoolpulse.notify.channels.webhook import Webhook, own_body
from schoolpulse.notify.settings import EndpointSettings

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


NOT_PUBLIC = (
    *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "240.0.0.1"),
    *("::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1", "0.0.0.0", "224.0.0.1"),
)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(EndpointRefused):
        checked_addresses("evil.example", ["93.184.216.34", address], allow_private=False)


def test_a_public_address_is_taken_and_a_private_one_where_it_is_allowed() -> None:
    assert checked_addresses("a", ["93.184.216.34"], allow_private=False) == ["93.184.216.34"]
    assert checked_addresses("a", ["10.1.2.3"], allow_private=True) == ["10.1.2.3"]
    for never in ("0.0.0.0", "224.0.0.1"):
        with pytest.raises(EndpointRefused):
            checked_addresses("a", [never], allow_private=True)


def test_a_name_is_looked_up_and_checked_at_every_attempt() -> None:
    answers = [["127.0.0.1"], ["10.0.0.1"]]
    channel = Webhook(own_body, look_up=lambda _host, _port: answers.pop(0))
    endpoint = EndpointSettings.model_validate(
        {"id": "a", "url": "https://rebinds.example/", "secret": SECRET}
    )
    for _ in range(2):
        outcome = channel.send(endpoint, "msg_1", "{}", 0)
        assert not outcome.delivered
        assert "private network" in outcome.error
    assert answers == []


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"url": "http://example.org/"}, "https only"),
        ({"url": "ftp://example.org/"}, "https://"),
        ({"url": "https://u:p@example.org/"}, "no user name"),
        ({"secret": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, "begins with whsec_"),
        ({"secret": "whsec_???"}, "base64"),
        ({"secret": "whsec_AAAA"}, "24 to 64 bytes"),
        ({"secret": None}, "is missing"),
        ({"format": "smoke"}, "Input should be"),
        ({"id": "Ops Room"}, "pattern"),
    ],
)
def test_settings_are_refused_with_what_is_wrong(values: dict[str, object], said: str) -> None:
    good = {"id": "ops", "url": "https://example.org/hook", "secret": SECRET}
    with pytest.raises(ValidationError, match=said) as caught:
        EndpointSettings.model_validate(good | values)
    assert SECRET not in str(caught.value)
