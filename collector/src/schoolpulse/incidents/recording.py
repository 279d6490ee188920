"""Recorded traffic, a JSON line a message, and its way through an engine offline.

A line is ``{"at":ms,"topic":"..","payload":{..}|"..","retain":false}``; a payload that was no JSON stands
as text. An empty topic is the collector's own connection, its payload ``{"connected":true|false}``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from schoolpulse.contract.decode import decode
from schoolpulse.contract.models import Telemetry
from schoolpulse.errors import Rejected
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import Heard, beat, evidence_of
from schoolpulse.incidents.model import Incident, Transition
from schoolpulse.messages import Link, Received, Sign, sign_of
from schoolpulse_agent import wire

_LINE = re.compile(
    rb'\{"at":(\d{1,15}),"topic":"([^"\\]*)","payload":(.*),"retain":(true|false)\}\s*\Z', re.DOTALL
)
# A heartbeat as `wire` writes it, with a head that the contract allows; anything else is read the long way.
_BEAT = re.compile(
    rb'\{"at":(\d{1,15}),"topic":"'
    + wire.TOPIC_PREFIX.encode()
    + rb'/([a-z0-9-]{1,64})/telemetry","payload":'
    rb'\{"v":1,"stream":"([A-Za-z0-9_-]{1,64})","seq":([1-9]\d{0,17}),"sent_at":([1-9]\d{0,14}),'
    rb'"boot":"([A-Za-z0-9_-]{1,64})","clock":"(synced|repaired|unsynced)","blocks":\[\]\},"retain":false\}\n'
)
MAX_LINE_BYTES = 4 * wire.MAX_MESSAGE_BYTES


class Line(NamedTuple):
    """One line: a message as it came in."""

    at_ms: int
    topic: str
    payload: bytes
    retained: bool


def split_line(text: bytes) -> Line:
    """The parts of one line.

    Raises:
        ValueError: it is none.
    """
    if len(text) > MAX_LINE_BYTES:
        raise ValueError("the line is too long")
    found = _LINE.match(text)
    if found is not None and not found[3].startswith(b'"'):
        return Line(int(found[1]), found[2].decode(), found[3], found[4] == b"true")
    # Any order of keys, any white space, payloads that are text.
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError("a line of a recording is an object")
    at_ms, topic, payload = value.get("at"), value.get("topic"), value.get("payload")
    if type(at_ms) is not int or not isinstance(topic, str):
        raise ValueError("a line of a recording has a time and a topic")
    data = payload.encode() if isinstance(payload, str) else wire.dumps(payload)
    return Line(at_ms, topic, data, bool(value.get("retain")))


def read_line(text: bytes, position: int) -> Received:
    """The message in one line of a recording.

    Raises:
        ValueError: it is no such line.
        Rejected: the message in it breaks the contract.
    """
    return _read(split_line(text), position)


def _read(line: Line, position: int) -> Received:
    if not line.topic:
        connected = json.loads(line.payload)["connected"]
        return Received(position, line.at_ms, "", Link(connected=bool(connected)))
    decoded = decode(line.topic, line.payload, line.at_ms)
    return Received(position, line.at_ms, decoded.agent_id, decoded.body, line.retained)


def heartbeat(text: bytes) -> Heard | None:
    """The evidence in a line, where it is nothing but a heartbeat, as almost all are; else None.

    The same that `read_line` and `evidence_of` find, in a fifth of the time.
    """
    found = _BEAT.fullmatch(text)
    if found is None:
        return None
    at_ms, agent_id, stream, seq, sent_ms, boot, clock = found.groups()
    return beat(
        int(at_ms),
        agent_id.decode(),
        int(sent_ms),
        stream.decode(),
        int(seq),
        boot.decode(),
        timed=clock != b"unsynced",
    )


class Replay:
    """Lets an engine hear a recording, as the journal would: in order, each batch once, poison put aside."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.events = 0
        self.rejected: Counter[str] = Counter()
        self.duplicates = 0
        self.last_ms = 0
        self.incidents: dict[str, Incident] = {}
        self.transitions = 0
        self._seen: dict[tuple[str, str], wire.SeqSet] = {}

    def run(self, lines: Iterable[bytes]) -> None:
        """Hear every line.

        Raises:
            ValueError: a line is no line of a recording; the text names it.
        """
        apply = self.engine.apply
        for text in lines:
            self.events += 1
            heard = heartbeat(text)
            if heard is None:
                self._hear_line(text)
            elif self._is_new(heard.agent_id, heard.stream, heard.seq):
                self.last_ms = max(self.last_ms, heard.received_ms)
                if transitions := apply(heard):
                    self._note(transitions)

    def hear(self, message: Received) -> None:
        """Hear one message."""
        event = evidence_of(message)
        self.last_ms = max(self.last_ms, message.received_ms)
        if event is not None and (transitions := self.engine.apply(event)):
            self._note(transitions)

    def finish(self) -> None:
        """Fire what is due at the last message's time."""
        self._note(self.engine.advance(self.last_ms))

    def _hear_line(self, text: bytes) -> None:
        try:
            line = split_line(text)
            try:
                message = _read(line, self.events)
            except Rejected as rejected:
                self.rejected[rejected.reason] += 1
                said = sign_of(line.topic, rejected)
                if said is None:
                    return
                message = Received(self.events, line.at_ms, said[0], said[1], line.retained)
        except (ValueError, TypeError, KeyError) as error:
            raise ValueError(f"line {self.events}: {error}") from error
        body = message.body
        if isinstance(body, Telemetry | Sign) and body.seq:
            if not self._is_new(message.agent_id, body.stream, body.seq):
                return
            if isinstance(body, Telemetry) and body.discarded_through is not None:
                # As the journal does: a number that was never sent cannot have been discarded.
                seen = self._seen[message.agent_id, body.stream]
                seen.advance(min(body.discarded_through, max([seen.through, *(end for _, end in seen.also)])))
        self.hear(message)

    def _is_new(self, agent_id: str, stream: str, seq: int) -> bool:
        """Whether that batch did not come yet."""
        seen = self._seen.get((agent_id, stream))
        if seen is None:
            seen = self._seen[agent_id, stream] = wire.SeqSet()
        if seq != seen.through + 1 and seq in seen:
            self.duplicates += 1
            return False
        seen.add(seq)
        return True

    def _note(self, transitions: list[Transition]) -> None:
        for transition in transitions:
            self.incidents[transition.incident.id] = transition.incident
        self.transitions += len(transitions)
