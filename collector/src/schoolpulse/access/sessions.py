"""Sessions of the page: a random cookie each, kept as a hash, over when idle, old, or ended by anybody."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass

from sqlalchemy import Engine, delete, insert, select, update

from schoolpulse.access import tables
from schoolpulse.access.settings import AccessSettings
from schoolpulse.access.users import User, user_of
from schoolpulse.clock import Clock
from schoolpulse.local_time import DAY_MS, HOUR_MS

SEEN_EVERY_MS = 60_000
"""Its last use is put down no finer."""
MOST = 50
"""Sessions of one user; the oldest goes for one more."""
MAX_COOKIE = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who is signed in. It is over at `expires_ms`, or when idle before that."""

    user: User
    created_ms: int
    expires_ms: int


class Sessions:
    """Sessions in the relational database. Every method blocks on it."""

    def __init__(self, engine: Engine, clock: Clock, settings: AccessSettings) -> None:
        self._engine = engine
        self._clock = clock
        self._idle_ms = round(settings.idle_hours * HOUR_MS)
        self._longest_ms = round(settings.session_days * DAY_MS)

    def start(self, user: User) -> str:
        """A new session of `user`; gives its cookie."""
        cookie = secrets.token_urlsafe(32)
        now_ms = self._clock.now_ms()
        rows = tables.session.c
        with self._engine.begin() as connection:
            over = (rows.seen_ms < now_ms - self._idle_ms) | (rows.created_ms < now_ms - self._longest_ms)
            connection.execute(delete(tables.session).where(over))
            own = select(rows.hash).where(rows.user == user.name).order_by(rows.created_ms.desc(), rows.hash)
            crowded = connection.execute(own.offset(MOST - 1)).scalars().all()
            connection.execute(delete(tables.session).where(rows.hash.in_(crowded)))
            connection.execute(
                insert(tables.session).values(
                    hash=_hash(cookie), user=user.name, created_ms=now_ms, seen_ms=now_ms
                )
            )
            same = tables.user.c.name == user.name
            connection.execute(update(tables.user).where(same).values(seen_ms=now_ms))
        return cookie

    def find(self, cookie: str) -> Session | None:
        """The session with that cookie, which this use keeps from being idle; None where it is over."""
        if len(cookie) > MAX_COOKIE:
            return None
        rows, now_ms = tables.session.c, self._clock.now_ms()
        query = (
            select(tables.user, rows.created_ms.label("begun_ms"), rows.seen_ms.label("used_ms"))
            .join(tables.session, rows.user == tables.user.c.name)
            .where(rows.hash == _hash(cookie), ~tables.user.c.disabled)
        )
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return None
        expires_ms = row["begun_ms"] + self._longest_ms
        if now_ms >= expires_ms or now_ms - row["used_ms"] >= self._idle_ms:
            return None
        if now_ms - row["used_ms"] >= SEEN_EVERY_MS:
            with self._engine.begin() as connection:
                same = rows.hash == _hash(cookie)
                connection.execute(update(tables.session).where(same).values(seen_ms=now_ms))
        return Session(user=user_of(row), created_ms=row["begun_ms"], expires_ms=expires_ms)

    def end(self, cookie: str) -> None:
        """Sign out; nothing happens where it is over."""
        with self._engine.begin() as connection:
            connection.execute(delete(tables.session).where(tables.session.c.hash == _hash(cookie)))


def _hash(cookie: str) -> str:
    return hashlib.sha256(cookie.encode(errors="replace")).hexdigest()
