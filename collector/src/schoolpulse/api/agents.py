"""``/api/v1/agents``: who they are, their accounts at the broker, and what they are told to do."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Caller
from schoolpulse.api.guards import Admin, Operator, Viewer
from schoolpulse.api.problems import ProblemDocument, not_found
from schoolpulse.api.services import AgentsBehind, Services
from schoolpulse.enrolment.accounts import Account
from schoolpulse.enrolment.codes import OpenCode
from schoolpulse.enrolment.desk import Role, role_in
from schoolpulse.enrolment.orders import Order, OrderState
from schoolpulse.registry.models import School

AgentId = Annotated[str, Path(max_length=64, examples=["thcs-go-vap"])]
EnrolmentState = Literal["none", "code", "enrolled", "revoked"]
DAY_S = 86_400


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, from_attributes=True)


class AccountOut(_Answer):
    """The agent's account at the broker. `owed`: the broker has not taken the last change yet."""

    active: bool
    by_certificate: bool
    changed_ms: int
    changed_by: str
    applied_ms: int | None
    owed: bool
    trouble: str


class CodeOut(_Answer):
    """A code that can still be used; what it reads was shown when it was made."""

    made_ms: int
    made_by: str
    expires_ms: int


class AgentOut(_Answer):
    """An agent. `enrolment` is `none`, `code` (one waits to be used), `enrolled` or `revoked`."""

    id: str
    school_id: str | None
    school_name: str | None
    classroom: str | None = Field(description="What its room is called, where it is a classroom's")
    role: Role
    version: str | None
    hardware: str | None
    heard_ms: int | None = Field(description="When it last spoke, as far as this run of the collector knows")
    enrolment: EnrolmentState
    account: AccountOut | None
    code: CodeOut | None


class AgentsOut(BaseModel):
    """Agents by id."""

    items: list[AgentOut]


class CodeIn(BaseModel):
    """For which school and how long. Without a school the agent must stand at one already.

    `classroom` makes it one of the school's classrooms, under that name; else it is the school's gateway.
    """

    school_id: Annotated[str | None, Field(max_length=128, examples=["thcs-go-vap"])] = None
    classroom: Annotated[str | None, Field(max_length=200, examples=["Phòng 101"])] = None
    expires_s: Annotated[float | None, Field(ge=60, le=90 * DAY_S)] = None


class MadeCodeOut(_Answer):
    """A one-time code. It is shown here and nowhere else."""

    agent_id: str
    code: str = Field(examples=["7K3F-9QWX-2MTY"])
    expires_ms: int


class PasswordOut(BaseModel):
    """A device's broker account. The password is shown here and nowhere else."""

    username: str
    password: str


class CommandIn(BaseModel):
    """What the agent is to do, and until when it counts."""

    do: Literal["run_probe", "speed_test", "send_birth", "set_interval"]
    probe: Annotated[str | None, Field(max_length=64, examples=["reachability"])] = None
    interval_s: Annotated[float | None, Field(ge=1, le=3600)] = None
    expires_s: Annotated[float, Field(ge=5, le=DAY_S)] = 300.0


class CommandOut(_Answer):
    """A command and what became of it."""

    id: str
    agent_id: str
    do: str
    arguments: dict[str, str | float]
    made_ms: int
    made_by: str
    expires_ms: int
    state: OrderState
    sent_ms: int | None
    answered_ms: int | None
    error: str | None = Field(description="Why the agent refuses, in its own words")
    code: str | None = Field(description="The same in a word that never changes, where there is one")


class CommandsOut(BaseModel):
    """Commands to one agent, the newest first."""

    items: list[CommandOut]


class _Agents:
    """Agents as the registry, the live view and the desk know them together."""

    def __init__(self, services: Services, agents: AgentsBehind) -> None:
        self._registry = services.registry
        self._live = services.live
        self._desk = agents.desk

    def all(self, caller: Caller) -> list[AgentOut]:
        accounts = {account.agent_id: account for account in self._desk.accounts.all()}
        codes = {code.agent_id: code for code in self._desk.codes.open()}
        schools = self._schools()
        return [
            self._agent(name, schools.get(name), accounts.get(name), codes.get(name))
            for name in sorted({*accounts, *codes, *schools})
            if caller.sees(schools[name].id if name in schools else None)
        ]

    def one(self, agent_id: str, caller: Caller) -> AgentOut:
        """That agent; whoever may not see its school is told that there is none."""
        school = self._schools().get(agent_id)
        account = self._desk.accounts.get(agent_id)
        code = next(iter(self._desk.codes.open(agent_id)), None)
        known = school is not None or account is not None or code is not None
        if not known or not caller.sees(school.id if school else None):
            raise not_found("agent")
        return self._agent(agent_id, school, account, code)

    def _schools(self) -> dict[str, School]:
        return {name: school for school in self._registry.schools() for name in school.agent_ids}

    def _agent(
        self, agent_id: str, school: School | None, account: Account | None, code: OpenCode | None
    ) -> AgentOut:
        figures = self._live.figures(agent_id)
        return AgentOut(
            id=agent_id,
            school_id=school.id if school else None,
            school_name=school.name if school else None,
            classroom=_room(school, agent_id),
            role=role_in(school, agent_id),
            version=figures.agent_version if figures else None,
            hardware=figures.hardware if figures else None,
            heard_ms=figures.heard_ms if figures else None,
            enrolment=enrolment_state(account, code),
            account=AccountOut.model_validate(account) if account else None,
            code=CodeOut.model_validate(code) if code else None,
        )


