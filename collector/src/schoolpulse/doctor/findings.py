"""What a check found."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad it is."""

    OK = "ok"
    WARN = "warn"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: which part, what was seen, what to do about it."""

    part: str
    level: Level
    seen: str
    do: str = ""


def ok(part: str, seen: str) -> Finding:
    """As it should be."""
    return Finding(part, Level.OK, seen)


def warn(part: str, seen: str, do: str) -> Finding:
    """It works and will not for ever."""
    return Finding(part, Level.WARN, seen, do)


def bad(part: str, seen: str, do: str) -> Finding:
    """It does not work, or data is in danger."""
    return Finding(part, Level.BAD, seen, do)
