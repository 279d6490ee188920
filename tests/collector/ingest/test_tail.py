"""The tail of decoded messages: what a reader gets of it, and when it asks for a moment."""

from __future__ import annotations

from schoolpulse.ingest.tail import Tail
from schoolpulse.messages import Link, Received


def filled(*positions: int, size: int = 100, max_messages: int = 1_000, max_bytes: int = 3_000) -> Tail:
    tail = Tail(max_messages, max_bytes)
    for position in positions:
        tail.extend([Received(position, 0, "", Link(connected=True))], [size])
    return tail


def positions(tail: Tail, after: int, *, limit: int = 1_000, max_bytes: int = 1_000_000) -> list[int] | None:
    found = tail.after(after, limit, max_bytes)
    return None if found is None else [message.position for message in found]


def test_a_reader_gets_what_follows_within_number_and_bytes() -> None:
    tail = filled(*range(11, 21))
    assert positions(tail, 10) == list(range(11, 21))
    assert positions(tail, 10, limit=3) == [11, 12, 13]
    assert positions(tail, 15, max_bytes=250) == [16, 17]
    assert positions(tail, 15, max_bytes=1) == [16]
    assert positions(tail, 20) == []
    assert positions(tail, 9) is None
    assert positions(filled(), 0) is None


def test_a_third_unread_is_a_crowd_and_what_was_cut_off_is_none() -> None:
    tail = filled(*range(11, 22))
    assert tail.crowded_by(10)
    assert not tail.crowded_by(11)
    assert not tail.crowded_by(21)
    assert not tail.crowded_by(5)
    assert not filled().crowded_by(0)


def test_a_crowd_is_also_one_of_small_messages() -> None:
    tail = filled(*range(11, 15), size=1, max_messages=9)
    assert tail.crowded_by(10)
    assert not tail.crowded_by(11)


def test_whoever_is_no_crowd_survives_the_next_shortening() -> None:
    tail = filled(*range(11, 41))
    reader = next(position for position in range(10, 41) if not tail.crowded_by(position))
    tail.extend([Received(41, 0, "", Link(connected=True))], [100])
    assert positions(tail, 10) is None
    assert positions(tail, reader) == list(range(reader + 1, 42))
