"""What can go wrong in the agent, drawn as one tree. Every error carries a hint for the technician.

AgentError
├── ConfigError     a configuration with all of its mistakes; exit status 2
├── SpoolInUse      another agent already works in the same state folder
└── SetupError      something the configuration names cannot be used (a certificate, a password file)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class AgentError(Exception):
    """Anything the agent raises on purpose.

    Args:
        message: what is wrong, one sentence, no secret in it.
        hint: what the technician can do about it.
    """

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class Problem(NamedTuple):
    """One mistake in the configuration: where it stands, what it is, what to do."""

    where: str
    message: str
    hint: str = ""
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}: " if self.line is not None else ""
        hint = f" ({self.hint})" if self.hint else ""
        return f"{place}{self.where}: {self.message}{hint}"


class ConfigError(AgentError):
    """A configuration is refused, with all of its mistakes at once."""

    def __init__(self, message: str, problems: Sequence[Problem]) -> None:
        super().__init__(message)
        self.problems = tuple(problems)


class SpoolInUse(AgentError):
    """Another process holds the spool; two writers would destroy each other's sequence."""


class SetupError(AgentError):
    """Something that the configuration names cannot be used."""
