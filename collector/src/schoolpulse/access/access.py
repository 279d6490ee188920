"""The door: from what a request shows to who sends it, and the ways in."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass

from sqlalchemy import Engine

from schoolpulse.access.audit import AuditLog
from schoolpulse.access.limits import Attempts, network_of
from schoolpulse.access.models import LOCAL, Caller, Role
from schoolpulse.access.passwords import Passwords
from schoolpulse.access.sessions import Sessions
from schoolpulse.access.settings import AccessSettings
from schoolpulse.access.tokens import Tokens
from schoolpulse.access.users import User, Users
from schoolpulse.clock import Clock
from schoolpulse.errors import Reason, UsageError

FAMILIAR = 2_000
"""So many pairs of a name and an address that it signed in from are remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a request shows of its sender.

    `host` is the name that it was sent to, without the port; `forwarded` whether a proxy says that it passed
    it on.
    """

    host: str
    token: str | None = None
    session: str | None = None
    forwarded: bool = False


class Access:
    """Users, tokens and sessions over one database. Every method blocks: call it outside an event loop.

    Args:
        engine: the relational state.
        clock: ends sessions, stamps the audit log.
        settings: ``[access]``.
        listens_on: ``[http] host``. While that is a loopback address and there are no users, whoever
            reaches it under a loopback name is `LOCAL`.
    """

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        settings: AccessSettings | None = None,
        listens_on: str = "127.0.0.1",
    ) -> None:
        self.settings = settings or AccessSettings()
        self.on_loopback = is_loopback(listens_on)
        self.audit = AuditLog(engine, clock, keep_days=self.settings.audit_days)
        self.users = Users(engine, clock, Passwords())
        self.tokens = Tokens(engine, clock)
        self.sessions = Sessions(engine, clock, self.settings)
        self._by_address = Attempts(clock, burst=20, refill_s=10)
        self._by_name = Attempts(clock, burst=10, refill_s=30)
        self._familiar: OrderedDict[tuple[str, str], None] = OrderedDict()
        self._lock = threading.Lock()
        self._has_users = False
        self.set_up_code = "-".join(secrets.token_hex(2) for _ in range(4))
        """Makes the first administrator from elsewhere than this machine; worth nothing afterwards."""

    def has_users(self) -> bool:
        """Whether there is anybody who could sign in. Users are never removed, so yes stays yes."""
        self._has_users = self._has_users or self.users.any()
        return self._has_users

    def first_steps(self, url: str) -> str | None:
        """What to say while there are no users, with the set-up code where it is needed; None else.

        Args:
            url: where people open the page.
        """
        if self.has_users():
            return None
        if self.on_loopback:
            return (
                "there are no users: whoever reaches this machine's loopback may do everything; "
                f"{url.rstrip('/')}/login or `schoolpulse user add` makes the first administrator"
            )
        return (
            "there are no users, and so nobody may do anything: open "
            f"{url.rstrip('/')}/login and enter the set-up code {self.set_up_code}"
        )

    def caller(self, shown: Shown) -> Caller | None:
        """Who sends a request that shows this; None for nobody known.

        A token counts alone, good or bad: a program that sends one means it.
        """
        if shown.token is not None:
            return self.tokens.caller(shown.token)
        if shown.session is not None and (session := self.sessions.find(shown.session)) is not None:
            return session.user.caller()
        return LOCAL if self.is_open(shown) else None

    def is_open(self, shown: Shown) -> bool:
        """Whether nobody is asked who they are: a machine without users, reached from itself.

        The name is looked at because a foreign page may have its own name resolve to this machine (DNS
        rebinding); and a proxy in front makes of loopback the whole world.
        """
        near = self.on_loopback and not shown.forwarded and is_loopback(shown.host)
        return near and not self.has_users()

    def sign_in(self, name: str, password: str, address: str) -> tuple[User, str] | None:
        """The user and the cookie of a new session; None where name and password do not fit.

        Only failures use up tries, of the address and of the name; an address that the name has signed in
        from keeps its own way in, so that nobody can shut a user out by guessing.

        Raises:
            TooOften: the address or the name has no tries left.
        """
        name, network = name.lower(), network_of(address)
        self._by_address.take(network)
        if not self._is_familiar(name, network):
            self._by_name.take(name)
        user = self.users.check(name, password)
        if user is None:
            return None
        self._by_address.give_back(network)
        self._by_name.give_back(name)
        self._remember(name, network)
        return user, self.sessions.start(user)

    def confirm(self, name: str, password: str, address: str) -> bool:
        """Whether that is the password of a user who is signed in already.

        Raises:
            TooOften: the address has no tries left.
        """
        network = network_of(address)
        self._by_address.take(network)
        if self.users.check(name, password) is None:
            return False
        self._by_address.give_back(network)
        return True

    def set_up(self, name: str, password: str, code: str, shown: Shown, address: str) -> tuple[User, str]:
        """Make the first administrator, and sign them in.

        Args:
            name: of the new user.
            password: theirs.
            code: the set-up code; not asked for on this machine itself.
            shown: what the request shows.
            address: where it comes from.

        Raises:
            Clash: there are users already.
            TooOften: the code was guessed at too often.
            UsageError: the code is wrong, or name or password cannot be.
        """
        if not self.is_open(shown):
            self._by_address.take(network_of(address))
            self._by_name.take("")  # everybody's tries at the code together
            if not hmac.compare_digest(self.set_up_code.encode(), code.strip().lower().encode()):
                raise UsageError(
                    "code: this is not the set-up code",
                    hint="it stands in the collector's log",
                    why=Reason("set_up_code_wrong", "code"),
                )
        user = self.users.add(name, password, Role.ADMIN, first=True)
        return user, self.sessions.start(user)

    def _is_familiar(self, name: str, network: str) -> bool:
        with self._lock:
            return (name, network) in self._familiar

    def _remember(self, name: str, network: str) -> None:
        with self._lock:
            self._familiar[name, network] = None
            self._familiar.move_to_end((name, network))
            if len(self._familiar) > FAMILIAR:
                self._familiar.popitem(last=False)


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine and nothing else."""
    if host.lower().rstrip(".") == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
