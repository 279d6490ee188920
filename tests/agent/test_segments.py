"""A segment's records are found again past any damage, and its end is known to be whole or not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolpulse_agent import segments

STREAM = "0123456789abcdef0123456789abcdef"
BODIES = [b'{"a":1}', b"", "Trường THCS Gò Vấp".encode(), b"x" * 40]


def whole(bodies: list[bytes] = BODIES, first: int = 7, mark: bytes = segments.OPEN_MARK) -> bytes:
    records = b"".join(segments.record(first + at, body) for at, body in enumerate(bodies))
    return segments.head(STREAM, first) + records + mark


def bodies_in(data: bytes, found: segments.Scan) -> dict[int, bytes]:
    records = {seq: segments.read_record(data, offset) for seq, offset in found.records}
    return {seq: record.body for seq, record in records.items() if record is not None}


def test_what_was_written_is_read() -> None:
    data = whole()
    found = segments.scan(data, STREAM, 7)
    assert bodies_in(data, found) == dict(enumerate(BODIES, start=7))
    assert (found.head_ok, found.mark, found.damaged_bytes) == (True, segments.OPEN_MARK, 0)
    assert found.end == len(data) - len(segments.OPEN_MARK)


def test_a_cut_at_any_byte_leaves_the_records_before_it_and_no_mark() -> None:
    data = whole()
    ends = [
        offset + segments.RECORD_HEAD_BYTES + len(BODIES[seq - 7])
        for seq, offset in segments.scan(data, STREAM, 7).records
    ]
    for cut in range(len(data)):
        found = segments.scan(data[:cut], STREAM, 7)
        assert [seq for seq, _ in found.records] == [7 + at for at, end in enumerate(ends) if end <= cut], cut
        assert found.mark == b"", cut


@pytest.mark.parametrize("garbage", [b"\0", b"\xff", b"\xf5", b"S"])
def test_a_wrong_byte_anywhere_costs_at_most_the_record_it_is_in(garbage: bytes) -> None:
    data = whole()
    offsets = [offset for _, offset in segments.scan(data, STREAM, 7).records]
    for at in range(len(data)):
        spoiled = data[:at] + garbage + data[at + 1 :]
        if spoiled == data:
            continue
        found = segments.scan(spoiled, STREAM, 7)
        hit = sum(offset <= at for offset in offsets) - 1
        in_mark = at >= len(data) - len(segments.OPEN_MARK)
        expected = [7 + n for n in range(len(BODIES)) if n != hit or in_mark]
        assert [seq for seq, _ in found.records] == expected, at
        last_is_doubtful = in_mark or hit == len(BODIES) - 1
        assert (found.mark == b"") == last_is_doubtful, at
        assert found.head_ok == (at >= segments.HEAD_BYTES), at


def test_a_whole_record_of_another_segment_does_not_pass_for_a_later_one() -> None:
    data = whole() + segments.record(3, b"old") + segments.OPEN_MARK
    assert [seq for seq, _ in segments.scan(data, STREAM, 7).records] == [7, 8, 9, 10]


def test_a_segment_of_another_stream_or_name_is_not_taken_for_whole() -> None:
    assert not segments.scan(whole(), "f" * 32, 7).head_ok
    assert not segments.scan(whole(), STREAM, 8).head_ok


@given(
    bodies=st.lists(st.text(max_size=30).map(str.encode), max_size=6),
    position=st.integers(0, 400),
    junk=st.binary(max_size=20),
    remove=st.integers(0, 30),
)
def test_no_damage_makes_a_record_that_was_not_written(
    bodies: list[bytes], position: int, junk: bytes, remove: int
) -> None:
    data = whole(bodies, first=1)
    position = min(position, len(data))
    spoiled = data[:position] + junk + data[position + remove :]
    found = segments.scan(spoiled, STREAM, 1)
    for seq, body in bodies_in(spoiled, found).items():
        assert bodies[seq - 1] == body
