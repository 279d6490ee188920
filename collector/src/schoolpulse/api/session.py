"""``/api/v1/session``: signing in and out, one's own password, the first administrator."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Caller, Role
from schoolpulse.access.users import User
from schoolpulse.api.gate import SECURE_COOKIE, SESSION_COOKIE, caller_of, shown_by
from schoolpulse.api.guards import Viewer
from schoolpulse.api.problems import ProblemDocument, Refused, invalid, refused_at
from schoolpulse.api.services import Services
from schoolpulse.errors import UsageError

Name = Annotated[str, Field(min_length=1, max_length=64, examples=["lan.nguyen"])]
Password = Annotated[str, Field(min_length=1, max_length=200, examples=["bốn từ không ai đoán"])]


class LoginIn(BaseModel):
    """Who signs in."""

    name: Name
    password: Password


class FirstIn(LoginIn):
    """The first administrator. `code` is the set-up code in the log; on loopback nobody asks for it."""

    code: Annotated[str, Field(max_length=64, examples=["4f1c-09ab-77e2-c03d"])] = ""


class PasswordIn(BaseModel):
    """One's own password, changed."""

    current: Password
    new: Password


class SessionOut(BaseModel):
    """Who asks.

    `state` is ``in`` for who signed in or sends a token, ``open`` where nobody is asked because there are
    no users and this is the machine itself, ``set_up`` where the first administrator is yet to be made
    with the set-up code, ``login`` else.
    """

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"state": "in", "name": "lan.nguyen", "kind": "user", "role": "operator", "schools": None}
            ]
        }
    )

    state: Literal["in", "open", "set_up", "login"]
    name: str | None
    kind: Literal["user", "token", "local", "console"] | None
    role: Role | None
    schools: list[str] | None = Field(description="The ids that the caller is limited to; null for all")


class Door:
    """The routes' functions over `services`."""

    def __init__(self, services: Services) -> None:
        self._access = services.access
        self._audit = services.audit
        self._secure = services.public_url.startswith("https://")
        self._cookie = SECURE_COOKIE if self._secure else SESSION_COOKIE
        self._longest_s = round(services.access.settings.session_days * 86_400)

    def who_am_i(self, request: Request) -> SessionOut:
        """Who asks, and whether signing in is asked for."""
        caller = caller_of(request)
        if caller is not None:
            return session_out(caller)
        state: Literal["set_up", "login"] = "login" if self._access.has_users() else "set_up"
        return SessionOut(state=state, name=None, kind=None, role=None, schools=None)

    def sign_in(self, body: LoginIn, request: Request, response: Response) -> SessionOut:
        """Sign in; the answer sets the session's cookie."""
        found = self._access.sign_in(body.name, body.password, _address(request))
        if found is None:
            raise Refused(401, "wrong_login", headers={"WWW-Authenticate": "Bearer"})
        user, cookie = found
        self._audit.record(user.caller(), "session.begin", user.name, {"address": _address(request)})
        return self._signed_in(response, user, cookie)

    def sign_out(self, request: Request, response: Response) -> None:
        """Sign out; it is no mistake to be out already."""
        cookie = request.cookies.get(self._cookie)
        if cookie is not None:
            self._access.sessions.end(cookie)
        response.delete_cookie(self._cookie, httponly=True, samesite="strict", secure=self._secure)

    def first(self, body: FirstIn, request: Request, response: Response) -> SessionOut:
        """Make the first administrator, while there are no users, and sign them in."""
        shown = shown_by(request, self._cookie)
        user, cookie = self._access.set_up(body.name, body.password, body.code, shown, _address(request))
        self._audit.record(user.caller(), "user.add", user.name, {"role": user.role, "first": True})
        return self._signed_in(response, user, cookie)

    def password(self, body: PasswordIn, caller: Viewer, request: Request, response: Response) -> None:
        """Change one's own password. Every other session of one's own is over."""
        if caller.kind != "user":
            raise Refused(403, "no_password")
        if not self._access.confirm(caller.name, body.current, _address(request)):
            raise invalid("current", "wrong_password")
        try:
            self._access.users.set_password(caller.name, body.new)
        except UsageError as error:
            raise refused_at("new", error) from error
        self._audit.record(caller, "user.password", caller.name)
        user = self._access.users.get(caller.name)
        if user is not None:
            self._signed_in(response, user, self._access.sessions.start(user))

    def _signed_in(self, response: Response, user: User, cookie: str) -> SessionOut:
        response.set_cookie(
            self._cookie,
            cookie,
            max_age=self._longest_s,
            httponly=True,
            samesite="strict",
            secure=self._secure,
        )
        return session_out(user.caller())


def router(services: Services) -> APIRouter:
    """The routes over `services`; but for the password they are open to everybody."""
    routes = APIRouter(prefix="/session", tags=["session"])
    door, problems = Door(services), ProblemDocument.responses
    routes.get("")(door.who_am_i)
    routes.post("", responses=problems(401, 422, 429, 503))(door.sign_in)
    routes.delete("", status_code=204)(door.sign_out)
    routes.post("/first", status_code=201, responses=problems(409, 422, 429, 503))(door.first)
    routes.put("/password", status_code=204, responses=problems(403, 422, 429, 503))(door.password)
    return routes


def session_out(caller: Caller) -> SessionOut:
    """Who `caller` is."""
    return SessionOut(
        state="open" if caller.kind == "local" else "in",
        name=caller.name,
        kind=caller.kind,
        role=caller.role,
        schools=None if caller.schools is None else sorted(caller.schools),
    )


def _address(request: Request) -> str:
    return request.client.host if request.client else "unknown"
