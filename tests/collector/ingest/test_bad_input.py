"""Hundreds of bad messages through a real broker: each in quarantine with its reason, none in the way."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from collector.ingest.collecting import Collecting, Publisher, until
from collector.ingest.messages_in import telemetry
from contract.malformed import cases
from contract.malformed_base import Case
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from parts.mosquitto import Mosquitto

from schoolpulse.contract.models import Telemetry
from schoolpulse_agent import wire

SUBSCRIBED = {f"/{kind.value}" for kind in wire.FROM_AGENT}


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    mosquitto = Mosquitto(tmp_path)
    mosquitto.start()
    yield mosquitto
    mosquitto.stop()


def _reaches_us(case: Case) -> bool:
    """Whether the topic is one that a broker carries and that the collector's subscriptions match."""
    levels = case.topic.split("/")
    return (
        len(levels) == 4
        and case.topic.startswith("schoolpulse/v1/")
        and f"/{levels[3]}" in SUBSCRIBED
        and levels[2].isprintable()
    )


@pytest.mark.parametrize("protocol", ["5", "3.1.1"])
def test_all_bad_messages_end_in_quarantine_and_every_good_one_gets_through(
    tmp_path: Path, broker: Mosquitto, protocol: str
) -> None:
    bad = [case for case in cases(time.time_ns() // 1_000_000) if _reaches_us(case)]
    assert len(bad) > 450
    random.Random(1).shuffle(bad)
    collecting = Collecting(tmp_path, broker.url, protocol=protocol)
    collecting.start()
    publisher = Publisher(broker.port)
    good = len(bad) + 1
    for seq, case in enumerate(bad, start=1):
        publisher.send(*telemetry(seq, stream="between"))
        publisher.send(case.topic, case.payload)
    publisher.publish(*telemetry(good, stream="between"))
    until(lambda: publisher.confirmed("a", "between").through == good, "every good batch confirmed")

    assert collecting.batches() == [("a", "between", seq) for seq in range(1, good + 1)]
    expected = Counter(str(case.reason) for case in bad)
    assert collecting.journal.dead_letter_counts() == expected
    for reason, count in expected.items():
        assert collecting.value("quarantined_messages_total", reason=reason) == count
    letters = {
        (letter.source, letter.payload): letter.reason for letter in collecting.journal.dead_letters(2_000)
    }
    for case in bad:
        assert letters[case.topic, case.payload[: 16 * 1024]] == case.reason
    _named_ones_are_confirmed(bad, publisher)
    publisher.close()
    collecting.stop()


def _named_ones_are_confirmed(bad: list[Case], publisher: Publisher) -> None:
    """So that no agent sends its poison for ever."""
    named = sum(case.named for case in bad)
    assert named > 200

    def confirmed() -> int:
        sets = [held for (_, stream), held in list(publisher.confirms.items()) if stream != "between"]
        return sum(held.through + sum(last - first + 1 for first, last in held.also) for held in sets)

    until(lambda: confirmed() == named, f"{named} named ones confirmed")


def _properties(**values: Any) -> Properties:
    properties = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # paho's gap
    for name, value in values.items():
        setattr(properties, name, value)
    return properties


PROPERTIES: list[dict[str, Any]] = [
    {"PayloadFormatIndicator": 0},
    {"PayloadFormatIndicator": 1},
    {"MessageExpiryInterval": 1_000},
    {"MessageExpiryInterval": 2**32 - 1},
    {"ContentType": "application/octet-stream"},
    {"ContentType": ""},
    {"ContentType": "x" * 65_535},
    {"ResponseTopic": "schoolpulse/v1/a/reply"},
    {"ResponseTopic": "không/dấu"},
    {"CorrelationData": b""},
    {"CorrelationData": bytes(range(256)) * 200},
    {"UserProperty": ("", "")},
    {"UserProperty": ("agent", "somebody-else")},
    {"UserProperty": [("k", "v")] * 1_000},
    {"UserProperty": ("ườ😀", "x" * 60_000)},
    {"TopicAlias": 1},
    {"PayloadFormatIndicator": 1, "ContentType": "json", "ResponseTopic": "x", "CorrelationData": b"\x00",
     "UserProperty": [("a", "b"), ("a", "c")], "MessageExpiryInterval": 60},
]  # fmt: skip


def test_properties_of_any_kind_change_nothing(tmp_path: Path, broker: Mosquitto) -> None:
    collecting = Collecting(tmp_path, broker.url)
    collecting.start()
    publisher = Publisher(broker.port)
    for seq, values in enumerate(PROPERTIES, start=1):
        publisher.publish(*telemetry(seq), properties=_properties(**values))
    last = len(PROPERTIES) + 1
    hows: list[dict[str, Any]] = [{"retain": True}, {"qos": 0}, {"qos": 2}, {}]
    for extra, how in enumerate(hows):
        publisher.publish(*telemetry(last + extra), **how)
    until(lambda: publisher.confirmed("a", "s").through == last + 3, "all confirmed")
    assert collecting.batches() == [("a", "s", seq) for seq in range(1, last + 4)]
    assert collecting.journal.dead_letter_counts() == {}
    publisher.close()
    collecting.stop()


def test_a_flood_of_poison_keeps_nothing_but_a_bounded_sample(tmp_path: Path, broker: Mosquitto) -> None:
    collecting = Collecting(tmp_path, broker.url)
    collecting.start()
    publisher = Publisher(broker.port)
    for _ in range(30):
        publisher.send("schoolpulse/v1/a/telemetry", b"\xff" * 2_000_000)
    publisher.publish(*telemetry(1))
    until(lambda: publisher.confirmed("a", "s").through == 1, "the good one confirmed")
    assert collecting.journal.dead_letter_counts() == {"too_large": 30}
    assert {(letter.size, len(letter.payload)) for letter in collecting.journal.dead_letters()} == {
        (2_000_000, 16 * 1024)
    }
    assert [message.body for message in collecting.journal.read(0, 99) if isinstance(message.body, Telemetry)]
    publisher.close()
    collecting.stop()
