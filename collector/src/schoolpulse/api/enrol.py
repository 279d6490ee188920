"""``/api/v1/enrol``: where an agent comes with its one-time code. Nobody has to be signed in for it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access import models as access
from schoolpulse.access.limits import Attempts, network_of
from schoolpulse.api.problems import ProblemDocument, Refused
from schoolpulse.api.services import AgentsBehind, Services
from schoolpulse.enrolment.desk import Role
from schoolpulse_agent.wire_code import MIN_PASSWORD_CHARS

_ALL = "all"


class EnrolIn(BaseModel):
    """What an agent shows and brings along."""

    model_config = ConfigDict(hide_input_in_errors=True)

    code: Annotated[str, Field(min_length=1, max_length=80, examples=["7K3F-9QWX-2MTY"])]
    password: Annotated[
        str,
        Field(
            min_length=MIN_PASSWORD_CHARS,
            max_length=128,
            pattern=r"^[A-Za-z0-9_-]+$",
            description="Made by the agent, at random; from now on its password at the broker",
        ),
    ]


class EnrolledSchool(BaseModel):
    """The school that the agent stands at, for the technician to compare."""

    id: str
    name: str


class EnrolledBroker(BaseModel):
    """Where to publish. The password is the one that the agent brought."""

    url: str = Field(examples=["mqtts://mqtt.example.vn"])
    username: str
    protocol: str
    ca_pem: str | None = Field(description="The broker's authority; null where every machine knows it")


class EnrolOut(BaseModel):
    """Who the agent is. With `ready` false the broker is away and lets the agent in a little later."""

    agent_id: str = Field(examples=["thcs-go-vap"])
    role: Role = Field(description="What it measures: the school's lines, or the classroom's machine")
    school: EnrolledSchool | None
    broker: EnrolledBroker
    ready: bool
    at_ms: int = Field(description="The collector's clock, by which an agent may see that its own is wrong")


def router(services: Services, agents: AgentsBehind) -> APIRouter:
    """The route over `services`. Each answers wrong codes as slowly as right ones, and not often."""
    routes = APIRouter(tags=["agents"])
    by_sender = Attempts(services.clock, burst=10, refill_s=30)
    by_all = Attempts(services.clock, burst=100, refill_s=1)

    @routes.post("/enrol", responses=ProblemDocument.responses(403, 422, 429))
    def enrol(body: EnrolIn, request: Request) -> EnrolOut:
        """Trade a one-time code and a password of one's own for an identity.

        Asked again with the same code and password within a quarter of an hour, it answers the same.
        """
        sender = network_of(request.client.host if request.client else "")
        by_sender.take(sender)
        by_all.take(_ALL)
        welcome = agents.desk.enrol(body.code, body.password)
        if welcome is None:
            raise Refused(403, "code_not_valid")
        by_sender.give_back(sender)
        by_all.give_back(_ALL)
        if welcome.first:
            caller = access.Caller(f"agent {welcome.agent_id}"[:64], access.Role.VIEWER, frozenset(), "token")
            services.audit.record(caller, "agent.enrol", welcome.agent_id, {"from": sender})
        school = welcome.school
        return EnrolOut(
            agent_id=welcome.agent_id,
            role=welcome.role,
            school=EnrolledSchool(id=school.id, name=school.name) if school else None,
            broker=EnrolledBroker(
                url=welcome.broker_url,
                username=welcome.agent_id,
                protocol=welcome.broker_protocol,
                ca_pem=welcome.broker_ca_pem,
            ),
            ready=welcome.ready,
            at_ms=services.clock.now_ms(),
        )

    return routes
