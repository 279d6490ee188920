"""Who asks, and what that person or program may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

CallerKind = Literal["user", "token", "local", "console"]


class Role(StrEnum):
    """What somebody may do; each includes the ones before it.

    A viewer reads. An operator acts on what happens: acknowledges, notes, announces maintenance, tests an
    endpoint. An administrator changes what is: the registry, users, tokens.
    """

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether who has this role may do what needs `other`."""
        return _RANK[self] >= _RANK[other]


_RANK = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who a request comes from.

    `schools` are the ids that the caller is limited to, None where there is no limit; an administrator never
    has one. `kind` tells a person who signed in (``user``) from a program (``token``), from whoever sits at a
    machine without users (``local``) and from the command line (``console``).
    """

    name: str
    role: Role
    schools: frozenset[str] | None = None
    kind: CallerKind = "user"

    def sees(self, school_id: str | None) -> bool:
        """Whether that school's affairs are the caller's; None stands for what is no single school's."""
        return self.schools is None or school_id in self.schools


LOCAL = Caller("local", Role.ADMIN, None, "local")
"""Whoever reaches a collector on loopback while it has no users."""
CONSOLE = Caller("console", Role.ADMIN, None, "console")
"""Whoever runs a command with the collector's configuration."""
