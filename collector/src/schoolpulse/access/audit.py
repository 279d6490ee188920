"""The audit log: who changed what, and when. Rows are added and, years later, dropped; never changed."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Engine, RowMapping, delete, insert, select

from schoolpulse.access import tables
from schoolpulse.access.models import Caller, CallerKind, Role
from schoolpulse.clock import Clock
from schoolpulse.local_time import DAY_MS

MAX_DETAIL = 4_000
"""Characters of JSON; what is longer is left out, and says so."""
MAX_SUBJECT = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One thing that was done."""

    id: int
    at_ms: int
    caller: str
    kind: CallerKind
    role: Role
    action: str
    subject: str
    detail: Mapping[str, Any]


class AuditLog:
    """What was done, in the relational database. Every method blocks on it: call it outside an event loop.

    Args:
        engine: the relational state.
        clock: stamps entries.
        keep_days: older entries are dropped, once a day.
    """

    def __init__(self, engine: Engine, clock: Clock, *, keep_days: int = 1_095) -> None:
        self._engine = engine
        self._clock = clock
        self._keep_ms = keep_days * DAY_MS
        self._swept_ms: int | None = None

    def record(
        self, caller: Caller, action: str, subject: str, detail: Mapping[str, object] | None = None
    ) -> None:
        """Put down that `caller` did `action` to `subject`.

        Args:
            caller: who; `CONSOLE` for commands.
            action: a word that never changes, ``room.verb``: ``maintenance.add``, ``user.disable``.
            subject: the id of what was changed, cut at `MAX_SUBJECT` characters.
            detail: what it was changed to, as JSON; no passwords, no tokens, no keys.
        """
        now_ms = self._clock.now_ms()
        text = json.dumps(dict(detail or {}), ensure_ascii=False, separators=(",", ":"), default=str)
        if len(text) > MAX_DETAIL:
            text = json.dumps({"left_out_characters": len(text)})
        with self._engine.begin() as connection:
            if self._swept_ms is None or now_ms - self._swept_ms >= DAY_MS:
                connection.execute(delete(tables.audit).where(tables.audit.c.at_ms < now_ms - self._keep_ms))
                self._swept_ms = now_ms
            connection.execute(
                insert(tables.audit).values(
                    at_ms=now_ms,
                    caller=caller.name[:64],
                    kind=caller.kind,
                    role=caller.role.value,
                    action=action[:64],
                    subject=subject[:MAX_SUBJECT],
                    detail=text,
                )
            )

    def list(
        self,
        *,
        from_ms: int | None = None,
        to_ms: int | None = None,
        caller: str | None = None,
        action: str | None = None,
        before: int | None = None,
        limit: int = 100,
    ) -> Sequence[Entry]:
        """Entries of ``[from_ms, to_ms)``, the newest first, those older than the id `before`.

        `action` may be whole (``user.add``) or a room (``user``).
        """
        rows = tables.audit.c
        query = select(tables.audit).order_by(rows.id.desc()).limit(limit)
        if from_ms is not None:
            query = query.where(rows.at_ms >= from_ms)
        if to_ms is not None:
            query = query.where(rows.at_ms < to_ms)
        if caller is not None:
            query = query.where(rows.caller == caller)
        if action is not None:
            whole = rows.action == action
            query = query.where(whole | rows.action.startswith(action + ".", autoescape=True))
        if before is not None:
            query = query.where(rows.id < before)
        with self._engine.connect() as connection:
            return [_entry(row) for row in connection.execute(query).mappings()]


def _entry(row: RowMapping) -> Entry:
    values = dict(row)
    values["role"] = Role(values["role"])
    values["detail"] = json.loads(values["detail"])
    return Entry(**values)
