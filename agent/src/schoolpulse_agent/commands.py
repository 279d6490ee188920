"""Commands from the collector: each with an id, an expiry and an answer. There is no shell among them.

A command is ``{"id":..,"do":..,"expires":ms}`` with the command's own keys. Its answer comes at once; what it
leads to (a round of measurements) comes as telemetry.
"""

from __future__ import annotations

import json
import logging
import re
from collections import deque
from collections.abc import Mapping
from typing import Any, Callable, NamedTuple

from schoolpulse_agent import wire

log = logging.getLogger(__name__)

MAX_COMMAND_BYTES = 4096
MAX_AHEAD_MS = 86_400_000
"""An expiry further away than a day is as good as none, and refused."""
INTERVAL_S = (1.0, 3600.0)
"""Within which an interval may be set."""
_REMEMBERED = 256


class Hands(NamedTuple):
    """What commands may do.

    Args:
        run_probe: runs a probe of that name now; False where there is none.
        speed_test: tests the line soon; False where no speed tests are configured.
        send_birth: sends the birth again.
        set_interval: changes a probe's interval in seconds until the agent ends; False where there is none.
    """

    run_probe: Callable[[str], bool]
    speed_test: Callable[[], bool]
    send_birth: Callable[[], None]
    set_interval: Callable[[str, float], bool]


class Refused(Exception):
    """The command is not carried out; the text says why."""


class Commands:
    """Carries out commands, each id once.

    Args:
        hands: what can be done.
        now_ms: the wall clock; a command that has expired by it is refused.
    """

    def __init__(self, hands: Hands, now_ms: Callable[[], int]) -> None:
        self._hands = hands
        self._now_ms = now_ms
        self._answers: dict[str, bytes] = {}
        self._order: deque[str] = deque()

    def __call__(self, payload: bytes) -> list[bytes]:
        """The replies to one `command` message; none to what does not even say its id."""
        try:
            message = json.loads(payload) if len(payload) <= MAX_COMMAND_BYTES else None
        except ValueError:
            message = None
        command_id = message.get("id") if isinstance(message, dict) else None
        if not isinstance(message, dict) or not isinstance(command_id, str) or not _is_id(command_id):
            log.warning("a command that is none was ignored")
            return []
        if command_id not in self._answers:  # the broker may deliver twice: done once, answered twice
            self._remember(command_id, self._answer(command_id, message))
        return [self._answers[command_id]]

    def _answer(self, command_id: str, message: Mapping[str, Any]) -> bytes:
        reply: dict[str, Any] = {"id": command_id, "ok": True, "at": self._now_ms()}
        try:
            self._do(message)
            log.info("command %s carried out: %s", command_id, message["do"])
        except Refused as refusal:
            reply.update(ok=False, error=str(refusal))
            log.warning("command %s refused: %s", command_id, refusal)
        return wire.dumps(reply)

    def _do(self, message: Mapping[str, Any]) -> None:
        expires = message.get("expires")
        now_ms = self._now_ms()
        if type(expires) is not int or not now_ms <= expires <= now_ms + MAX_AHEAD_MS:
            raise Refused("it has expired, or says no good time until which it counts")
        what = message.get("do")
        if what == "run_probe":
            if not self._hands.run_probe(_text(message, "probe")):
                raise Refused("no such probe runs here")
        elif what == "speed_test":
            if not self._hands.speed_test():
                raise Refused("no speed test server is configured here")
        elif what == "send_birth":
            self._hands.send_birth()
        elif what == "set_interval":
            self._set_interval(message)
        else:
            raise Refused("no such command")

    def _set_interval(self, message: Mapping[str, Any]) -> None:
        seconds = message.get("interval_s")
        low, high = INTERVAL_S
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not low <= seconds <= high:
            raise Refused(f"interval_s must be from {low:g} to {high:g}")
        if not self._hands.set_interval(_text(message, "probe"), float(seconds)):
            raise Refused("no such probe runs here")

    def _remember(self, command_id: str, answer: bytes) -> None:
        self._answers[command_id] = answer
        self._order.append(command_id)
        if len(self._order) > _REMEMBERED:
            del self._answers[self._order.popleft()]


def _text(message: Mapping[str, Any], key: str) -> str:
    value = message.get(key)
    if not isinstance(value, str):
        raise Refused(f"{key} is missing")
    return value


def _is_id(text: str) -> bool:
    return re.fullmatch("[A-Za-z0-9_-]{1,64}", text) is not None
