"""The format of a spool's segment files. No I/O: bytes in, bytes out.

A segment is a head, then records, then a mark. Numbers are big-endian::

    head    "SPSG" version:u8 stream:16 bytes first_seq:u64 crc32:u32
    record  F5 "SPR" length:u32 seq:u64 crc32:u32 body        (crc32 over length, seq and body)
    mark    F5 "END" while the segment is written to, F5 "FIN" once a newer one took over

The next record overwrites the mark. So a file that does not end in its mark was cut short or torn,
wherever the cut fell, even exactly between two records. The byte F5 never occurs in UTF-8: looking for the
next record after damage cannot stumble over one inside a body.
"""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

HEAD_MAGIC = b"SPSG"
RECORD_MAGIC = b"\xf5SPR"
OPEN_MARK = b"\xf5END"
SEALED_MARK = b"\xf5FIN"
VERSION = 1
MAX_BODY_BYTES = 1 << 20

_HEAD = struct.Struct(">4sB16sQ")
_RECORD = struct.Struct(">4sIQI")
_COVERED = struct.Struct(">IQ")
_CRC = struct.Struct(">I")
HEAD_BYTES = _HEAD.size + _CRC.size
RECORD_HEAD_BYTES = _RECORD.size


class Record(NamedTuple):
    """One record and where it begins in its file."""

    seq: int
    offset: int
    body: bytes


class Scan(NamedTuple):
    """What a segment's bytes hold.

    `end` is where the next record goes. `mark` is the mark at the end, or empty where the file does not end
    in one or what stands right before it is damaged: then nobody can say which number was the last.
    `damaged_bytes` counts what belongs to nothing that could be read.
    """

    head_ok: bool
    records: list[tuple[int, int]]  # (seq, offset), ascending in both
    end: int
    mark: bytes
    damaged_bytes: int


def head(stream: str, first_seq: int) -> bytes:
    """The head of a segment of `stream` (32 hexadecimal digits) that begins with `first_seq`."""
    packed = _HEAD.pack(HEAD_MAGIC, VERSION, bytes.fromhex(stream), first_seq)
    return packed + _CRC.pack(zlib.crc32(packed))


def record(seq: int, body: bytes) -> bytes:
    """The record of `body` as the `seq`-th."""
    crc = zlib.crc32(body, zlib.crc32(_COVERED.pack(len(body), seq)))
    return _RECORD.pack(RECORD_MAGIC, len(body), seq, crc) + body


def read_record(data: bytes, offset: int = 0) -> Record | None:
    """The whole, undamaged record that begins at `offset`, or None."""
    if len(data) - offset < _RECORD.size:
        return None
    magic, length, seq, crc = _RECORD.unpack_from(data, offset)
    if magic != RECORD_MAGIC or length > MAX_BODY_BYTES:
        return None
    start = offset + _RECORD.size
    body = data[start : start + length]
    if len(body) != length or zlib.crc32(body, zlib.crc32(_COVERED.pack(length, seq))) != crc:
        return None
    return Record(seq, offset, body)


def scan(data: bytes, stream: str, first_seq: int) -> Scan:
    """Find every whole record in `data`, past any damage, and see whether the file ends as it should."""
    wanted = head(stream, first_seq)
    head_ok = data[: len(wanted)] == wanted
    records: list[tuple[int, int]] = []
    position = damaged = _resume(data, 0)
    if head_ok:
        position, damaged = HEAD_BYTES, 0
    last_seq = first_seq - 1
    after = -1  # where the last damage ended
    while position < len(data):
        found = read_record(data, position)
        if found is not None and found.seq > last_seq:
            records.append((found.seq, position))
            last_seq = found.seq
            position += _RECORD.size + len(found.body)
            continue
        mark = data[position:]
        if mark in (OPEN_MARK, SEALED_MARK):
            return Scan(head_ok, records, position, mark if after != position else b"", damaged)
        after = _resume(data, position + 1)
        damaged += after - position
        position = after
    return Scan(head_ok, records, len(data), b"", damaged)


def _resume(data: bytes, start: int) -> int:
    """The next place where a record or the final mark may begin; the end where there is none."""
    record_at = data.find(RECORD_MAGIC, start)
    if record_at >= 0:
        return record_at
    mark_at = len(data) - len(OPEN_MARK)
    return mark_at if mark_at >= start and data[mark_at:] in (OPEN_MARK, SEALED_MARK) else len(data)
