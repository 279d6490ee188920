"""Recorded traffic, a JSON line a message, and its way through an engine offline.

A line is ``{"at":ms,"topic":"..","payload":{..}|"..","retain":false}``; a payload that was no JSON stands
as text. An empty topic is the collector's own connection, its payload ``{"connected":true|false}``.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterable

from schoolpulse.contract.decode import decode
from schoolpulse.contract.models import Telemetry
from schoolpulse.errors import Rejected
from schoolpulse.incidents.engine import Engine
from schoolpulse.incidents.evidence import evidence_of
from schoolpulse.incidents.model import Incident, Transition
from schoolpulse.messages import Link, Received
from schoolpulse_agent import wire

_LINE = re.compile(
    rb'\{"at":(\d{1,15}),"topic":"([^"\\]*)","payload":(.*),"retain":(true|false)\}\s*\Z', re.DOTALL
)
MAX_LINE_BYTES = 4 * wire.MAX_MESSAGE_BYTES


def read_line(line: bytes, position: int) -> Received:
    """The message in one line of a recording.

    Raises:
        ValueError: it is no such line.
        Rejected: the message in it breaks the contract.
    """
    if len(line) > MAX_LINE_BYTES:
        raise ValueError("the line is too long")
    found = _LINE.match(line)
    if found is not None and not found[3].startswith(b'"'):
        at_ms, topic, payload, retain = int(found[1]), found[2].decode(), found[3], found[4] == b"true"
    else:
        at_ms, topic, payload, retain = _read_slowly(line)
    if not topic:
        connected = json.loads(payload)["connected"]
        return Received(position, at_ms, "", Link(connected=bool(connected)))
    decoded = decode(topic, payload, at_ms)
    return Received(position, at_ms, decoded.agent_id, decoded.body, retain)


def _read_slowly(line: bytes) -> tuple[int, str, bytes, bool]:
    """Any order of keys, any white space, payloads that are text."""
    value = json.loads(line)
    if not isinstance(value, dict):
        raise ValueError("a line of a recording is an object")
    at_ms, topic, payload = value.get("at"), value.get("topic"), value.get("payload")
    if type(at_ms) is not int or not isinstance(topic, str):
        raise ValueError("a line of a recording has a time and a topic")
    data = payload.encode() if isinstance(payload, str) else wire.dumps(payload)
    return at_ms, topic, data, bool(value.get("retain"))


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
        self._seen: dict[str, wire.SeqSet] = {}

    def run(self, lines: Iterable[bytes]) -> None:
        """Hear every line.

        Raises:
            ValueError: a line is no line of a recording; the text names it.
        """
        for number, line in enumerate(lines, start=self.events + 1):
            self.events = number
            try:
                message = read_line(line, number)
            except Rejected as rejected:
                self.rejected[rejected.reason] += 1
                continue
            except (ValueError, TypeError, KeyError) as error:
                raise ValueError(f"line {number}: {error}") from error
            if not self._is_duplicate(message):
                self.hear(message)

    def hear(self, message: Received) -> None:
        """Hear one message."""
        event = evidence_of(message)
        self.last_ms = max(self.last_ms, message.received_ms)
        if event is not None and (transitions := self.engine.apply(event)):
            self._note(transitions)

    def finish(self) -> None:
        """Fire what is due at the last message's time."""
        self._note(self.engine.advance(self.last_ms))

    def _note(self, transitions: list[Transition]) -> None:
        for transition in transitions:
            self.incidents[transition.incident.id] = transition.incident
        self.transitions += len(transitions)

    def _is_duplicate(self, message: Received) -> bool:
        body = message.body
        if not isinstance(body, Telemetry):
            return False
        key = f"{message.agent_id}/{body.stream}"
        seen = self._seen.get(key)
        if seen is None:
            seen = self._seen[key] = wire.SeqSet()
        seq = body.seq
        if seq != seen.through + 1 and seq in seen:
            self.duplicates += 1
            return True
        seen.add(seq)
        return False
