"""Schools, their lines and their agents, as the registry knows them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Role = Literal["primary", "backup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One line of a school: who provides it, how, and what was contracted."""

    role: Role
    provider: str
    technology: str
    contracted_down_mbps: float | None = None
    contracted_up_mbps: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class School:
    """A school, where it hangs in the tree of areas, its lines and its agent.

    `level` is ``mam_non``, ``tieu_hoc`` or ``thcs``. `area` is the path of area names from the top down
    (``("TP.HCM", "Gò Vấp", "Phường 10")``): as deep as the operator's tree is.
    """

    id: str
    name: str
    level: str
    area: tuple[str, ...] = ()
    lat: float | None = None
    lon: float | None = None
    agent_id: str | None = None
    lines: tuple[Line, ...] = ()

    def line(self, role: Role) -> Line | None:
        """The school's line in that role, if it has one."""
        return next((line for line in self.lines if line.role == role), None)
