"""One-time codes: made for one agent, shown once, kept as a hash, good for one secret.

A code has 55 random bits, so that it can be read over the telephone. Guessing it is hopeless all the same:
tries are counted (`schoolpulse.api.enrol`), a code lives for days and not years, and it is used once. Its
hash is slow, so that a stolen database gives no code away while it still counts. Decision 1101.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy import Connection, Engine, insert, select, update

from schoolpulse.clock import Clock
from schoolpulse.enrolment import tables
from schoolpulse_agent import wire_code
from schoolpulse_agent.wire_code import ALPHABET, SECRET_CHARS, Code

MAX_CODE_S = 90 * 86_400
REPEAT_MS = 15 * 60_000
"""How long a used code still answers whoever has used it: the first answer may have been lost on its way."""
_ROUNDS = 20_000
_SALT = b"schoolpulse enrolment code"


@dataclass(frozen=True, slots=True, kw_only=True)
class MadeCode:
    """A code in clear text, for the one answer that shows it."""

    id: str
    code: str
    agent_id: str
    expires_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCode:
    """A code that can still be used, as far as it may be shown."""

    id: str
    agent_id: str
    made_ms: int
    made_by: str
    expires_ms: int


class Codes:
    """The codes in the relational database.

    Args:
        engine: the relational state.
        clock: ends codes.
        pin: gives the pin of the server's certificate, or nothing where agents need none.
    """

    def __init__(self, engine: Engine, clock: Clock, pin: Callable[[], str] = lambda: "") -> None:
        self._engine = engine
        self._clock = clock
        self._pin = pin

    def make(self, agent_id: str, *, by: str, lifetime_s: float) -> MadeCode:
        """A fresh code for that agent; those that were made for it before are withdrawn."""
        body = "".join(secrets.choice(ALPHABET) for _ in range(SECRET_CHARS - 1))
        code = Code(body + wire_code.check_character(body), self._pin())
        now_ms = self._clock.now_ms()
        made = MadeCode(
            id=secrets.token_hex(4),
            code=str(code),
            agent_id=agent_id,
            expires_ms=now_ms + round(min(lifetime_s, MAX_CODE_S) * 1000),
        )
        with self._engine.begin() as connection:
            self.withdraw(connection, agent_id)
            connection.execute(
                insert(tables.code).values(
                    id=made.id,
                    digest=_digest(code.secret),
                    agent_id=agent_id,
                    made_ms=now_ms,
                    made_by=by[:64],
                    expires_ms=made.expires_ms,
                )
            )
        return made

    def withdraw(self, connection: Connection, agent_id: str) -> None:
        """Let the agent's unused codes count no more."""
        columns = tables.code.c
        connection.execute(
            update(tables.code)
            .where(columns.agent_id == agent_id, columns.used_ms.is_(None), columns.withdrawn_ms.is_(None))
            .values(withdrawn_ms=self._clock.now_ms())
        )

    def redeem(self, connection: Connection, code: Code, secret: str) -> tuple[str, bool] | None:
        """The agent that `code` is for, and whether this is the first use; None where it does not count.

        What is unknown, used by another secret, withdrawn or over is not told apart.
        """
        now_ms = self._clock.now_ms()
        columns = tables.code.c
        row = connection.execute(select(tables.code).where(columns.digest == _digest(code.secret))).first()
        if row is None or row.withdrawn_ms is not None:
            return None
        fingerprint = hashlib.sha256(secret.encode()).hexdigest()
        if row.used_ms is None and now_ms < row.expires_ms:
            used = update(tables.code).where(columns.id == row.id, columns.used_ms.is_(None))
            done = connection.execute(used.values(used_ms=now_ms, secret_digest=fingerprint))
            return (row.agent_id, True) if done.rowcount == 1 else None
        again = secrets.compare_digest(row.secret_digest or "", fingerprint)
        return (row.agent_id, False) if again and now_ms - row.used_ms < REPEAT_MS else None

    def open(self, agent_id: str | None = None) -> list[OpenCode]:
        """Codes that can still be used, the newest first; one agent's, or all."""
        columns = tables.code.c
        query = (
            select(columns.id, columns.agent_id, columns.made_ms, columns.made_by, columns.expires_ms)
            .where(
                columns.used_ms.is_(None),
                columns.withdrawn_ms.is_(None),
                columns.expires_ms > self._clock.now_ms(),
            )
            .order_by(columns.made_ms.desc())
        )
        if agent_id is not None:
            query = query.where(columns.agent_id == agent_id)
        with self._engine.connect() as connection:
            return [OpenCode(**row) for row in connection.execute(query).mappings()]


def _digest(secret: str) -> str:
    return hashlib.pbkdf2_hmac("sha256", secret.encode(), _SALT, _ROUNDS).hex()
