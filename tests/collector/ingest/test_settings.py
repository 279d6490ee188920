"""``[broker]`` and ``[ingest]``: what they take, what they refuse, and in which words."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schoolpulse.ingest.settings import BrokerSettings, IngestSettings


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("mqtt://broker", ("broker", 1883, False)),
        ("mqtt://10.0.0.1:2883/", ("10.0.0.1", 2883, False)),
        ("mqtts://mqtt.example.vn", ("mqtt.example.vn", 8883, True)),
        ("mqtts://[::1]:9", ("::1", 9, True)),
    ],
)
def test_urls(url: str, found: tuple[str, int, bool]) -> None:
    settings = BrokerSettings(url=url)
    assert (settings.host, settings.port, settings.tls) == found


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"url": "http://broker"}, "it reads mqtt://host"),
        ({"url": "mqtt://"}, "it reads mqtt://host"),
        ({"url": "mqtt://user:secret@broker"}, "username and password_file"),
        ({"url": "mqtt://broker/path"}, "nothing may follow"),
        ({"url": "mqtt://broker:99999"}, "ort"),
        ({"ca_file": Path("ca.pem")}, "needs an mqtts:// url"),
        ({"password_file": Path("pw")}, "needs a username"),
        ({"client_id": "a b"}, "pattern"),
        ({"protocol": "4"}, "3.1.1"),
        ({"receive_maximum": 0}, "greater than"),
        ({"keepalive": 5}, "Extra inputs"),
    ],
)
def test_mistakes(values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words) as caught:
        BrokerSettings(**values)
    assert caught.value.error_count() == 1


def test_the_ingest_refuses_what_makes_no_sense() -> None:
    with pytest.raises(ValidationError):
        IngestSettings(max_journal_bytes=5)
    with pytest.raises(ValidationError):
        IngestSettings(linger_ms=-1)
