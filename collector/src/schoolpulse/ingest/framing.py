"""Cuts a stream of bytes into MQTT control packets and reads the one kind that comes in numbers, PUBLISH.

paho makes a dozen objects for each message, two thirds of the time an intake of small messages would take.
This reads what the collector needs of it, by MQTT 5 and 3.1.1, sections 2.1 and 3.3, and nothing else.
"""

from __future__ import annotations

from typing import NamedTuple

_PUBLISH = 3
_LENGTH_BITS = 21  # MQTT 5, 1.5.5: four bytes of seven bits


class Publish(NamedTuple):
    """A PUBLISH packet. Its properties, if any, were skipped: the contract uses none."""

    topic: str
    payload: bytes
    qos: int
    mid: int
    retained: bool
    again: bool


class Malformed(ValueError):
    """Bytes that are no MQTT: the connection cannot go on."""


class Framer:
    """Bytes in, whole packets out.

    Args:
        with_properties: whether PUBLISH carries properties, as it does in MQTT 5.
    """

    def __init__(self, *, with_properties: bool) -> None:
        self._with_properties = with_properties
        self._buffer = bytearray()

    def feed(self, data: bytes | memoryview) -> None:
        """Add what was received."""
        self._buffer += data

    def take(self) -> list[Publish | bytes]:
        """Every packet that is whole by now, in order; those of other kinds as they came.

        Raises:
            Malformed: the bytes are no MQTT.
        """
        packets: list[Publish | bytes] = []
        buffer = self._buffer
        at = 0
        with memoryview(buffer) as view:
            while (body := _body(buffer, at)) is not None:
                start, end = body
                first = buffer[at]
                if first >> 4 == _PUBLISH:
                    packets.append(self._publish(view[start:end], first))
                else:
                    packets.append(bytes(view[at:end]))
                at = end
        del buffer[:at]
        return packets

    def _publish(self, body: memoryview, first: int) -> Publish:
        with body:
            try:
                at = 2 + (body[0] << 8 | body[1])
                topic = str(body[2:at], "utf-8", "replace")
                qos = first >> 1 & 3
                mid = 0
                if qos:
                    mid = body[at] << 8 | body[at + 1]
                    at += 2
                if self._with_properties:
                    at = _after_properties(body, at)
            except IndexError:
                raise Malformed("a PUBLISH that ends before its payload") from None
            if at > len(body):
                raise Malformed("a PUBLISH that ends before its payload")
            return Publish(topic, bytes(body[at:]), qos, mid, bool(first & 1), bool(first & 8))


def _body(buffer: bytearray, at: int) -> tuple[int, int] | None:
    """Where the body of the packet at `at` begins and ends; None while it is not whole."""
    size = len(buffer)
    length = 0
    for shift in range(0, _LENGTH_BITS + 1, 7):
        at += 1
        if at >= size:
            return None
        byte = buffer[at]
        length |= (byte & 127) << shift
        if byte < 128:
            return (at + 1, at + 1 + length) if at + 1 + length <= size else None
    raise Malformed("a packet's length of more than four bytes")


def _after_properties(body: memoryview, at: int) -> int:
    """Where the properties that begin at `at` end."""
    length = 0
    for shift in range(0, _LENGTH_BITS + 1, 7):
        byte = body[at]
        at += 1
        length |= (byte & 127) << shift
        if byte < 128:
            return at + length
    raise Malformed("properties' length of more than four bytes")
