"""The file beside a stream's segments that says what was confirmed and what was lost. No I/O."""

from __future__ import annotations

import json
import zlib
from typing import NamedTuple

from schoolpulse_agent.wire import SeqSet


class Confirmed(NamedTuple):
    """Numbers that are not owed any more: `gone` is all of them, `lost` those that nobody confirmed."""

    gone: SeqSet
    lost: SeqSet


def dump(state: Confirmed) -> bytes:
    """The file's bytes: a checksum, a space, JSON."""
    text = json.dumps([[seqs.through, seqs.also] for seqs in state]).encode()
    return b"%08x %s" % (zlib.crc32(text), text)


def parse(data: bytes) -> Confirmed:
    """What `data` says.

    Raises:
        ValueError: it is damaged.
    """
    crc, _, text = data.partition(b" ")
    if int(crc, 16) != zlib.crc32(text):
        raise ValueError("wrong checksum")
    gone, lost = json.loads(text)
    return Confirmed(SeqSet(*gone), SeqSet(*lost))
