"""Projectors and displays by PJLink, class 1 and 2 (JBMIA, version 2.1): power, lamps, errors.

TCP port 4352. The device greets with ``PJLINK 0``, or ``PJLINK 1 <random>`` where it has a password: the
first command then carries the MD5 of both. Each command is a line, ``%1POWR ?``, and so is its answer,
``%1POWR=1``.
"""

from __future__ import annotations

import hashlib
import socket
import time

from schoolpulse_agent.credentials import read_password
from schoolpulse_agent.probes.base import Reading
from schoolpulse_agent.probes.device_reports import Look
from schoolpulse_agent.probes.methods.engine import READ, Steps, Wait, connect, family_of, open_socket
from schoolpulse_agent.settings import Device
from schoolpulse_agent.wire import FieldValue

PORT = 4352
MAX_LINE_BYTES = 136 + 64
"""The specification's longest line is 136."""
_POWER = {"0": "off", "1": "on", "2": "cooling", "3": "warmup"}
_PARTS = ("fan", "lamp", "temperature", "cover", "filter", "other")
_ERRORS = {"ERR1": "unknown command", "ERR2": "bad parameter", "ERR3": "not now", "ERR4": "device failure"}


class PjlinkTrouble(Exception):
    """What answers is no PJLink device, or does not let us in."""


def greeting(line: str, password: str) -> str:
    """What has to stand before the first command.

    Raises:
        PjlinkTrouble: no PJLink, or a password is asked for and none is configured.
    """
    words = line.split(" ")
    if words[:2] == ["PJLINK", "0"]:
        return ""
    if len(words) == 3 and words[:2] == ["PJLINK", "1"]:
        if not password:
            raise PjlinkTrouble("asks for a password: give password_file")
        # The protocol knows nothing better; the password guards a projector's remote control.
        return hashlib.md5((words[2] + password).encode(), usedforsecurity=False).hexdigest()
    raise PjlinkTrouble("is no PJLink device")


def parse_answer(line: str, command: str) -> str | None:
    """The value in the answer to `command` (``%1POWR``); None where the device cannot say.

    Raises:
        PjlinkTrouble: the password is wrong, or it answers something else.
    """
    if line == "PJLINK ERRA":
        raise PjlinkTrouble("does not take the password")
    head, equals, value = line.partition("=")
    if not equals or head.upper() != command:
        raise PjlinkTrouble(f"answers {line[:20]!r} to {command}")
    return None if value in _ERRORS else value


def parse_errors(value: str) -> str:
    """Words for the six digits of ERST: ``fan`` for an error, ``fan_warning`` for a warning."""
    if len(value) != len(_PARTS):
        return ""
    ends = {"1": "_warning", "2": ""}
    return " ".join(part + ends[digit] for part, digit in zip(_PARTS, value) if digit in ends)


def parse_lamps(value: str) -> tuple[int, int] | None:
    """Hours of the oldest lamp, and how many burn; None for a device without lamps."""
    words = value.split()
    if not words or len(words) % 2 or not all(word.isdigit() for word in words):
        return None
    return max(map(int, words[::2])), sum(word == "1" for word in words[1::2])


class _Line:
    """Lines over a socket, each ended by a carriage return."""

    def __init__(self, sock: socket.socket, timeout_s: float) -> None:
        self._sock = sock
        self._timeout_s = timeout_s
        self._rest = b""

    def read(self) -> Steps[str]:
        until = time.monotonic() + self._timeout_s
        while b"\r" not in self._rest:
            if len(self._rest) > MAX_LINE_BYTES:
                raise PjlinkTrouble("is no PJLink device")
            if not (yield Wait(self._sock, READ, until)):
                raise PjlinkTrouble("does not go on")
            piece = self._sock.recv(1024)
            if not piece:
                raise PjlinkTrouble("hung up")
            self._rest += piece
        line, _, self._rest = self._rest.partition(b"\r")
        return line.decode("utf-8", "replace").strip("\n\0 ")


def ask(device: Device, timeout_s: float) -> Steps[Look]:
    """What the device at `device.address` says of itself.

    Raises:
        PjlinkTrouble, SetupError, OSError: it could not be asked.
    """
    password = read_password(device.password_file) if device.password_file else ""
    family = family_of(device.address)
    if not family:
        raise PjlinkTrouble("must be given by address")
    with open_socket(family, socket.SOCK_STREAM) as sock:
        started = time.monotonic()
        trouble = yield from connect(sock, (device.address, device.port or PORT), started + timeout_s)
        rtt_ms = (time.monotonic() - started) * 1000
        if trouble:
            return Look(False, trouble=trouble)
        line = _Line(sock, timeout_s)
        prefix = greeting((yield from line.read()), password)
        found: dict[str, str] = {}
        for command in ("%1POWR", "%1ERST", "%1LAMP", "%1CLSS"):
            prefix = yield from _command(sock, line, prefix, command, found)
        if found.get("%1CLSS", "1") >= "2":
            yield from _command(sock, line, prefix, "%2FILT", found)
    return _look(device, found, rtt_ms)


def _command(
    sock: socket.socket, line: _Line, prefix: str, command: str, found: dict[str, str]
) -> Steps[str]:
    sock.send(f"{prefix}{command} ?\r".encode("ascii"))
    value = parse_answer((yield from line.read()), command)
    if value is not None:
        found[command] = value
    return ""  # only the first command proves who we are


def _look(device: Device, found: dict[str, str], rtt_ms: float) -> Look:
    power = _POWER.get(found.get("%1POWR", ""))
    errors = parse_errors(found["%1ERST"]) if "%1ERST" in found else None
    lamps = parse_lamps(found.get("%1LAMP", ""))
    filter_h = found.get("%2FILT", "")
    fields: tuple[tuple[str, FieldValue], ...] = (
        ("power", power),
        ("is_on", None if power is None else int(power == "on")),
        ("errors", errors),
        ("lamp_h", lamps[0] if lamps else None),
        ("lamps_on", lamps[1] if lamps else None),
        ("filter_h", int(filter_h) if filter_h.isdigit() else None),
    )
    states = tuple(pair for pair in fields[:3:2] if pair[1] is not None)
    reading = Reading(device.kind, (("device", device.name),), fields)
    return Look(True, None, rtt_ms, "", (reading,), states)
