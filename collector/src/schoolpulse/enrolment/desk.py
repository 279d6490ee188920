"""Everything that is done about agents: codes, enrolment, accounts, commands; for API and command line."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from sqlalchemy import Engine

from schoolpulse.clock import Clock
from schoolpulse.enrolment.accounts import Accounts
from schoolpulse.enrolment.codes import Codes, MadeCode
from schoolpulse.enrolment.keepers.base import AccountKeeper
from schoolpulse.enrolment.keepers.registry import create_keeper
from schoolpulse.enrolment.orders import Order, Orders
from schoolpulse.enrolment.pem import pin_in, text_of
from schoolpulse.enrolment.settings import AccountSettings, EnrolmentSettings
from schoolpulse.errors import AccountsUnavailable, Reason, UsageError
from schoolpulse.ingest.settings import BrokerSettings
from schoolpulse.registry.models import School
from schoolpulse_agent import wire, wire_code

_log = logging.getLogger(__name__)

RESERVED = frozenset({"admin", "accounts", "collector"})
"""Users of the broker that are no agents."""
DAY_S = 86_400


Role = Literal["gateway", "classroom"]


class Registry(Protocol):
    """The part of the registry that is needed here."""

    def school(self, school_id: str) -> School | None:
        """The school with that id."""
        ...

    def school_of(self, agent_id: str) -> School | None:
        """The school that the agent stands at."""
        ...

    def refresh(self) -> bool:
        """Take up what another process changed."""
        ...

    def assign_agent(self, agent_id: str, school_id: str, *, by: str) -> None:
        """Let the agent be that school's gateway from now on."""
        ...

    def assign_classroom(self, agent_id: str, school_id: str, name: str, *, by: str) -> None:
        """Let the agent be one of that school's classrooms from now on."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Welcome:
    """What an agent is told that has enrolled. `ready`: the broker has its account already; `first`: this is
    no answer that was given before.
    """

    agent_id: str
    role: Role
    school: School | None
    broker_url: str
    broker_protocol: str
    broker_ca_pem: str | None
    ready: bool
    first: bool


class AgentDesk:
    """Codes, accounts and commands over one database. Every method may block.

    Args:
        engine: the relational state.
        registry: which agent stands where.
        keeper: makes accounts at the broker.
        clock: stamps.
        settings: ``[enrolment]``.
        broker: the collector's own broker settings.
        reserved: more users of the broker that no agent may be called.
    """

    def __init__(
        self,
        *,
        engine: Engine,
        registry: Registry,
        keeper: AccountKeeper,
        clock: Clock,
        settings: EnrolmentSettings,
        broker: BrokerSettings,
        reserved: frozenset[str] = frozenset(),
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._settings = settings
        self._broker = broker
        self._reserved = RESERVED | reserved | ({broker.username} if broker.username else set())
        self.codes = Codes(engine, clock, lambda: pin_in(self._settings.server_certificate_file))
        self.accounts = Accounts(engine, keeper, clock)
        self.orders = Orders(engine, clock)

    @classmethod
    def open(
        cls,
        engine: Engine,
        registry: Registry,
        clock: Clock,
        settings: EnrolmentSettings,
        accounts: AccountSettings,
        broker: BrokerSettings,
    ) -> AgentDesk:
        """The desk with the keeper that the configuration asks for."""
        return cls(
            engine=engine,
            registry=registry,
            keeper=create_keeper(accounts, broker),
            clock=clock,
            settings=settings,
            broker=broker,
            reserved=frozenset({accounts.username} if accounts.kind == "dynsec" else ()),
        )

    # -- enrolment -----------------------------------------------------------------------------------

    def agent_for(self, school_id: str, agent_id: str | None = None) -> str:
        """The agent of that school: `agent_id`, else its gateway, else one named like the school.

        Raises:
            UsageError: there is no such school, or the name will not do.
        """
        school = self._registry.school(school_id)
        if school is None:
            raise UsageError(
                f"no school {school_id!r}",
                hint="schoolpulse import brings schools in",
                why=Reason("school_not_found"),
            )
        name = agent_id or school.agent_id or school.id.lower().replace("_", "-").replace(".", "-")
        self._check_name(name)
        there = self._registry.school_of(name)
        if there is not None and there.id != school_id:
            raise UsageError(
                f"agent {name} stands at school {there.id}",
                hint="move it there first, or choose another --agent-id",
                why=Reason("agent_elsewhere", values={"school": there.id}),
            )
        return name

    def make_code(
        self,
        agent_id: str,
        *,
        by: str,
        school_id: str | None = None,
        classroom: str | None = None,
        lifetime_s: float | None = None,
    ) -> MadeCode:
        """A one-time code for that agent, which from now on stands at `school_id` where one is given.

        An agent that stands nowhere yet becomes the school's gateway, or with `classroom` (its name for
        people) one of its classrooms.

        Raises:
            UsageError: there is no such school, no school for the agent, or the name will not do.
            ConfigError: the server's certificate cannot be read.
        """
        if school_id is None:
            self._check_name(agent_id)
            if self._registry.school_of(agent_id) is None and self.accounts.get(agent_id) is None:
                raise UsageError(
                    f"no school has an agent {agent_id}",
                    hint="say which school it is for",
                    why=Reason("agent_without_school", values={"agent": agent_id}),
                )
        else:
            self.agent_for(school_id, agent_id)
            if classroom is not None:
                self._check_is_no_gateway(agent_id, school_id)
                self._registry.assign_classroom(agent_id, school_id, classroom, by=by)
            elif self._registry.school_of(agent_id) is None:
                self._registry.assign_agent(agent_id, school_id, by=by)
        lifetime_s = self._settings.code_days * DAY_S if lifetime_s is None else lifetime_s
        return self.codes.make(agent_id, by=by, lifetime_s=lifetime_s)

    def enrol(self, code_text: str, password: str) -> Welcome | None:
        """What the agent needs that knows the code and has made itself `password`; None where it counts not.

        An answer that was lost is given again to the same code with the same password for a quarter of an
        hour.

        Raises:
            ConfigError: the broker's authority cannot be read.
        """
        try:
            code = wire_code.parse_code(code_text)
        except ValueError:
            return None
        ca_pem = text_of(self._settings.broker_ca_file, "enrolment.broker_ca_file")
        with self._engine.begin() as connection:
            redeemed = self.codes.redeem(connection, code, password)
            if redeemed is None:
                return None
            agent_id, first = redeemed
            if first:
                self.accounts.activate(connection, agent_id, password=password, by=f"agent {agent_id}")
        if first:
            _log.info("agent %s has enrolled", agent_id)
        self._try_to_settle()
        account = self.accounts.get(agent_id)
        if account is None or not account.active:
            return None  # revoked since the first answer
        self._registry.refresh()  # the code may be some seconds old, and made by another process
        school = self._registry.school_of(agent_id)
        return Welcome(
            agent_id=agent_id,
            role=role_in(school, agent_id),
            school=school,
            broker_url=self._settings.broker_url or self._broker.url,
            broker_protocol=self._broker.protocol,
            broker_ca_pem=ca_pem,
            ready=not account.owed and not account.trouble,
            first=first,
        )

    # -- accounts without a code, for devices that are no agents of ours -----------------------------

    def make_password(self, agent_id: str, *, by: str) -> str:
        """An account with a fresh password, shown once; one that there was counts no more.

        Raises:
            UsageError: the name will not do.
        """
        self._check_name(agent_id)
        password = secrets.token_urlsafe(32)
        with self._engine.begin() as connection:
            self.accounts.activate(connection, agent_id, password=password, by=by)
        self._try_to_settle()
        return password

    def let_in_by_certificate(self, agent_id: str, *, by: str) -> None:
        """An account without a password, for whoever shows a certificate of that name.

        Raises:
            UsageError: the name will not do.
        """
        self._check_name(agent_id)
        with self._engine.begin() as connection:
            self.accounts.activate(connection, agent_id, password=None, by=by)
        self._try_to_settle()

    def revoke(self, agent_id: str, *, by: str) -> bool:
        """Cut the agent off, now and until it enrols again; False where there is nothing to take away."""
        had_code = bool(self.codes.open(agent_id))
        with self._engine.begin() as connection:
            self.codes.withdraw(connection, agent_id)
            had_account = self.accounts.revoke(connection, agent_id, by=by)
        if had_account:
            _log.info("agent %s was revoked by %s", agent_id, by)
            self._try_to_settle()
        return had_code or had_account

    # -- commands ------------------------------------------------------------------------------------

    def order(
        self, agent_id: str, do: str, arguments: Mapping[str, Any], *, by: str, lifetime_s: float
    ) -> Order:
        """A command to that agent.

        Raises:
            UsageError: there is no such agent or command, or too many wait.
        """
        if self._registry.school_of(agent_id) is None and self.accounts.get(agent_id) is None:
            raise UsageError(
                f"no agent {agent_id!r}",
                hint="schoolpulse agents list names them",
                why=Reason("agent_not_found"),
            )
        return self.orders.add(agent_id, do, arguments, by=by, lifetime_s=lifetime_s)

    # -- inside --------------------------------------------------------------------------------------

    def _try_to_settle(self) -> None:
        """At once where the broker is there; else the rounds go on trying, and the account shows why."""
        try:
            self.accounts.settle()
        except AccountsUnavailable as error:
            _log.warning("%s; it is tried again (%s)", error, error.hint)

    def _check_name(self, agent_id: str) -> None:
        if not wire.valid_agent_id(agent_id):
            raise UsageError(
                f"{agent_id[:70]!r} is no agent id",
                hint="1 to 64 of a-z, 0-9 and -",
                why=Reason("agent_id", "agent_id"),
            )
        if agent_id in self._reserved:
            raise UsageError(
                f"{agent_id} is the name of a user of the broker",
                hint="choose another agent id",
                why=Reason("agent_name_reserved", "agent_id", {"agent": agent_id}),
            )

    def _check_is_no_gateway(self, agent_id: str, school_id: str) -> None:
        school = self._registry.school(school_id)
        if school is not None and school.agent_id == agent_id:
            raise UsageError(
                f"{agent_id} is the gateway of {school_id}",
                hint="a classroom's machine has a name of its own",
                why=Reason("agent_is_gateway", values={"agent": agent_id, "school": school_id}),
            )


def role_in(school: School | None, agent_id: str) -> Role:
    """What the agent is at its school."""
    rooms = school.classrooms if school is not None else ()
    return "classroom" if any(room.agent_id == agent_id for room in rooms) else "gateway"
