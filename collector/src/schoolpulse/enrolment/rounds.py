"""The thread that hands out what waits: accounts to the broker, commands to agents."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from schoolpulse.clock import Clock
from schoolpulse.enrolment.desk import AgentDesk
from schoolpulse.errors import AccountsUnavailable
from schoolpulse.ingest.backoff import Backoff
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

_log = logging.getLogger(__name__)

TICK_S = 1.0
"""How soon what another process wrote (the command line) is taken up."""
EXPIRE_EVERY_S = 5.0
COMPARE_EVERY_S = 3600.0
FIRST_RETRY_S = 2.0
LONGEST_RETRY_S = 60.0

Publish = Callable[[str, bytes, int], bool]
"""Publishes a payload to a topic, to be dropped after so many seconds; False: not now."""


class AgentRounds:
    """Looks every second for what is owed.

    Args:
        desk: the agents.
        publish: the collector's own connection to the broker.
        clock: for waiting.
    """

    def __init__(self, desk: AgentDesk, publish: Publish, clock: Clock) -> None:
        self._desk = desk
        self._publish = publish
        self._clock = clock
        self._backoff = Backoff(FIRST_RETRY_S, LONGEST_RETRY_S)
        self._settle_at = self._compare_at = self._expire_at = clock.monotonic()
        self._accounts_trouble = ""
        self._failing = False
        self._work = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def trouble(self) -> str:
        """Why the broker's accounts cannot be changed now, or nothing."""
        return self._accounts_trouble

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="agents", daemon=True)
        self._thread.start()

    def stop(self, timeout_s: float = 30.0) -> None:
        """Finish what is in hand and end."""
        self._stopping.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def wake(self) -> None:
        """There is something to do."""
        self._work.set()

    def step(self) -> None:
        """Look once at everything that is due."""
        now = self._clock.monotonic()
        if now >= self._settle_at:
            self._settle(now)
        if now >= self._expire_at:
            self._desk.orders.expire()
            self._expire_at = now + EXPIRE_EVERY_S
        self._send()

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._work.clear()
            try:
                self.step()
                self._failing = False
            except Exception:  # noqa: BLE001 - a database that is away comes back; it goes on trying
                if not self._failing:
                    _log.exception("accounts and commands cannot be looked at")
                self._failing = True
            self._clock.wait(self._work, TICK_S)

    def _settle(self, now: float) -> None:
        try:
            self._desk.accounts.settle()
            if now >= self._compare_at:
                self._compare_at = now + COMPARE_EVERY_S
                if self._desk.accounts.compare():
                    self._desk.accounts.settle()
        except AccountsUnavailable as error:
            self._settle_at = now + self._backoff.next_s()
            self._compare_at = self._settle_at
            if not self._accounts_trouble:
                _log.warning("%s; it goes on trying (%s)", error, error.hint)
            self._accounts_trouble = str(error)
            return
        if self._accounts_trouble:
            _log.info("the broker's accounts can be changed again")
        self._accounts_trouble = ""
        self._backoff.reset()

    def _send(self) -> None:
        orders = self._desk.orders
        for order in orders.due():
            left_s = (order.expires_ms - self._clock.now_ms()) // 1000
            if left_s < 1:
                continue  # it expires
            if not self._publish(wire.topic(order.agent_id, Kind.COMMAND), order.message, left_s):
                return
            orders.note_sent(order)
            _log.info("command %s was sent to agent %s: %s", order.id, order.agent_id, order.do)
