"""The spool: what was measured, on disk under a ``(stream, seq)``, until the collector says it has it.

Append-only segments, each batch fsynced before `Spool.append` returns; a process may be killed and the power
may fail at any byte. Bounded: a full spool gives up its oldest segment and says so. A disk that is full,
read-only or gone does not stop the measuring: the spool goes on in memory, bounded, under a stream of its
own, and writes what it still owes once the disk takes it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from pathlib import Path
from typing import Callable, NamedTuple

from schoolpulse_agent import packing, segments
from schoolpulse_agent.disk import Disk, MemoryDisk, SystemDisk
from schoolpulse_agent.stream import Pending, Stream
from schoolpulse_agent.wire import MAX_MESSAGE_BYTES, Confirm

__all__ = ["MAX_BODY_BYTES", "Pending", "Spool", "SpoolStats"]

log = logging.getLogger(__name__)

HEAD_ROOM_BYTES = 512
MAX_BODY_BYTES = MAX_MESSAGE_BYTES - HEAD_ROOM_BYTES
"""A body larger than this would not fit into a message with its head."""
MEMORY_BYTES = 1_000_000
_RETRY_DISK_AFTER = 10
"""Batches kept in memory between two tries of a disk that refused one: five minutes at the usual interval."""


class SpoolStats(NamedTuple):
    """The spool in figures: bytes held, batches owed, batches lost since the start, whether disk is used."""

    bytes: int
    owed: int
    lost: int
    on_disk: bool


def _new_stream_id() -> str:
    return os.urandom(16).hex()


class Spool:
    """Batches that are owed to the collector. Thread-safe.

    A spool numbers its batches in one stream, from 1. Where damage leaves doubt about the last number, it
    begins a new stream rather than use a number twice; what the former streams still owe stays owed.

    Args:
        folder: of this spool alone.
        max_bytes: of all segments together.
        disk: the file system.

    Raises:
        SpoolInUse: another process holds the folder.
    """

    def __init__(self, folder: Path, *, max_bytes: int, disk: Disk | None = None) -> None:
        self.folder = folder
        self._max_bytes = max_bytes
        self._segment_bytes = max(1024, min(512 * 1024, max_bytes // 16))
        self._disk = disk or SystemDisk()
        self._memory = MemoryDisk()
        self._lock = threading.RLock()
        self._former: list[Stream] = []  # oldest first
        self._number = 0
        self._lost = 0
        self._in_memory: Stream | None = None
        self._until_retry = 0
        self._unlock: Callable[[], None] = lambda: None
        self._current = self._open()
        self._opened_after = self._current.last_seq

    @property
    def stream(self) -> str:
        """The id of the stream that `append` numbers in; changes only after damage or a failing disk."""
        with self._lock:
            return self._active.id

    @property
    def last_seq(self) -> int:
        """The last number given in `stream`; 0 before the first."""
        with self._lock:
            return self._active.last_seq

    @property
    def discarded_through(self) -> int | None:
        """Everything of `stream` up to here that was never confirmed is gone for good; None if nothing is."""
        return self.discarded(self.stream)

    @property
    def stats(self) -> SpoolStats:
        """Where the spool stands."""
        with self._lock:
            owed = sum(len(stream.pending()) for stream in self._all())
            return SpoolStats(self._bytes(), owed, self._lost, self._in_memory is None)

    def streams(self) -> tuple[str, ...]:
        """The ids of all streams that may owe something, the present one first, then the newest."""
        with self._lock:
            return (
                self._active.id,
                *(s.id for s in reversed(self._all()) if s is not self._active and not s.finished),
            )

    def append(self, body: bytes) -> int:
        """Keep `body` and return its number in `stream`; it is on the disk when this returns.

        Raises:
            ValueError: `body` is larger than `MAX_BODY_BYTES`.
        """
        if len(body) > MAX_BODY_BYTES:
            raise ValueError(f"a batch of {len(body)} bytes fits no message")
        return self._append(packing.pack(body))

    def read(self, seq: int, stream: str | None = None) -> bytes | None:
        """The body of batch `seq` of `stream` (the present one if not given), or None if it is not owed."""
        with self._lock:
            found = self._find(stream or self._active.id)
            try:
                kept = found.read(seq) if found else None
            except OSError as error:
                log.debug("batch %d cannot be read now: %s", seq, error)
                return None
        try:
            return packing.unpack(kept, MAX_BODY_BYTES) if kept is not None else None
        except ValueError as error:
            log.warning("batch %d of the spool cannot be unpacked: %s", seq, error)
            return None

    def pending(self, stream: str | None = None) -> Pending:
        """The numbers of `stream` (the present one if not given) that are owed, as they are now."""
        with self._lock:
            found = self._find(stream or self._active.id)
            return found.pending() if found else Pending([])

    def discarded(self, stream: str) -> int | None:
        """`discarded_through` of any stream."""
        with self._lock:
            found = self._find(stream)
            return found.discarded_through if found else None

    def confirm(self, confirm: Confirm) -> int:
        """Forget what the collector has on its disk; how many batches that were.

        A confirm of a stream that is not (or no more) here is none of ours and changes nothing.
        """
        with self._lock:
            stream = self._find(confirm.stream)
            if stream is None:
                return 0
            known = max([confirm.through, *(last for _, last in confirm.also)])
            if known > stream.last_seq and stream is self._current:
                self._number_anew(stream)
            confirmed = stream.confirm(confirm)
            if stream.finished:
                self._drop(stream)
            return confirmed

    def close(self) -> None:
        """Write down what was confirmed and let go of the folder. Nothing that is owed is lost by it."""
        with self._lock:
            for stream in self._all():
                stream.close()
            self._unlock()
            self._unlock = lambda: None

    @property
    def _active(self) -> Stream:
        return self._in_memory or self._current

    def _all(self) -> list[Stream]:
        return [*self._former, self._current] + ([self._in_memory] if self._in_memory else [])

    def _find(self, stream_id: str) -> Stream | None:
        return next((stream for stream in self._all() if stream.id == stream_id), None)

    def _bytes(self) -> int:
        return sum(stream.size_bytes for stream in self._all() if stream is not self._in_memory)

    def _open(self) -> Stream:
        """Load every stream of the folder; the newest goes on if it is whole, else a new one begins."""
        found: list[Stream] = []
        try:
            self._disk.make_folder(self.folder)
            self._unlock = self._disk.lock(self.folder / "lock")
        except OSError as error:
            self._disk_refused(error)
        for name in self._names():
            number, dash, stream_id = name.partition("-")
            if not dash or not number.isdigit() or len(stream_id) != 32:
                continue
            self._number = max(self._number, int(number))
            stream = self._stream(self._disk, self.folder / name, stream_id)
            try:
                stream.load()
            except (OSError, ValueError) as error:
                log.warning("%s cannot be read and is left alone: %s", name, error)
                continue
            found.append(stream)
        current = found.pop() if found and found[-1].whole else None
        if current is None and found:
            log.error("the spool was damaged; what can be read is sent, new batches begin a new stream")
        for stream in found:
            self._former.append(stream)
            if stream.finished:
                self._drop(stream)
        return current or self._new_stream()

    def _names(self) -> list[str]:
        try:
            return self._disk.names(self.folder)
        except OSError:
            return []

    def _stream(self, disk: Disk, folder: Path, stream_id: str) -> Stream:
        return Stream(disk, folder, stream_id, segment_bytes=self._segment_bytes)

    def _new_stream(self) -> Stream:
        self._number += 1
        stream_id = _new_stream_id()
        return self._stream(self._disk, self.folder / f"{self._number:06d}-{stream_id}", stream_id)

    def _append(self, kept: bytes) -> int:
        with self._lock:
            if self._in_memory is None or self._until_retry <= 0:
                try:
                    return self._append_to_disk(kept)
                except OSError as error:
                    self._disk_refused(error)
            self._until_retry -= 1
            return self._append_to_memory(kept)

    def _append_to_disk(self, kept: bytes) -> int:
        room = self._max_bytes - segments.RECORD_HEAD_BYTES - segments.HEAD_BYTES - 8 - len(kept)
        if self._in_memory is not None:
            self._save_memory()
        self._make_room(room)
        return self._current.append(kept)

    def _append_to_memory(self, kept: bytes) -> int:
        if self._in_memory is None:
            stream_id = _new_stream_id()
            self._in_memory = self._stream(self._memory, self.folder / f"memory-{stream_id}", stream_id)
        limit = min(MEMORY_BYTES, self._max_bytes)
        while self._in_memory.size_bytes > max(0, limit - len(kept)) and self._in_memory.size_bytes:
            self._count_lost(self._in_memory.discard_oldest())
        return self._in_memory.append(kept)

    def _disk_refused(self, error: OSError) -> None:
        if self._until_retry == 0 and self._in_memory is None:
            log.error(
                "%s: %s; batches are kept in memory until the disk takes them again", self.folder, error
            )
        self._until_retry = _RETRY_DISK_AFTER

    def _save_memory(self) -> None:
        """Move the stream that was kept in memory to the disk, under its own id and numbers."""
        stream = self._in_memory
        if stream is None:
            return
        self._make_room(self._max_bytes - stream.size_bytes)
        self._number += 1
        folder = self.folder / f"{self._number:06d}-{stream.id}"
        stream.close()
        saved = self._stream(self._disk, folder, stream.id)
        try:
            self._disk.make_folder(folder)
            for name in self._memory.names(stream.folder):
                self._disk.replace(folder / name, self._memory.read(stream.folder / name))
            saved.load()
        except OSError:
            with contextlib.suppress(OSError):
                saved.delete()
            raise
        self._former.append(saved)
        stream.delete()
        self._in_memory = None
        log.warning("%s: the disk takes batches again", self.folder)

    def _make_room(self, room: int) -> None:
        """Discard the oldest segments until all are within `room` bytes."""
        while self._bytes() > max(0, room):
            oldest = next(s for s in (*self._former, self._current) if s.size_bytes)
            self._count_lost(oldest.discard_oldest())
            if oldest is not self._current and oldest.finished:
                self._drop(oldest)

    def _count_lost(self, batches: int) -> None:
        if batches and not self._lost:
            log.warning("the spool is full; the oldest batches are given up from now on")
        self._lost += batches

    def _drop(self, stream: Stream) -> None:
        """A former stream that owes nothing goes for good."""
        if stream not in self._former:
            return
        self._former.remove(stream)
        try:
            stream.delete()
        except OSError as error:
            log.debug("%s stays for now: %s", stream.folder, error)

    def _number_anew(self, stream: Stream) -> None:
        """The collector has numbers that we never gave: an older copy of this spool was put back.

        Whatever was numbered since the spool was opened may have been taken for something else, so it
        is numbered anew in a new stream.
        """
        log.error("the collector knows more of this spool than it holds: an old copy? A new stream begins")
        again = [seq for seq in stream.pending() if seq > self._opened_after]
        bodies = [stream.read(seq) for seq in again]
        stream.confirm(Confirm(stream.id, 0, tuple((seq, seq) for seq in again)))
        self._former.append(stream)
        self._current = self._new_stream()
        self._opened_after = 0
        for kept in bodies:
            if kept is not None:
                self._append(kept)
