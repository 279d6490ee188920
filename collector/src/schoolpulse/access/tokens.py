"""API tokens: for programs. ``spt_<prefix>_<secret>``, shown once, kept as a hash."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Engine, RowMapping, insert, select, update

from schoolpulse.access import tables
from schoolpulse.access.models import Caller, Role
from schoolpulse.access.users import scope_of, scope_text
from schoolpulse.clock import Clock
from schoolpulse.errors import Reason, UsageError

USED_EVERY_MS = 60_000
"""Its last use is put down no finer."""
_ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
_TOKEN = re.compile(r"spt_([a-z0-9]{10})_([A-Za-z0-9_-]{43})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What is known of a token: everything but its secret."""

    prefix: str
    name: str
    role: Role
    schools: frozenset[str] | None
    created_ms: int
    created_by: str
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None

    def works(self, now_ms: int) -> bool:
        """Whether it is neither revoked nor expired."""
        return self.revoked_ms is None and (self.expires_ms is None or now_ms < self.expires_ms)


class Tokens:
    """Tokens in the relational database. Every method blocks on it."""

    def __init__(self, engine: Engine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    def create(
        self,
        by: Caller,
        role: Role,
        *,
        name: str = "",
        schools: Iterable[str] | None = None,
        expires_ms: int | None = None,
    ) -> tuple[Token, str]:
        """A new token, and its text, which nobody can show again.

        Raises:
            UsageError: it would have expired already, or the scope or the name cannot be.
        """
        now_ms = self._clock.now_ms()
        if expires_ms is not None and expires_ms <= now_ms:
            raise UsageError("expires: lies in the past", why=Reason("expires_past", "expires_ms"))
        if len(name) > 64 or not name.isprintable():
            why = Reason("token_name", "name")
            raise UsageError("name: at most 64 printable characters", why=why)
        prefix = "".join(secrets.choice(_ALPHABET) for _ in range(10))
        secret = secrets.token_urlsafe(32)
        values = {
            "prefix": prefix,
            "name": name or prefix,
            "hash": _hash(secret),
            "role": role.value,
            "schools": scope_text(role, schools),
            "created_ms": now_ms,
            "created_by": by.name[:64],
            "expires_ms": expires_ms,
        }
        with self._engine.begin() as connection:
            connection.execute(insert(tables.token).values(values))
        token = self.get(prefix)
        assert token is not None  # noqa: S101  # it was written just now
        return token, f"spt_{prefix}_{secret}"

    def list(self, *, after: str | None = None, limit: int = 1_000) -> Sequence[Token]:
        """Every token, the newest first, those after the one with the prefix `after`."""
        rows = tables.token.c
        query = select(tables.token).order_by(rows.created_ms.desc(), rows.prefix).limit(limit)
        if after is not None:
            made = select(rows.created_ms).where(rows.prefix == after).scalar_subquery()
            query = query.where(
                (rows.created_ms < made) | ((rows.created_ms == made) & (rows.prefix > after))
            )
        with self._engine.connect() as connection:
            return [_token(row) for row in connection.execute(query).mappings()]

    def get(self, prefix: str) -> Token | None:
        """The token with that prefix."""
        row = self._row(prefix)
        return _token(row) if row else None

    def revoke(self, prefix: str) -> Token:
        """Let a token work no more.

        Raises:
            UsageError: there is no such token.
        """
        rows = tables.token.c
        query = update(tables.token).where(rows.prefix == prefix, rows.revoked_ms.is_(None))
        with self._engine.begin() as connection:
            connection.execute(query.values(revoked_ms=self._clock.now_ms()))
        token = self.get(prefix)
        if token is None:
            raise UsageError(
                "there is no such token",
                hint="`schoolpulse token list` names them",
                why=Reason("token_not_found"),
            )
        return token

    def caller(self, text: str) -> Caller | None:
        """Who sends this token; None where it works no more or never did."""
        match = _TOKEN.match(text)
        row = self._row(match[1]) if match else None
        if match is None or row is None or not hmac.compare_digest(row["hash"], _hash(match[2])):
            return None
        token, now_ms = _token(row), self._clock.now_ms()
        if not token.works(now_ms):
            return None
        if token.used_ms is None or now_ms - token.used_ms >= USED_EVERY_MS:
            with self._engine.begin() as connection:
                same = tables.token.c.prefix == token.prefix
                connection.execute(update(tables.token).where(same).values(used_ms=now_ms))
        return Caller(token.name, token.role, token.schools, "token")

    def _row(self, prefix: str) -> RowMapping | None:
        query = select(tables.token).where(tables.token.c.prefix == prefix)
        with self._engine.connect() as connection:
            return connection.execute(query).mappings().one_or_none()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _token(row: RowMapping) -> Token:
    return Token(
        prefix=row["prefix"],
        name=row["name"],
        role=Role(row["role"]),
        schools=scope_of(row["schools"]),
        created_ms=row["created_ms"],
        created_by=row["created_by"],
        expires_ms=row["expires_ms"],
        revoked_ms=row["revoked_ms"],
        used_ms=row["used_ms"],
    )
