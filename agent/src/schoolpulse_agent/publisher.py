"""Hands the spool's batches to the collector, over and over, until it says that it has them.

A broker's acknowledgement proves nothing (it may drop what it queued), so only the collector's `confirm`
lets a batch be forgotten. One thread does everything: it connects, sends, listens and waits.
"""

from __future__ import annotations

import contextlib
import json
import logging
import random as random_module
import socket
import threading
from typing import Any, Callable

from schoolpulse_agent import wire
from schoolpulse_agent.backoff import Backoff
from schoolpulse_agent.clock import Clock, SystemClock, boot_id
from schoolpulse_agent.connection import Connection, ConnectionLost
from schoolpulse_agent.errors import AgentError
from schoolpulse_agent.sessions import Sessions
from schoolpulse_agent.settings import BatchSettings, BrokerSettings
from schoolpulse_agent.spool import Spool
from schoolpulse_agent.window import Window

log = logging.getLogger(__name__)

_SHORTEST_STEP_S = 0.01
_LONGEST_STEP_S = 5.0
_GOODBYE_S = 5.0
_STEADY_S = 30.0
"""A connection that lived so long was a good one: the back-off begins anew."""
_HURRY_S = 1.0


class Publisher:
    """Sends what the spool holds, from `start` to `stop`.

    Args:
        settings: the broker.
        agent_id: names the topics and the MQTT client.
        spool: what is owed.
        birth: makes the birth message for a session number.
        batch: limits and times of sending.
        boot: the boot id; the machine's own if not given.
        sessions: gives session numbers; kept beside the spool if not given.
        on_command: called with a `command` payload, returns the `reply` payloads.
        clock: wall and steady clock.
        random: spreads reconnects and repeats.
    """

    def __init__(  # noqa: PLR0913  # the seams are keyword-only, each with its default
        self,
        settings: BrokerSettings,
        agent_id: str,
        spool: Spool,
        birth: Callable[[int], dict[str, Any]],
        *,
        batch: BatchSettings | None = None,
        boot: str | None = None,
        sessions: Sessions | None = None,
        on_command: Callable[[bytes], list[bytes]] | None = None,
        clock: Clock | None = None,
        random: random_module.Random | None = None,
    ) -> None:
        self._settings = settings
        self._agent_id = agent_id
        self._spool = spool
        self._birth = birth
        self._boot = boot or boot_id()
        self._clock = clock or SystemClock()
        self._sessions = sessions or Sessions(spool.folder / "session", self._clock)
        self._on_command = on_command
        self._random = random or random_module.Random()  # noqa: S311  # spreads load; guards nothing
        self._window = Window(spool, batch or BatchSettings(), self._clock, self._random)
        self._backoff = Backoff(settings.reconnect_spread_s, settings.reconnect_max_s, self._random)
        self._wake_there, self._wake_here = socket.socketpair()
        self._wake_there.setblocking(False)
        self._event = threading.Event()
        self._stopping = False
        self._reconnect = False
        self._new_birth = False
        self._connected = False
        self._trouble = ""
        self._session = 0
        self._replies: list[bytes] = []
        self._thread: threading.Thread | None = None

    @property
    def connected(self) -> bool:
        """Whether the broker has accepted the present connection and its subscriptions."""
        return self._connected

    @property
    def alive(self) -> bool:
        """Whether the thread runs; it ends by `stop` only."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Begin to connect and send."""
        self._thread = threading.Thread(target=self._run, name=f"publisher-{self._agent_id}", daemon=True)
        self._thread.start()

    def notify(self) -> None:
        """Something was appended to the spool."""
        self._wake()

    def renew_birth(self) -> None:
        """What the birth says has changed: publish it again."""
        self._new_birth = True
        self._wake()

    def try_now(self) -> None:
        """The network seems to be back: if waiting for the next try, try about now."""
        self._backoff.hurry()
        self._event.set()

    def path_changed(self) -> None:
        """Traffic takes another way out now: the present connection is as good as dead, make a new one."""
        self._reconnect = True
        self.try_now()
        self._wake()

    def stop(self, timeout_s: float = 15.0) -> None:
        """Send what is new, say goodbye, disconnect and end the thread."""
        self._stopping = True
        self._event.set()
        self._wake()
        if self._thread is not None:
            self._thread.join(timeout_s)
        if not self.alive:
            self._wake_here.close()
            self._wake_there.close()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):  # full: it will wake anyway; closed: it has ended
            self._wake_there.send(b"!")

    def _run(self) -> None:
        while not self._stopping:
            self._event.clear()
            self._reconnect = False
            started_at = self._clock.monotonic()
            try:
                self._one_connection()
            except (ConnectionLost, OSError) as error:
                self._say_trouble(str(error), "")
            except AgentError as error:
                self._say_trouble(str(error), error.hint)
            except Exception:
                log.exception("the publisher stumbled; it goes on with a new connection")
            if self._connected and self._clock.monotonic() - started_at >= _STEADY_S:
                self._backoff.reset()
            self._connected = False
            self._wait_for_turn()

    def _wait_for_turn(self) -> None:
        delay_s = self._backoff.next()
        if self._reconnect:
            delay_s = 0.0
        deadline = self._clock.monotonic() + delay_s
        while not (self._stopping or self._reconnect):
            left = deadline - self._clock.monotonic()
            if left <= 0:
                return
            if self._clock.wait(self._event, left):
                self._event.clear()
                deadline = min(deadline, self._clock.monotonic() + self._random.uniform(0, _HURRY_S))

    def _one_connection(self) -> None:
        session = self._sessions.next()
        will = wire.topic(self._agent_id, wire.Kind.STATE), wire.state_message(False, self._boot, session)
        connection = Connection(
            self._settings, self._agent_id, will, self._on_message, self._wake_here, self._clock
        )
        self._replies.clear()
        planned = False
        try:
            topics = [wire.topic(self._agent_id, kind) for kind in (wire.Kind.CONFIRM, wire.Kind.COMMAND)]
            connection.open(topics, lambda: self._stopping or self._reconnect)
            self._introduce(connection, session)
            while not (self._stopping or self._reconnect):
                self._send_due(connection)
                wait_s = self._window.wait_s()
                wait_s = _LONGEST_STEP_S if wait_s is None else min(wait_s, _LONGEST_STEP_S)
                connection.step(max(wait_s, _SHORTEST_STEP_S))  # what is due may wait for the broker's answer
            planned = True
            if self._stopping:
                self._say_goodbye(connection, session)
        finally:
            connection.close(planned=planned)

    def _introduce(self, connection: Connection, session: int) -> None:
        now_ms = self._clock.now_ms()
        state = wire.state_message(True, self._boot, session, now_ms)
        connection.publish(wire.topic(self._agent_id, wire.Kind.STATE), state, retain=True)
        self._session = session
        self._new_birth = True
        self._window.reset()
        self._connected = True
        self._trouble = ""
        log.info("connected to %s:%d, session %d", self._settings.host, self._settings.port, session)

    def _send_due(self, connection: Connection) -> None:
        if self._new_birth:
            self._new_birth = False
            birth = wire.dumps(self._birth(self._session))
            connection.publish(wire.topic(self._agent_id, wire.Kind.BIRTH), birth, retain=True)
        while self._replies:
            connection.publish(wire.topic(self._agent_id, wire.Kind.REPLY), self._replies.pop(0))
        topic = wire.topic(self._agent_id, wire.Kind.TELEMETRY)
        while connection.has_room and (batch := self._window.next()) is not None:
            body = self._spool.read(batch.seq, batch.stream)
            if body is None:
                self._window.refused(batch)
                continue
            message = wire.telemetry_message(
                batch.stream, batch.seq, self._clock.now_ms(), body, self._spool.discarded(batch.stream)
            )
            if not connection.fits(topic, message):
                log.error("the broker takes no message of %d bytes: raise its limit", len(message))
                self._window.refused(batch)
                continue
            connection.publish(topic, message)
            self._window.sent(batch)

    def _say_goodbye(self, connection: Connection, session: int) -> None:
        self._send_due(connection)
        state = wire.state_message(False, self._boot, session, self._clock.now_ms(), "shutdown")
        connection.publish(wire.topic(self._agent_id, wire.Kind.STATE), state, retain=True)
        deadline = self._clock.monotonic() + _GOODBYE_S
        while connection.unacknowledged and self._clock.monotonic() < deadline:
            connection.step(0.1)

    def _on_message(self, topic: str, payload: bytes) -> None:
        kind = wire.split_topic(topic)[1]
        if kind is wire.Kind.COMMAND:
            if self._on_command is not None:
                self._replies += self._on_command(payload)
            return
        try:
            confirm = wire.parse_confirm(payload)
        except (ValueError, TypeError, json.JSONDecodeError):
            log.warning("a confirm that is none was ignored")
            return
        self._spool.confirm(confirm)
        self._window.confirmed(confirm)

    def _say_trouble(self, trouble: str, hint: str) -> None:
        """Once a trouble, not once a try."""
        if self._stopping or self._reconnect or trouble == self._trouble:
            return
        self._trouble = trouble
        where = f"{self._settings.host}:{self._settings.port}"
        log.warning("no connection to %s: %s%s", where, trouble, f" ({hint})" if hint else "")
