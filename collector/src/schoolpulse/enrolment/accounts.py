"""The agents' accounts at the broker as they are to be, and what of it the broker does not have yet.

A change is one transaction here and counts from then on; a keeper is told afterwards, as often as it takes.
So a broker that is away delays a revocation and forgets none.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, Row, case, insert, select, update

from schoolpulse.clock import Clock
from schoolpulse.enrolment import tables
from schoolpulse.enrolment.keepers.base import AccountKeeper, Wanted
from schoolpulse.errors import AccountsUnavailable

_log = logging.getLogger(__name__)

BATCH = 200
MAX_TROUBLE = 300
UNKNOWN_THERE = "the broker does not know this account any more: give the agent a new code"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """An agent's account. With `owed` the broker has not taken the last change; `trouble` says why."""

    agent_id: str
    active: bool
    by_certificate: bool
    made_ms: int
    changed_ms: int
    changed_by: str
    applied_ms: int | None
    owed: bool
    trouble: str


class Accounts:
    """The accounts in the relational database, and the keeper that makes them so.

    Args:
        engine: the relational state.
        keeper: makes and removes accounts at the broker.
        clock: stamps changes.
    """

    def __init__(self, engine: Engine, keeper: AccountKeeper, clock: Clock) -> None:
        self._engine = engine
        self._keeper = keeper
        self._clock = clock
        self._settling = threading.Lock()

    def get(self, agent_id: str) -> Account | None:
        """The account of that agent."""
        with self._engine.connect() as connection:
            row = connection.execute(
                select(tables.account).where(tables.account.c.agent_id == agent_id)
            ).first()
        return _account(row) if row else None

    def all(self) -> list[Account]:
        """Every account there is or was, by its agent's id."""
        with self._engine.connect() as connection:
            rows = connection.execute(select(tables.account).order_by(tables.account.c.agent_id)).all()
        return [_account(row) for row in rows]

    def activate(self, connection: Connection, agent_id: str, *, password: str | None, by: str) -> None:
        """Let the agent in with `password`, or with its client certificate where that is None."""
        self._change(
            connection, agent_id, by, state="active", by_certificate=password is None, secret=password
        )

    def revoke(self, connection: Connection, agent_id: str, *, by: str) -> bool:
        """Let the agent in no more; False where it has no account."""
        known = select(tables.account.c.agent_id).where(tables.account.c.agent_id == agent_id)
        if connection.execute(known).first() is None:
            return False
        self._change(connection, agent_id, by, state="revoked", by_certificate=False, secret=None)
        return True

    def settle(self) -> bool:
        """Hand the keeper what is owed; whether nothing is owed any more.

        Raises:
            AccountsUnavailable: the keeper can do nothing now. It is noted with each account.
        """
        with self._settling:
            while rows := self._owed():
                wanted = [Wanted(row.agent_id, row.state == "active", row.secret) for row in rows]
                try:
                    refused = self._keeper.apply(wanted)
                except AccountsUnavailable as error:
                    self._note_trouble(rows, str(error))
                    raise
                self._note_applied(rows, refused)
        return True

    def compare(self) -> bool:
        """Look whether the broker has what it was given, as after its files were restored from a back-up.

        Who was revoked and is there is owed a revocation again; who is missing is shown as such. Whether
        there is something to settle.

        Raises:
            AccountsUnavailable: the keeper cannot tell now.
        """
        names = self._keeper.names()
        if names is None:
            return False
        again = False
        columns = tables.account.c
        for account in self.all():
            if account.owed or account.active == (account.agent_id in names):
                continue
            # Its password is not kept, so what is missing there cannot be made again from here.
            values = {"trouble": UNKNOWN_THERE} if account.active else {"change": columns.change + 1}
            again = again or not account.active
            _log.warning("the broker's accounts differ from ours: %s", account.agent_id)
            with self._engine.begin() as connection:
                connection.execute(
                    update(tables.account).where(columns.agent_id == account.agent_id).values(values)
                )
        return again

    def _change(self, connection: Connection, agent_id: str, by: str, **values: object) -> None:
        now_ms = self._clock.now_ms()
        columns = tables.account.c
        common = {**values, "changed_ms": now_ms, "changed_by": by[:64], "trouble": ""}
        known = update(tables.account).where(columns.agent_id == agent_id)
        if connection.execute(known.values(change=columns.change + 1, **common)).rowcount == 0:
            fresh = {"agent_id": agent_id, "made_ms": now_ms, "change": 1, "applied_change": 0}
            connection.execute(insert(tables.account).values(**fresh, **common))

    def _owed(self) -> Sequence[Row[tuple[object, ...]]]:
        columns = tables.account.c
        with self._engine.connect() as connection:
            query = select(tables.account).where(columns.change != columns.applied_change).limit(BATCH)
            return connection.execute(query).all()

    def _note_applied(self, rows: Sequence[Row[tuple[object, ...]]], refused: Mapping[str, str]) -> None:
        columns = tables.account.c
        with self._engine.begin() as connection:
            for row in rows:
                done = {
                    "applied_change": row.change,
                    "applied_ms": self._clock.now_ms(),
                    "trouble": refused.get(row.agent_id, "")[:MAX_TROUBLE],
                    # A change that came meanwhile brought a secret of its own.
                    "secret": case((columns.change == row.change, None), else_=columns.secret),
                }
                one = update(tables.account).where(columns.agent_id == row.agent_id)
                connection.execute(one.values(done))
        for row in rows:
            state = "active" if row.state == "active" else "revoked"
            if row.agent_id in refused:
                _log.error("agent %s's account is not %s: %s", row.agent_id, state, refused[row.agent_id])
            else:
                _log.info("the account of agent %s is %s", row.agent_id, state)

    def _note_trouble(self, rows: Sequence[Row[tuple[object, ...]]], trouble: str) -> None:
        columns = tables.account.c
        with self._engine.begin() as connection:
            connection.execute(
                update(tables.account)
                .where(columns.agent_id.in_([row.agent_id for row in rows]))
                .values(trouble=trouble[:MAX_TROUBLE])
            )


def _account(row: Row[tuple[object, ...]]) -> Account:
    return Account(
        agent_id=row.agent_id,
        active=row.state == "active",
        by_certificate=row.by_certificate,
        made_ms=row.made_ms,
        changed_ms=row.changed_ms,
        changed_by=row.changed_by,
        applied_ms=row.applied_ms,
        owed=row.change != row.applied_change,
        trouble=row.trouble,
    )
