"""The journal: every message on disk before anybody is told that it arrived.

One SQLite file in WAL mode with ``synchronous=FULL``: a group of messages, the numbers of their batches,
what goes to quarantine and the sinks' cursors are one transaction, so that after a power cut all of them
tell the same story. Nothing is dropped for want of room: a commit that does not fit raises `JournalFull`.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from schoolpulse.clock import Clock
from schoolpulse.contract.decode import Decoded
from schoolpulse.errors import JournalFull, Rejected
from schoolpulse.ingest import journal_file, verdicts
from schoolpulse.ingest.dead_letters import DeadLetter, DeadLetters
from schoolpulse.ingest.incoming import Committed, Incoming
from schoolpulse.ingest.lock import JournalLock
from schoolpulse.ingest.streams import StreamFigures, Streams
from schoolpulse.ingest.tail import Tail
from schoolpulse.messages import Link, Received, Sign
from schoolpulse.metrics import Metrics
from schoolpulse_agent import wire

_log = logging.getLogger(__name__)

TAIL_MESSAGES = 6_000
TAIL_BYTES = 4 * 1024 * 1024
"""Of payload, which decoded are six times as many in memory."""
TRIM_MESSAGES = 5_000
READ_BYTES = 600 * 1024
"""Of payload in one read: some 9,000 points, two requests to InfluxDB."""


class Journal:
    """The collector's memory between the broker and the sinks. Every method may be called by any thread.

    Args:
        path: the file; made where it does not exist. One that is damaged is moved aside. A lock beside it
            keeps a second journal from it.
        max_bytes: how large the file may become before commits are refused.
        metrics: where to count.
        clock: for where a new journal starts to count positions, nothing else.

    Raises:
        UsageError: another collector works on it.
        JournalFull: the file cannot be opened.
    """

    def __init__(self, path: Path, *, max_bytes: int, metrics: Metrics, clock: Clock) -> None:
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._lock = threading.Lock()
        self._read_lock = threading.Lock()
        self._held = JournalLock(path)
        try:
            self._writer = journal_file.open_writer(path, clock.now_ms())
        except BaseException:
            self._held.release()
            raise
        self._reader = journal_file.open_reader(path)
        self._streams = Streams(self._writer)
        self._dead = DeadLetters(self._writer)
        self._latest = verdicts.Latest(self._writer)
        self._cursors: dict[str, int] = dict(self._writer.execute("SELECT sink, position FROM cursors"))
        self._dirty_cursors: set[str] = set()
        self._first, self._last, self._floor_ms = journal_file.bounds(self._writer)
        self._tail = Tail(TAIL_MESSAGES, TAIL_BYTES)
        self._listeners: list[Callable[[], None]] = []
        self._unreadable: set[int] = set()
        self._note_size()
        metrics.journal_position.set(self._last)

    def close(self) -> None:
        """Save what is not saved yet and let go of the file."""
        with self._lock, self._read_lock:
            try:
                with self._transaction():
                    pass
            except JournalFull as error:
                _log.warning("the sinks' cursors were not saved: %s", error)
            self._reader.close()
            self._writer.close()
            self._held.release()

    # -- writing -----------------------------------------------------------------------------------

    def commit(self, incoming: Sequence[Incoming]) -> Committed:
        """Make `incoming` durable, in this order, or nothing of it.

        Returns:
            A fate for each, and the streams whose agents want a confirm (also of what came twice).

        Raises:
            JournalFull: nothing was taken; the same may be tried again.
        """
        with self._lock:
            size = sum(len(message.payload) for message in incoming)
            if self.used_bytes() + size > self._max_bytes:
                raise JournalFull(
                    f"the journal has reached its limit of {self._max_bytes} bytes",
                    hint="a sink is behind (see schoolpulse_sink_failing), or max_journal_bytes is small",
                )
            group = verdicts.Group(self._streams, self._latest, self._last, self._floor_ms)
            for message in incoming:
                group.judge(message)
            with self._transaction():
                journal_file.insert(self._writer, group.rows)
                self._dead.add(group.letters)
                group.draft.save(self._writer)
                group.save_latest(self._writer)
            group.draft.apply()
            group.apply_latest()
            self._last, self._floor_ms = group.position, group.floor_ms
            self._tail.extend(group.accepted, [len(row[5]) for row in group.rows])
            self._count(group)
        for listener in self._listeners:
            listener()
        return Committed(group.fates, group.draft.touched)

    def put_aside(self, reason: str, detail: str, source: str, payload: bytes, received_ms: int = 0) -> None:
        """Put something into quarantine that is no message of its own: a point that the store refused.

        Raises:
            JournalFull: it is not on disk.
        """
        letter = DeadLetter(received_ms or self._floor_ms, reason, detail, source, payload, len(payload))
        with self._lock:
            with self._transaction():
                self._dead.add([letter])
            self._metrics.quarantined.labels(letter.reason).inc()

    # -- reading -----------------------------------------------------------------------------------

    @property
    def last_position(self) -> int:
        """The newest position; of an empty journal the one before its first."""
        return self._last

    def backlog(self, position: int) -> int:
        """How many messages a reader at `position` has before it."""
        return max(0, self._last - max(position, self._first - 1))

    def crowded_by(self, position: int) -> bool:
        """Whether a reader at `position` will soon find its messages on disk only, to be decoded again.

        Not so for one that has come to that already.
        """
        return self._tail.crowded_by(position)

    def read(self, after: int, limit: int) -> Sequence[Received]:
        """Up to `limit` messages with positions above `after`, in order; fewer where they are large."""
        found = self._tail.after(after, limit, READ_BYTES)
        while found is None:
            with self._read_lock:
                rows = journal_file.select(self._reader, after, limit, READ_BYTES)
            if not rows:
                return ()
            found = [message for row in rows if (message := self._decoded(row)) is not None] or None
            after = rows[-1][0]
        return found

    def raw(self, position: int) -> tuple[str, bytes]:
        """The topic and payload of the message at `position`; both empty where it is gone."""
        with self._read_lock:
            rows = journal_file.select(self._reader, position - 1, 1, READ_BYTES)
        if not rows or rows[0][0] != position:
            return "", b""
        _, _, agent_id, kind, _, payload = rows[0]
        known = verdicts.KINDS.get(kind)
        return (wire.topic(agent_id, known) if known else ""), payload

    def promise(self, now_ms: int) -> int:
        """A watermark: whatever is committed from now on will count as received at it or later.

        Args:
            now_ms: the clock, or the receipt of the oldest message that waits for its commit.
        """
        with self._lock:
            self._floor_ms = max(self._floor_ms, now_ms)
            return self._floor_ms

    def on_commit(self, listener: Callable[[], None]) -> None:
        """Call `listener` after each commit, from the committing thread; it must not wait."""
        self._listeners.append(listener)

    # -- sinks ---------------------------------------------------------------------------------------

    def cursor(self, sink: str) -> int:
        """Where `sink` stands, for sinks that keep no cursor of their own; 0 at first."""
        return self._cursors.get(sink, 0)

    def set_cursor(self, sink: str, position: int) -> None:
        """Note where `sink` stands. It is on disk with the next transaction; a crash may forget the last."""
        with self._lock:
            self._cursors[sink] = position
            self._dirty_cursors.add(sink)

    def trim(self, through: int) -> int:
        """Forget a bounded number of messages up to `through`; how many. Call again while it is not 0.

        Raises:
            JournalFull: the disk does not take even that.
        """
        with self._lock:
            # The newest stays, so that positions and receipt times go on from it after a restart.
            through = min(through, self._last - 1, self._first + TRIM_MESSAGES - 1)
            count = max(0, through - self._first + 1)
            if count or self._dirty_cursors:
                with self._transaction():
                    journal_file.delete(self._writer, through)
                self._first += count
                self._note_size()
            return count

    # -- figures -------------------------------------------------------------------------------------

    def used_bytes(self) -> int:
        """Bytes of the file that hold something."""
        return journal_file.used_bytes(self._writer)

    def streams(self) -> list[StreamFigures]:
        """Every stream with its gaps."""
        with self._lock:
            return list(self._streams.figures())

    def confirms(self, agent_id: str, stream: str) -> list[bytes]:
        """The `confirm` of what is on disk of a stream: one, more where its ranges do not fit into one."""
        with self._lock:
            held = self._streams.held(agent_id, stream)
            if held is None:
                return []
            through, ranges = held.through, held.also
        pieces = range(0, max(1, len(ranges)), wire.MAX_CONFIRM_RANGES)
        return [
            wire.confirm_message(stream, wire.SeqSet(through, ranges[at : at + wire.MAX_CONFIRM_RANGES]))
            for at in pieces
        ]

    def dead_letters(self, limit: int = 100, before: int | None = None) -> list[DeadLetter]:
        """Quarantine, the newest first; `before` an id, for the next page."""
        with self._lock:
            return self._dead.newest(limit, before)

    def dead_letter_counts(self) -> dict[str, int]:
        """How much ever went to quarantine, by reason."""
        with self._lock:
            return dict(self._dead.counts)

    # -- inside --------------------------------------------------------------------------------------

    def _transaction(self) -> journal_file.Transaction:
        """One transaction, which takes the cursors along; the lock is held by the caller."""
        cursors = [(sink, self._cursors[sink]) for sink in self._dirty_cursors]
        return journal_file.Transaction(
            self._writer, cursors, on_commit=self._dirty_cursors.clear, on_rollback=self._dead.reload
        )

    def _decoded(self, row: journal_file.Row) -> Received | None:
        position, received_ms, agent_id, kind, retained, payload = row
        try:
            known = verdicts.KINDS.get(kind)
            if kind == verdicts.SIGN:
                return Received(position, received_ms, agent_id, Sign.loads(payload), bool(retained))
            if known is None:
                return Received(position, received_ms, "", Link(payload == b"1"))
            verdict = Incoming.of(wire.topic(agent_id, known), payload, received_ms).verdict
            if isinstance(verdict, Rejected):
                raise verdict
            assert isinstance(verdict, Decoded)  # noqa: S101 - a Link has no topic
        except Rejected as rejected:
            # Taken by an earlier version, refused by this one: to quarantine with it, once.
            if position not in self._unreadable:
                self._unreadable.add(position)
                self.put_aside(rejected.reason, rejected.detail, f"journal:{agent_id}", payload, received_ms)
            return None
        return Received(position, received_ms, agent_id, verdict.body, bool(retained))

    def _count(self, group: verdicts.Group) -> None:
        metrics = self._metrics
        metrics.journalled.inc(len(group.rows) - group.signs)
        metrics.duplicates.inc(group.duplicates)
        metrics.discarded_batches.inc(group.draft.discarded)
        for letter in group.letters:
            metrics.quarantined.labels(letter.reason).inc()
        metrics.journal_position.set(self._last)
        self._note_size()

    def _note_size(self) -> None:
        self._metrics.journal_bytes.set(self.used_bytes())
