"""Commands from the collector: each with an id, an expiry and an answer. There is no shell among them.

A command is ``{"id":..,"do":..,"expires":ms}`` with the command's own keys. Its answer comes at once; what it
leads to (a round of measurements) comes as telemetry. An id is written down before it is carried out, so that
one which comes again after a restart is not carried out again.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Callable, NamedTuple

from schoolpulse_agent import wire
from schoolpulse_agent.disk import Disk, SystemDisk

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
    """The command is not carried out; the text is one of the words of ``wire.REFUSALS``."""


class Commands:
    """Carries out commands, each id once.

    Args:
        hands: what can be done.
        now_ms: the wall clock; a command that has expired by it is refused.
        memory: the file of ids that were carried out; without it they are forgotten when the agent ends.
        disk: the file system.
    """

    def __init__(
        self,
        hands: Hands,
        now_ms: Callable[[], int],
        memory: Path | None = None,
        disk: Disk | None = None,
    ) -> None:
        self._hands = hands
        self._now_ms = now_ms
        self._memory = memory
        self._disk = disk or SystemDisk()
        self._answers: dict[str, bytes] = {}
        self._before = self._recall()

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
            if command_id in self._before:
                answer = self._reply(command_id, wire.REFUSALS["order_begun_before"])
            else:
                self._write_down(command_id)
                answer = self._answer(command_id, message)
            self._answers[command_id] = answer
            if len(self._answers) > _REMEMBERED:
                del self._answers[next(iter(self._answers))]
        return [self._answers[command_id]]

    def _answer(self, command_id: str, message: Mapping[str, Any]) -> bytes:
        try:
            self._do(message)
        except Refused as refusal:
            why = wire.REFUSALS[str(refusal)]
            log.warning("command %s refused: %s", command_id, why)
            return self._reply(command_id, why)
        log.info("command %s carried out: %s", command_id, message["do"])
        return self._reply(command_id)

    def _reply(self, command_id: str, error: str = "") -> bytes:
        reply: dict[str, Any] = {"id": command_id, "ok": not error, "at": self._now_ms()}
        if error:
            reply["error"] = error
        return wire.dumps(reply)

    def _do(self, message: Mapping[str, Any]) -> None:
        expires = message.get("expires")
        now_ms = self._now_ms()
        if type(expires) is not int or not now_ms <= expires <= now_ms + MAX_AHEAD_MS:
            raise Refused("order_expired")
        what = message.get("do")
        if what == "run_probe":
            if not self._hands.run_probe(_probe(message)):
                raise Refused("probe_unknown")
        elif what == "speed_test":
            if not self._hands.speed_test():
                raise Refused("no_speed_test")
        elif what == "send_birth":
            self._hands.send_birth()
        elif what == "set_interval":
            self._set_interval(message)
        else:
            raise Refused("order_unknown")

    def _set_interval(self, message: Mapping[str, Any]) -> None:
        seconds = message.get("interval_s")
        low, high = INTERVAL_S
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not low <= seconds <= high:
            raise Refused("interval_out_of_range")
        if not self._hands.set_interval(_probe(message), float(seconds)):
            raise Refused("probe_unknown")

    def _recall(self) -> list[str]:
        if self._memory is None:
            return []
        try:
            ids = json.loads(self._disk.read(self._memory))
            return [one for one in ids if isinstance(one, str)][-_REMEMBERED:]
        except (OSError, ValueError, TypeError):
            return []

    def _write_down(self, command_id: str) -> None:
        """Some bytes of flash a command; where they cannot be written it is done all the same."""
        if self._memory is None:
            return
        ids = [*self._before, *self._answers, command_id][-_REMEMBERED:]
        try:
            self._disk.make_folder(self._memory.parent)
            self._disk.replace(self._memory, wire.dumps(ids))
        except OSError as error:
            log.warning("%s was not written: %s", self._memory, error)


def _probe(message: Mapping[str, Any]) -> str:
    name = message.get("probe")
    if not isinstance(name, str):
        raise Refused("probe_missing")
    return name


def _is_id(text: str) -> bool:
    return re.fullmatch("[A-Za-z0-9_-]{1,64}", text) is not None
