"""One stream of a spool: numbered batches in segment files, and which of them are still owed.

A stream's numbers are contiguous from 1 and never used twice. Only the process that made the last number
can be sure of it, or one that finds the newest segment ending in its mark; whoever finds anything else
must leave the stream as it is, hand over what can be read, and begin a new one.
"""

from __future__ import annotations

import logging
from array import array
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path

from schoolpulse_agent import confirmed, segments
from schoolpulse_agent.confirmed import Confirmed
from schoolpulse_agent.disk import Disk
from schoolpulse_agent.wire import Confirm, SeqSet

log = logging.getLogger(__name__)

_STATE_FILE = "confirmed.json"
_SAVE_EVERY = 100
"""Confirmed batches between two writes of that file: flash wears, and what is lost is only sent again."""


class Pending:
    """The numbers of a stream that are still owed, as they were at one moment: a few closed ranges."""

    def __init__(self, ranges: list[tuple[int, int]]) -> None:
        self.ranges = ranges

    def __len__(self) -> int:
        return sum(last - first + 1 for first, last in self.ranges)

    def __iter__(self) -> Iterator[int]:
        for first, last in self.ranges:
            yield from range(first, last + 1)

    def __reversed__(self) -> Iterator[int]:
        for first, last in reversed(self.ranges):
            yield from range(last, first - 1, -1)

    def __contains__(self, seq: int) -> bool:
        return any(first <= seq <= last for first, last in self.ranges)

    @property
    def oldest(self) -> int | None:
        """The lowest number that is owed."""
        return self.ranges[0][0] if self.ranges else None

    @property
    def newest(self) -> int | None:
        """The highest number that is owed."""
        return self.ranges[-1][1] if self.ranges else None


class _Segment:
    """One file and where its records are: ``offsets[i]`` is that of ``first_seq + i``, 0 where it is lost."""

    def __init__(self, path: Path, first_seq: int) -> None:
        self.path = path
        self.first_seq = first_seq
        self.offsets = array("L")
        self.end = 0
        self.size = 0

    @property
    def last_seq(self) -> int:
        return self.first_seq + len(self.offsets) - 1


