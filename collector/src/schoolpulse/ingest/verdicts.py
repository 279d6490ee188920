"""What becomes of each message of a group, worked out in memory before the transaction that holds it."""

from __future__ import annotations

import hashlib
import sqlite3

from schoolpulse.contract.decode import Decoded, address
from schoolpulse.contract.models import Body, Telemetry
from schoolpulse.errors import Rejected, RejectedBatch
from schoolpulse.ingest.dead_letters import DeadLetter
from schoolpulse.ingest.incoming import Fate, Incoming
from schoolpulse.ingest.streams import Draft, Streams
from schoolpulse.messages import Link, Received, Sign, sign_of
from schoolpulse_agent.wire import Kind

KINDS = {1: Kind.TELEMETRY, 2: Kind.STATE, 3: Kind.BIRTH, 4: Kind.REPLY}
"""The journal's numbers for the kinds; 0 is a `Link`, 5 a `Sign`."""
_NUMBERS = {kind: number for number, kind in KINDS.items()}
_LINK = 0
SIGN = 5
_TELEMETRY = _NUMBERS[Kind.TELEMETRY]

SCHEMA = """
CREATE TABLE IF NOT EXISTS latest (
    agent_id TEXT NOT NULL, kind INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (agent_id, kind)
) WITHOUT ROWID;
"""

_Key = tuple[str, int]


MAX_LATEST = 400_000
"""Of agents beyond these, a copy from the broker is journalled each time that it comes."""


class Latest:
    """A digest of the last message of each agent and kind but telemetry, to know the broker's copies by."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.digests: dict[_Key, bytes] = {
            (agent_id, kind): digest
            for agent_id, kind, digest in connection.execute("SELECT agent_id, kind, digest FROM latest")
        }


class Group:
    """The messages of one commit: rows for the journal, letters for quarantine, a fate for each.

    What goes to quarantine leaves a sign in the journal that its agent spoke.

    Args:
        streams: what is on disk of each stream.
        latest: what came last of each agent and kind.
        position: the last position given.
        floor_ms: no message of this group may count as received before it.
    """

    def __init__(self, streams: Streams, latest: Latest, position: int, floor_ms: int) -> None:
        self.draft = Draft(streams)
        self.position = position
        self.floor_ms = floor_ms
        self.fates: list[Fate] = []
        self.rows: list[tuple[int, int, str, int, int, bytes]] = []
        self.accepted: list[Received] = []
        self.letters: list[DeadLetter] = []
        self.duplicates = 0
        self.signs = 0
        self._glimpsed: set[str] = set()
        self._latest = latest
        self._new_latest: dict[_Key, bytes] = {}

    def judge(self, message: Incoming) -> None:
        """Decide what becomes of `message`, after all before it."""
        verdict = message.verdict
        try:
            if isinstance(verdict, Decoded):
                fate = self._judge_decoded(message, verdict)
            elif isinstance(verdict, Link):
                self._accept(message, "", _LINK, verdict)
                fate = Fate.JOURNALLED
            else:
                fate = self._judge_rejected(message, verdict)
        except Rejected as rejected:
            fate = self._put_aside(message, rejected)
        self.fates.append(fate)

    def save_latest(self, connection: sqlite3.Connection) -> None:
        """Write the digests into the open transaction."""
        if self._new_latest:
            connection.executemany(
                "INSERT OR REPLACE INTO latest VALUES (?, ?, ?)",
                [(agent_id, kind, digest) for (agent_id, kind), digest in self._new_latest.items()],
            )

    def apply_latest(self) -> None:
        """Take the digests over: they are on disk."""
        self._latest.digests.update(self._new_latest)

    def _judge_decoded(self, message: Incoming, decoded: Decoded) -> Fate:
        agent_id, body = decoded.agent_id, decoded.body
        if isinstance(body, Telemetry):
            if not self.draft.take(
                agent_id, body.stream, body.seq, body.discarded_through, message.received_ms
            ):
                self.duplicates += 1
                return Fate.DUPLICATE
            self._accept(message, agent_id, _TELEMETRY, body)
            return Fate.JOURNALLED
        key = (agent_id, _NUMBERS[decoded.kind])
        digest = hashlib.blake2b(message.payload, digest_size=12).digest()
        if message.retained or message.again:
            known = self._new_latest.get(key) or self._latest.digests.get(key)
            if known == digest:
                return Fate.REPEATED
        if key in self._latest.digests or len(self._latest.digests) < MAX_LATEST:
            self._new_latest[key] = digest
        self._accept(message, agent_id, key[1], body)
        return Fate.JOURNALLED

    def _judge_rejected(self, message: Incoming, rejected: Rejected) -> Fate:
        if isinstance(rejected, RejectedBatch):
            agent_id, _ = address(message.topic)
            # Its number is taken like any other's, so that its agent is told and stops sending it.
            if not self.draft.take(agent_id, rejected.stream, rejected.seq, None, message.received_ms):
                self.duplicates += 1
                return Fate.DUPLICATE
        return self._put_aside(message, rejected)

    def _put_aside(self, message: Incoming, rejected: Rejected) -> Fate:
        self.letters.append(
            DeadLetter(
                message.received_ms,
                rejected.reason,
                rejected.detail,
                message.topic,
                message.payload,
                message.size or len(message.payload),
            )
        )
        sign = None if isinstance(message.verdict, Link) else sign_of(message.topic, message.verdict)
        # A flood of what cannot be read says no more than its first.
        if sign is not None and (sign[1].seq or sign[0] not in self._glimpsed):
            if not sign[1].seq:
                self._glimpsed.add(sign[0])
            self.signs += 1
            self._accept(message._replace(payload=sign[1].dumps()), sign[0], SIGN, sign[1])
        return Fate.QUARANTINED

    def _accept(self, message: Incoming, agent_id: str, kind: int, body: Body | Link | Sign) -> None:
        self.position += 1
        self.floor_ms = received_ms = max(self.floor_ms, message.received_ms)
        self.rows.append((self.position, received_ms, agent_id, kind, int(message.retained), message.payload))
        self.accepted.append(Received(self.position, received_ms, agent_id, body, message.retained))
