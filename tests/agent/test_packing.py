"""A batch is packed for the spool and comes back as it was; what no version wrote is refused and bounded."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schoolpulse_agent import packing, segments
from schoolpulse_agent.disk import MemoryDisk
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.wire import Sample, blocks_of, telemetry_body

MOST = 300_000
REACHABLE = (("up", 1), ("rtt_ms", 18.25), ("jitter_ms", 3.5), ("loss_ratio", 0.0))


def batch(rows: int) -> bytes:
    tags = (("target", "vnnic-b"), ("scope", "national"), ("method", "tcp"), ("uplink", "wan"))
    samples = [Sample("reachability", 1_790_000_000_000 + 10_000 * n, tags, REACHABLE) for n in range(rows)]
    return telemetry_body("6f0b2f6c-30b7-4c42-8a8e-5b4a3a7e0f11", "synced", blocks_of(samples))


@given(st.binary(max_size=5_000))
def test_any_body_comes_back(body: bytes) -> None:
    assert packing.unpack(packing.pack(body), MOST) == body


def test_a_usual_batch_takes_less_than_a_third() -> None:
    assert len(packing.pack(batch(6))) * 3 < len(batch(6))
    assert len(packing.pack(b'{"n":1}')) <= 7


@given(st.binary(min_size=1, max_size=200))
def test_what_nobody_packed_is_refused_or_small(kept: bytes) -> None:
    try:
        body = packing.unpack(kept, MOST)
    except ValueError:
        return
    assert len(body) <= MOST


def test_a_bomb_a_stump_and_a_way_of_tomorrow_are_refused() -> None:
    packed = packing.pack(b"0" * 10_000_000)
    assert len(packed) < 20_000
    for kept in (packed, packing.pack(batch(6))[:-3], b"\x02abc", b"\x01\xff\xff\xff", b"\x01"):
        with pytest.raises(ValueError, match=r".+"):
            packing.unpack(kept, MOST)


def test_what_an_earlier_version_left_in_the_spool_is_read() -> None:
    disk, folder, stream = MemoryDisk(), Path("/spool"), "ab" * 16
    plain = segments.head(stream, 1) + segments.record(1, batch(3)) + segments.OPEN_MARK
    disk.write_at(folder / f"000001-{stream}" / f"{1:020d}.seg", 0, plain)
    spool = Spool(folder, max_bytes=1_000_000, disk=disk)
    assert spool.append(batch(4)) == 2
    assert [spool.read(seq) for seq in spool.pending()] == [batch(3), batch(4)]


def test_a_batch_that_cannot_be_unpacked_is_passed_over(caplog: pytest.LogCaptureFixture) -> None:
    disk, folder, stream = MemoryDisk(), Path("/spool"), "ab" * 16
    strange = segments.record(1, b"\x09of a later version") + segments.record(2, batch(1))
    plain = segments.head(stream, 1) + strange + segments.OPEN_MARK
    disk.write_at(folder / f"000001-{stream}" / f"{1:020d}.seg", 0, plain)
    spool = Spool(folder, max_bytes=1_000_000, disk=disk)
    assert (spool.read(1), spool.read(2)) == (None, batch(1))
    assert "cannot be unpacked" in caplog.text


def test_the_words_are_those_of_this_version_for_ever() -> None:
    # Spools on flash need them as they were: other words are another way to pack, with a number of its own.
    assert zlib.crc32(packing._WORDS_1) == WORDS_CRC


WORDS_CRC = 0x3A02EF14