def router(services: Services, agents: AgentsBehind) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(tags=["agents"])
    known, desk = _Agents(services, agents), agents.desk

    @routes.get("/agents")
    def list_agents(caller: Viewer) -> AgentsOut:
        """Every agent: of the registry, with an account, or with a code that waits."""
        return AgentsOut(items=known.all(caller))

    @routes.get("/agents/{agent_id}", responses=ProblemDocument.responses(404))
    def get_agent(agent_id: AgentId, caller: Viewer) -> AgentOut:
        """One agent."""
        return known.one(agent_id, caller)

    @routes.post("/agents/{agent_id}/code", responses=ProblemDocument.responses(422))
    def make_code(agent_id: AgentId, body: CodeIn, caller: Admin) -> MadeCodeOut:
        """A one-time code for the agent; codes that it had count no more. Here alone the code is shown."""
        made = desk.make_code(
            agent_id,
            by=caller.name,
            school_id=body.school_id,
            classroom=body.classroom,
            lifetime_s=body.expires_s,
        )
        detail = {"school": body.school_id, "classroom": body.classroom, "expires_ms": made.expires_ms}
        services.audit.record(caller, "agent.code", agent_id, detail)
        return MadeCodeOut.model_validate(made)

    @routes.post("/agents/{agent_id}/password", responses=ProblemDocument.responses(422))
    def make_password(agent_id: AgentId, caller: Admin) -> PasswordOut:
        """An account, or a fresh password for it, for a device that is no agent of ours and cannot enrol."""
        password = desk.make_password(agent_id, by=caller.name)
        services.audit.record(caller, "agent.password", agent_id)
        return PasswordOut(username=agent_id, password=password)

    @routes.post("/agents/{agent_id}/certificate", responses=ProblemDocument.responses(422))
    def let_in_by_certificate(agent_id: AgentId, caller: Admin) -> AgentOut:
        """An account without a password, for who shows a client certificate of that name."""
        desk.let_in_by_certificate(agent_id, by=caller.name)
        services.audit.record(caller, "agent.certificate", agent_id)
        return known.one(agent_id, caller)

    @routes.post("/agents/{agent_id}/revoke", responses=ProblemDocument.responses(404))
    def revoke(agent_id: AgentId, caller: Admin) -> AgentOut:
        """Cut it off: its connection ends, its account and its code count no more."""
        if not desk.revoke(agent_id, by=caller.name):
            raise not_found("agent")
        services.audit.record(caller, "agent.revoke", agent_id)
        return known.one(agent_id, caller)

    _add_commands(routes, services, agents, known)
    return routes


def _add_commands(routes: APIRouter, services: Services, agents: AgentsBehind, known: _Agents) -> None:
    desk = agents.desk

    @routes.get("/agents/{agent_id}/commands", responses=ProblemDocument.responses(404))
    def list_commands(agent_id: AgentId, caller: Viewer) -> CommandsOut:
        """What it was told to do, the newest 50."""
        known.one(agent_id, caller)
        return CommandsOut(items=[_command(order) for order in desk.orders.of(agent_id)])

    @routes.post("/agents/{agent_id}/commands", responses=ProblemDocument.responses(404, 422))
    def send_command(agent_id: AgentId, body: CommandIn, caller: Operator) -> CommandOut:
        """Tell it to do something. It is sent at once, or when the agent connects, until it expires."""
        known.one(agent_id, caller)
        arguments = {"probe": body.probe, "interval_s": body.interval_s}
        order = desk.order(agent_id, body.do, arguments, by=caller.name, lifetime_s=body.expires_s)
        services.audit.record(
            caller, "agent.command", agent_id, {"id": order.id, "do": body.do, **order.arguments}
        )
        agents.wake()
        return _command(order)

    @routes.get("/agents/{agent_id}/commands/{command_id}", responses=ProblemDocument.responses(404))
    def get_command(
        agent_id: AgentId, command_id: Annotated[str, Path(max_length=64)], caller: Viewer
    ) -> CommandOut:
        """What became of a command."""
        known.one(agent_id, caller)
        order = desk.orders.get(command_id)
        if order is None or order.agent_id != agent_id:
            raise not_found("command")
        return _command(order)


def enrolment_state(account: Account | None, code: OpenCode | None) -> EnrolmentState:
    """In a word. Who was revoked stays so until a new code was used."""
    if account is not None:
        return "enrolled" if account.active else "revoked"
    return "code" if code is not None else "none"


def _room(school: School | None, agent_id: str) -> str | None:
    rooms = school.classrooms if school is not None else ()
    return next((room.name or None for room in rooms if room.agent_id == agent_id), None)


def _command(order: Order) -> CommandOut:
    return CommandOut.model_validate(order)
