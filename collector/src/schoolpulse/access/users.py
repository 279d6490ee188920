"""The people who may sign in."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Engine, RowMapping, delete, func, insert, select, update

from schoolpulse.access import tables
from schoolpulse.access.models import Caller, Role
from schoolpulse.access.passwords import Passwords
from schoolpulse.clock import Clock
from schoolpulse.errors import Clash, Reason, UsageError

NAME = r"^[a-z0-9][a-z0-9._@-]{0,63}$"
MAX_SCHOOLS = 2_000
_NAME = re.compile(NAME)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody who may sign in. `schools` are the ids that the user is limited to; None for all."""

    name: str
    role: Role
    schools: frozenset[str] | None
    disabled: bool
    created_ms: int
    password_ms: int
    seen_ms: int | None

    def caller(self) -> Caller:
        """Who they are to the API."""
        return Caller(self.name, self.role, self.schools, "user")


class Users:
    """Users in the relational database. Every method blocks; those with passwords tens of milliseconds."""

    def __init__(self, engine: Engine, clock: Clock, passwords: Passwords) -> None:
        self._engine = engine
        self._clock = clock
        self._passwords = passwords
        self._write = threading.Lock()

    def any(self) -> bool:
        """Whether there is one at all."""
        with self._engine.connect() as connection:
            return connection.execute(select(tables.user.c.name).limit(1)).first() is not None

    def list(self, *, after: str = "", limit: int = 1_000) -> Sequence[User]:
        """Users by name, those after the name `after`."""
        rows = tables.user.c
        query = select(tables.user).where(rows.name > after).order_by(rows.name).limit(limit)
        with self._engine.connect() as connection:
            return [user_of(row) for row in connection.execute(query).mappings()]

    def get(self, name: str) -> User | None:
        """The user of that name, upper and lower case being the same."""
        with self._engine.connect() as connection:
            row = _row(connection, name)
        return user_of(row) if row else None

    def add(
        self,
        name: str,
        password: str,
        role: Role,
        schools: Iterable[str] | None = None,
        *,
        first: bool = False,
    ) -> User:
        """A new user.

        Args:
            name: letters, digits and ``. _ @ -``; kept in lower case.
            password: see `Passwords.hash`.
            role: what they may do.
            schools: ids that they are limited to.
            first: only where there is no user yet.

        Raises:
            Clash: the name is taken, or it is not the first.
            UsageError: name, password or scope cannot be.
        """
        name = name.lower()
        if not _NAME.match(name):
            raise UsageError(
                "name: 1 to 64 letters, digits and . _ @ -, beginning with a letter or digit",
                why=Reason("user_name", "name"),
            )
        scope = scope_text(role, schools)
        kept = self._passwords.hash(password, name=name)
        now_ms = self._clock.now_ms()
        with self._write, self._engine.begin() as connection:
            if first and connection.execute(select(tables.user.c.name).limit(1)).first() is not None:
                raise Clash(
                    "there are users already",
                    hint="an administrator adds more",
                    why=Reason("users_exist"),
                )
            if _row(connection, name) is not None:
                raise Clash("name: somebody has this name already", why=Reason("name_taken", "name"))
            connection.execute(
                insert(tables.user).values(
                    name=name,
                    password=kept,
                    role=role.value,
                    schools=scope,
                    disabled=False,
                    created_ms=now_ms,
                    password_ms=now_ms,
                )
            )
            return user_of(_known(connection, name))

    def change(self, name: str, *, role: Role, schools: Iterable[str] | None, disabled: bool) -> User:
        """Give a user another role or scope, disable or enable them. Who is disabled is signed out.

        Raises:
            Clash: nobody could administer any more.
            UsageError: there is no such user, or the scope cannot be.
        """
        values: dict[str, Any] = {"role": role.value, "disabled": disabled}
        values["schools"] = scope_text(role, schools)
        with self._write, self._engine.begin() as connection:
            name = _known(connection, name)["name"]
            connection.execute(update(tables.user).where(tables.user.c.name == name).values(values))
            if disabled:
                connection.execute(delete(tables.session).where(tables.session.c.user == name))
            _leave_an_administrator(connection)
            return user_of(_known(connection, name))

    def set_password(self, name: str, password: str) -> None:
        """Give a user another password; every session of theirs is over.

        Raises:
            UsageError: there is no such user, or the password cannot be.
        """
        kept = self._passwords.hash(password, name=name.lower())
        with self._write, self._engine.begin() as connection:
            name = _known(connection, name)["name"]
            values = {"password": kept, "password_ms": self._clock.now_ms()}
            connection.execute(update(tables.user).where(tables.user.c.name == name).values(values))
            connection.execute(delete(tables.session).where(tables.session.c.user == name))

    def check(self, name: str, password: str) -> User | None:
        """The user whose name and password these are; None for anybody else, and for who is disabled.

        Raises:
            TooOften: too many are signing in at the same moment.
        """
        with self._engine.connect() as connection:
            row = _row(connection, name)
        if not self._passwords.fits(row["password"] if row else None, password):
            return None
        if row is None or row["disabled"]:
            return None
        if self._passwords.is_outdated(row["password"]):
            renewed = self._passwords.hash(password)
            with self._engine.begin() as connection:
                same = (tables.user.c.name == row["name"]) & (tables.user.c.password == row["password"])
                connection.execute(update(tables.user).where(same).values(password=renewed))
        return user_of(row)


def user_of(row: RowMapping) -> User:
    """The user of a row of the table."""
    return User(
        name=row["name"],
        role=Role(row["role"]),
        schools=scope_of(row["schools"]),
        disabled=row["disabled"],
        created_ms=row["created_ms"],
        password_ms=row["password_ms"],
        seen_ms=row["seen_ms"],
    )


def scope_text(role: Role, schools: Iterable[str] | None) -> str | None:
    """A scope as it is kept.

    Raises:
        UsageError: it is empty or too large, or limits an administrator.
    """
    if schools is None:
        return None
    if role is Role.ADMIN:
        why = Reason("admin_of_all", "schools")
        raise UsageError("schools: an administrator is never limited to schools", why=why)
    ids = sorted(set(schools))
    if not ids or len(ids) > MAX_SCHOOLS or any(not 0 < len(one) <= 128 for one in ids):
        raise UsageError(
            f"schools: 1 to {MAX_SCHOOLS} ids of schools, or none at all for every school",
            why=Reason("schools_count", "schools", {"most": MAX_SCHOOLS}),
        )
    return json.dumps(ids, ensure_ascii=False)


def scope_of(text: str | None) -> frozenset[str] | None:
    """A scope that was kept."""
    return None if text is None else frozenset(json.loads(text))


def _row(connection: Connection, name: str) -> RowMapping | None:
    query = select(tables.user).where(tables.user.c.name == name.lower())
    return connection.execute(query).mappings().one_or_none()


def _known(connection: Connection, name: str) -> RowMapping:
    row = _row(connection, name)
    if row is None:
        raise UsageError(
            "there is no such user",
            hint="`schoolpulse user list` names them",
            why=Reason("user_not_found"),
        )
    return row


def _leave_an_administrator(connection: Connection) -> None:
    admins = (tables.user.c.role == Role.ADMIN.value) & ~tables.user.c.disabled
    if not connection.execute(select(func.count()).select_from(tables.user).where(admins)).scalar():
        raise Clash(
            "this is the last administrator",
            hint="make somebody else one first",
            why=Reason("last_admin"),
        )
