"""Packets are cut right however the bytes arrive, and what is no MQTT is noticed."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties, VariableByteIntegers

from schoolpulse.ingest.framing import Framer, Malformed, Publish


def packet(message: Publish, properties: Properties | None) -> bytes:
    """A PUBLISH, with paho's own packing of what is not plain."""
    topic = message.topic.encode()
    body = struct.pack("!H", len(topic)) + topic
    if message.qos:
        body += struct.pack("!H", message.mid)
    if properties is not None:
        body += properties.pack()  # type: ignore[no-untyped-call]  # paho's gap
    body += message.payload
    first = 0x30 | message.again << 3 | message.qos << 1 | message.retained
    length: bytes = VariableByteIntegers.encode(len(body))  # type: ignore[no-untyped-call]  # the same
    return bytes([first]) + length + body


def properties(user: list[tuple[str, str]], correlation: bytes) -> Properties:
    made = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]  # the same
    if user:
        made.UserProperty = user
    if correlation:
        made.CorrelationData = correlation
    return made


_TEXT = st.text(st.characters(blacklist_categories=["Cs"]), max_size=20)
_PROPERTIES = st.builds(properties, st.lists(st.tuples(_TEXT, _TEXT), max_size=12), st.binary(max_size=300))
_MESSAGES = st.integers(0, 2).flatmap(
    lambda qos: st.builds(
        Publish,
        topic=_TEXT,
        payload=st.binary(max_size=300),
        qos=st.just(qos),
        mid=st.integers(1, 65_535) if qos else st.just(0),
        retained=st.booleans(),
        again=st.booleans(),
    )
)
_OTHERS = st.sampled_from(
    [b"\xd0\x00", b"\x40\x02\x00\x07", b"\x90\x03\x00\x01\x01", b"\x20\x03\x00\x00\x00"]
)


@given(
    parts=st.lists(st.tuples(_MESSAGES, _PROPERTIES) | _OTHERS, max_size=8),
    with_properties=st.booleans(),
    cuts=st.lists(st.integers(1, 50), min_size=1, max_size=20),
)
def test_packets_are_cut_right_however_the_bytes_arrive(
    parts: list[tuple[Publish, Properties] | bytes], with_properties: bool, cuts: list[int]
) -> None:
    expected: list[Publish | bytes] = [part if isinstance(part, bytes) else part[0] for part in parts]
    data = b"".join(
        part if isinstance(part, bytes) else packet(part[0], part[1] if with_properties else None)
        for part in parts
    )
    framer = Framer(with_properties=with_properties)
    found: list[Publish | bytes] = []
    at = turn = 0
    while at < len(data):
        size = cuts[turn % len(cuts)]
        framer.feed(data[at : at + size])
        found += framer.take()
        at, turn = at + size, turn + 1
    assert found == expected


@given(data=st.binary(max_size=300), with_properties=st.booleans())
def test_any_bytes_give_packets_or_are_malformed(data: bytes, with_properties: bool) -> None:
    framer = Framer(with_properties=with_properties)
    framer.feed(data)
    try:
        framer.take()
    except Malformed:
        return


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\xff\xff\xff\xff\x01",  # a length of five bytes
        b"\x30\x00",  # no topic
        b"\x30\x01\x00",
        b"\x30\x03\x00\x05a",  # a topic longer than the packet
        b"\x32\x04\x00\x01a\x00",  # half a packet id
        b"\x32\x05\x00\x01a\x00\x01",  # no properties' length
        b"\x32\x06\x00\x01a\x00\x01\x09",  # properties longer than the packet
        b"\x32\x0a\x00\x01a\x00\x01\xff\xff\xff\xff\x01",
    ],
)
def test_what_is_no_mqtt_is_noticed(data: bytes) -> None:
    framer = Framer(with_properties=True)
    framer.feed(data)
    with pytest.raises(Malformed):
        framer.take()


def test_a_topic_that_is_not_utf8_is_kept_as_what_it_is_a_bad_one() -> None:
    framer = Framer(with_properties=False)
    framer.feed(b"\x30\x06\x00\x02\xff\xfexy")
    assert framer.take() == [Publish("\ufffd\ufffd", b"xy", 0, 0, False, False)]
