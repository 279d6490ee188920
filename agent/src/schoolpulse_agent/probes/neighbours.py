"""The kernel's table of neighbours: who on the LAN answers ARP, even where a firewall eats pings."""

from __future__ import annotations

import contextlib
import socket
import time
from pathlib import Path
from typing import NamedTuple

from schoolpulse_agent.probes.base import file_text
from schoolpulse_agent.probes.methods.engine import (
    READ,
    Answer,
    Question,
    Steps,
    Wait,
    family_of,
    open_socket,
)

_COMPLETE = 0x2
_DISCARD_PORT = 9
_SETTLE_S = 1.0


class Neighbour(NamedTuple):
    """One complete entry."""

    address: str
    mac: str
    interface: str


def parse_arp(text: str) -> list[Neighbour]:
    """The complete entries of ``/proc/net/arp``: those whose last question was answered."""
    found = []
    for line in text.splitlines()[1:]:
        columns = line.split()
        with contextlib.suppress(ValueError, IndexError):
            if int(columns[2], 16) & _COMPLETE and columns[3] != "00:00:00:00:00:00":
                found.append(Neighbour(columns[0], columns[3].lower(), columns[5]))
    return found


def neighbours(root: Path) -> list[Neighbour]:
    """Those of the machine under `root`."""
    return parse_arp(file_text(root / "proc/net/arp"))


def ask(question: Question, until: float, root: Path = Path("/")) -> Steps[Answer]:
    """Whether the kernel knows the neighbour at `question.address` (IPv4).

    The datagram makes it ask anew. A neighbour that has gone stays in the table for some eight seconds more:
    the next round misses it.
    """
    if family_of(question.address) != socket.AF_INET:
        return Answer(None, "is no IPv4 address")
    with open_socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect((question.address, _DISCARD_PORT))
        sock.send(b"")
        waited_until = min(until, time.monotonic() + _SETTLE_S)
        while (yield Wait(sock, READ, waited_until)):  # a refusal comes as an error, and is an answer too
            with contextlib.suppress(ConnectionRefusedError):
                sock.recv(64)
    known = any(neighbour.address == question.address for neighbour in neighbours(root))
    return Answer(0.0) if known else Answer(None, "no answer to ARP")
