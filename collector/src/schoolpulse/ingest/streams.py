"""Which batches of which stream are on disk: one persisted `SeqSet` a stream, owned by its agent.

A stream is known by its agent *and* its id, so that nobody can claim, confirm or spoil another agent's.
Changes are made on copies in a `Draft` and taken over only once the transaction that holds them is on disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

from schoolpulse.contract.reasons import Reason
from schoolpulse.errors import Rejected
from schoolpulse_agent.wire import SeqSet

MAX_STREAMS = 200_000
MAX_STREAMS_PER_AGENT = 64
"""An agent makes a stream with its spool, so it has one. Of more, the longest silent is forgotten."""
MAX_RANGES = 1_024
"""Ranges above `through` in one stream; what would open one more has to wait until gaps are filled."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS streams (
    agent_id TEXT NOT NULL, stream TEXT NOT NULL,
    through INTEGER NOT NULL, also TEXT NOT NULL,
    last_seq INTEGER NOT NULL, discarded INTEGER NOT NULL, last_received_ms INTEGER NOT NULL,
    PRIMARY KEY (agent_id, stream)
) WITHOUT ROWID;
"""

_SAVE = "INSERT OR REPLACE INTO streams VALUES (?, ?, ?, ?, ?, ?, ?)"


@dataclass(frozen=True, slots=True)
class StreamFigures:
    """A stream as the page and the reports see it.

    `missing` counts the numbers up to `last_seq` that neither came nor were declared discarded: they
    are on their way, or lost. `discarded` counts those that the agent said it had to throw away.
    """

    agent_id: str
    stream: str
    through: int
    last_seq: int
    missing: int
    discarded: int
    last_received_ms: int


class _State:
    __slots__ = ("discarded", "last_received_ms", "last_seq", "seqs")

    def __init__(self, seqs: SeqSet, last_seq: int, discarded: int, last_received_ms: int) -> None:
        self.seqs = seqs
        self.last_seq = last_seq
        self.discarded = discarded
        self.last_received_ms = last_received_ms

    def copy(self) -> _State:
        return _State(self.seqs.copy(), self.last_seq, self.discarded, self.last_received_ms)


class Streams:
    """Every stream, in memory, as the database has it."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._agents: dict[str, dict[str, _State]] = {}
        self._count = 0
        rows = connection.execute(
            "SELECT agent_id, stream, through, also, last_seq, discarded, last_received_ms FROM streams"
        )
        for agent_id, stream, through, also, last_seq, discarded, received_ms in rows:
            seqs = SeqSet(through, json.loads(also))
            self._put(agent_id, stream, _State(seqs, last_seq, discarded, received_ms))

    def __len__(self) -> int:
        return self._count

    def held(self, agent_id: str, stream: str) -> SeqSet | None:
        """What the journal has of a stream; not to be changed by the caller."""
        state = self._agents.get(agent_id, {}).get(stream)
        return None if state is None else state.seqs

    def figures(self) -> Iterator[StreamFigures]:
        """Every stream's figures, over a copy of the list taken now."""
        for agent_id, streams in list(self._agents.items()):
            for stream, state in list(streams.items()):
                yield StreamFigures(
                    agent_id,
                    stream,
                    state.seqs.through,
                    state.last_seq,
                    state.seqs.missing_through(state.last_seq),
                    state.discarded,
                    state.last_received_ms,
                )

    def _put(self, agent_id: str, stream: str, state: _State) -> None:
        streams = self._agents.setdefault(agent_id, {})
        self._count += stream not in streams
        streams[stream] = state

    def _drop(self, agent_id: str, stream: str) -> None:
        self._count -= self._agents[agent_id].pop(stream, None) is not None


class Draft:
    """Changes to the streams that belong to one transaction."""

    def __init__(self, streams: Streams) -> None:
        self._streams = streams
        self._changed: dict[tuple[str, str], _State] = {}
        self._forgotten: list[tuple[str, str]] = []
        self._born: dict[str, int] = {}
        self.discarded = 0

    @property
    def touched(self) -> list[tuple[str, str]]:
        """The agent and stream of every batch that was offered, new or not."""
        return list(self._changed)

    def take(
        self, agent_id: str, stream: str, seq: int, discarded_through: int | None, received_ms: int
    ) -> bool:
        """Note a batch; whether it is one that the stream did not have yet.

        Raises:
            Rejected: there is no room for another stream, or for another gap in this one.
        """
        state = self._state(agent_id, stream)
        seqs = state.seqs
        new = seq not in seqs
        if new:
            if seqs.range_count >= MAX_RANGES and seq - 1 not in seqs and seq + 1 not in seqs:
                raise Rejected(Reason.TOO_MANY_GAPS, stream)
            seqs.add(seq)
            state.last_seq = max(state.last_seq, seq)
            state.last_received_ms = received_ms
        if discarded_through is not None and discarded_through > seqs.through:
            # A number that was never sent cannot have been discarded.
            through = min(discarded_through, state.last_seq)
            gone = seqs.missing_through(through)
            seqs.advance(through)
            state.discarded += gone
            self.discarded += gone
        return new

    def save(self, connection: sqlite3.Connection) -> None:
        """Write the changes into the open transaction."""
        if self._forgotten:
            connection.executemany("DELETE FROM streams WHERE agent_id=? AND stream=?", self._forgotten)
        if self._changed:
            connection.executemany(
                _SAVE,
                [
                    (
                        agent_id,
                        stream,
                        state.seqs.through,
                        json.dumps(state.seqs.also, separators=(",", ":"))
                        if state.seqs.range_count
                        else "[]",
                        state.last_seq,
                        state.discarded,
                        state.last_received_ms,
                    )
                    for (agent_id, stream), state in self._changed.items()
                ],
            )

    def apply(self) -> None:
        """Take the changes over: they are on disk."""
        for agent_id, stream in self._forgotten:
            self._streams._drop(agent_id, stream)  # noqa: SLF001 - the two classes are one thing
        for (agent_id, stream), state in self._changed.items():
            self._streams._put(agent_id, stream, state)  # noqa: SLF001 - the same

    def _state(self, agent_id: str, stream: str) -> _State:
        state = self._changed.get((agent_id, stream))
        if state is None:
            # A stream forgotten in this very draft cannot come back in it, or it would be dropped at last.
            if (agent_id, stream) in self._forgotten:
                raise Rejected(Reason.TOO_MANY_STREAMS)
            known = self._streams._agents.get(agent_id, {})  # noqa: SLF001 - the same
            state = known[stream].copy() if stream in known else self._new(agent_id, known)
            self._changed[agent_id, stream] = state
        return state

    def _new(self, agent_id: str, known: dict[str, _State]) -> _State:
        born = self._born.get(agent_id, 0)
        forgotten = {stream for agent, stream in self._forgotten if agent == agent_id}
        if len(known) + born - len(forgotten) >= MAX_STREAMS_PER_AGENT:
            idle = [
                (state.last_received_ms, stream)
                for stream, state in known.items()
                if stream not in forgotten and (agent_id, stream) not in self._changed
            ]
            if not idle:
                raise Rejected(Reason.TOO_MANY_STREAMS)
            self._forgotten.append((agent_id, min(idle)[1]))
        elif len(self._streams) + sum(self._born.values()) >= MAX_STREAMS:
            raise Rejected(Reason.TOO_MANY_STREAMS)
        self._born[agent_id] = born + 1
        return _State(SeqSet(), 0, 0, 0)