class Stream:
    """One stream in one folder. Not thread-safe: the spool holds the lock.

    Args:
        disk: where the files are.
        folder: of this stream alone.
        stream_id: 32 hexadecimal digits.
        segment_bytes: a segment is closed when it is larger than this.
    """

    def __init__(self, disk: Disk, folder: Path, stream_id: str, *, segment_bytes: int) -> None:
        self.id = stream_id
        self.folder = folder
        self.last_seq = 0
        self.lost = SeqSet()
        """Numbers that are neither confirmed nor readable any more."""
        self.whole = True
        """Whether the newest segment ended as it should: only then may the stream go on."""
        self._disk = disk
        self._segment_bytes = segment_bytes
        self._segments: list[_Segment] = []
        self._gone = SeqSet()
        self._unsaved = 0

    @property
    def size_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(segment.size for segment in self._segments)

    @property
    def finished(self) -> bool:
        """Whether nothing of it is owed."""
        return self._gone.through >= self.last_seq

    @property
    def discarded_through(self) -> int | None:
        """The highest lost number below everything that is still owed; None where nothing was lost."""
        limit = self._gone.through  # everything below the oldest that is owed is gone
        below = [min(last, limit) for first, last in self._lost_ranges() if first <= limit]
        return below[-1] if below else None

    def pending(self) -> Pending:
        """What is still owed."""
        ranges, start = [], self._gone.through + 1
        for first, last in self._gone.also:
            if start < first:
                ranges.append((start, min(first - 1, self.last_seq)))
            start = last + 1
        if start <= self.last_seq:
            ranges.append((start, self.last_seq))
        return Pending(ranges)

    def load(self) -> None:
        """Read what is in the folder: every whole record, past any damage.

        Raises:
            OSError: the folder cannot be read.
        """
        for name in self._disk.names(self.folder):
            stem, _, suffix = name.partition(".")
            if suffix == "seg" and stem.isdigit():
                self._load_segment(self.folder / name, int(stem))
        state = self._load_state()
        if state is None and not self._segments:
            self.whole = False
            return
        self._gone, self.lost = state or Confirmed(SeqSet(), SeqSet())
        self.last_seq = max(
            [segment.last_seq for segment in self._segments]
            + [self._gone.through]
            + [last for _, last in self._gone.also]
        )
        if not self._segments or self.last_seq > self._segments[-1].last_seq:
            self.whole = False  # the newest segment, or the end of it, is missing without a trace
        self._find_lost()

    def append(self, body: bytes) -> int:
        """Write `body` as the next number; durable when it returns.

        Raises:
            OSError: it was not written, and its number is not used.
        """
        seq = self.last_seq + 1
        if not self._segments or self._segments[-1].size >= self._segment_bytes:
            self._begin_segment(seq)
        segment = self._segments[-1]
        record = segments.record(seq, body)
        self._disk.write_at(segment.path, segment.end, record + segments.OPEN_MARK)
        segment.offsets.append(segment.end)
        segment.end += len(record)
        segment.size = segment.end + len(segments.OPEN_MARK)
        self.last_seq = seq
        return seq

    def read(self, seq: int) -> bytes | None:
        """The body of `seq`, or None where it is not there (any more). Damage found here is counted lost."""
        if seq in self._gone or not 1 <= seq <= self.last_seq:
            return None
        segment = self._segments[bisect_right([s.first_seq for s in self._segments], seq) - 1]
        index = seq - segment.first_seq
        offset = segment.offsets[index]
        end = next((later for later in segment.offsets[index + 1 :] if later), segment.end)
        record = segments.read_record(self._disk.read_at(segment.path, offset, end - offset))
        if record is None or record.seq != seq:
            log.error("a spooled batch went bad on the disk: stream %s, batch %d", self.id, seq)
            self._lose(seq, seq)
            return None
        return record.body

    def confirm(self, confirm: Confirm) -> int:
        """Forget what the collector has; how many batches that were.

        Segments of which nothing is owed are deleted. Numbers that were never given are not taken.
        """
        owed = len(self.pending())
        for first, last in ((1, confirm.through), *confirm.also):
            self._gone.add_range(max(1, first), min(last, self.last_seq))
        settled = owed - len(self.pending())
        # What the collector counts as done it need not be told again, lost or not.
        self.lost = SeqSet(0, [r for r in self._lost_ranges() if r[1] > confirm.through])
        self._unsaved += settled
        self._sweep()
        return settled

    def discard_oldest(self) -> int:
        """Delete the oldest segment though it is owed; how many batches that lost.

        Raises:
            OSError: it cannot be deleted.
        """
        segment = self._segments[0]
        self._disk.delete(segment.path)
        owed = len(self.pending())
        self._lose(segment.first_seq, segment.last_seq)
        del self._segments[0]
        self._try_save()
        return owed - len(self.pending())

    def close(self) -> None:
        """Keep what was confirmed since the state was last written."""
        if self._unsaved:
            self._try_save()

    def delete(self) -> None:
        """Remove every trace of it.

        Raises:
            OSError: it cannot be removed.
        """
        for name in self._disk.names(self.folder):
            self._disk.delete(self.folder / name)
        self._disk.delete_folder(self.folder)
        self._segments.clear()

    def _begin_segment(self, seq: int) -> None:
        path = self.folder / f"{seq:020d}.seg"
        fresh = _Segment(path, seq)
        head = segments.head(self.id, seq)
        self._disk.make_folder(self.folder)
        self._disk.delete(path)  # a try that failed half-way may have left one
        self._disk.write_at(path, 0, head + segments.OPEN_MARK)
        fresh.end = len(head)
        fresh.size = fresh.end + len(segments.OPEN_MARK)
        if self._segments:
            # A sealed segment says that a newer one was there, should that one vanish.
            self._disk.write_at(self._segments[-1].path, self._segments[-1].end, segments.SEALED_MARK)
        self._segments.append(fresh)
        self._sweep()

    def _load_segment(self, path: Path, first_seq: int) -> None:
        data = self._disk.read(path)
        found = segments.scan(data, self.id, first_seq)
        segment = _Segment(path, first_seq)
        for seq, offset in found.records:
            segment.offsets.extend([0] * (seq - segment.last_seq - 1))
            segment.offsets.append(offset)
        segment.end, segment.size = found.end, len(data)
        self._segments.append(segment)
        self.whole = found.head_ok and found.mark == segments.OPEN_MARK
        if found.damaged_bytes or not found.mark:
            log.error("%s is damaged: %d bytes passed over", path, found.damaged_bytes)

    def _load_state(self) -> Confirmed | None:
        """What was confirmed or lost when that was last written; None where it is not known."""
        try:
            return confirmed.parse(self._disk.read(self.folder / _STATE_FILE))
        except FileNotFoundError:
            return None
        except ValueError as error:
            log.warning("%s: the record of confirmed batches is damaged (%s)", self.folder, error)
            return None

    def _find_lost(self) -> None:
        """Everything that is neither confirmed nor in a segment is lost."""
        expected = 1
        for segment in self._segments:
            self._lose(expected, segment.first_seq - 1)
            for index, offset in enumerate(segment.offsets):
                if not offset:
                    self._lose(segment.first_seq + index, segment.first_seq + index)
            expected = segment.last_seq + 1
        self._lose(expected, self.last_seq)

    def _lose(self, first: int, last: int) -> None:
        for owed_range in self._owed_within(first, last):
            self.lost.add_range(*owed_range)
            self._gone.add_range(*owed_range)

    def _owed_within(self, first: int, last: int) -> list[tuple[int, int]]:
        owed = ((max(first, low), min(last, high)) for low, high in self.pending().ranges)
        return [(low, high) for low, high in owed if low <= high]

    def _lost_ranges(self) -> list[tuple[int, int]]:
        return ([(1, self.lost.through)] if self.lost.through else []) + self.lost.also

    def _sweep(self) -> None:
        """Delete the segments of which nothing is owed; never the one that is written to."""
        done = [s for s in self._segments[:-1] if not self._owed_within(s.first_seq, s.last_seq)]
        if done or self._unsaved >= _SAVE_EVERY:
            self._try_save()
        for segment in done:
            try:
                self._disk.delete(segment.path)
            except OSError as error:
                log.debug("%s stays for now: %s", segment.path, error)
                return
            self._segments.remove(segment)

    def _try_save(self) -> None:
        self._unsaved = 0
        try:
            self._disk.replace(self.folder / _STATE_FILE, confirmed.dump(Confirmed(self._gone, self.lost)))
        except OSError as error:
            # Harmless: what is forgotten here is sent again and recognised by the collector.
            log.debug("%s: the record of confirmed batches was not written: %s", self.folder, error)
