"""``/api/v1/users``: who may sign in. Nobody is removed, since the record names them: they are disabled."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Role
from schoolpulse.access.users import User
from schoolpulse.api.guards import Admin
from schoolpulse.api.params import known_schools
from schoolpulse.api.problems import ProblemDocument, not_found
from schoolpulse.api.services import Services

_NAME = r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$"
UserName = Annotated[str, Path(pattern=_NAME, examples=["lan.nguyen"])]
Password = Annotated[str, Field(min_length=1, max_length=200, examples=["bốn từ không ai đoán"])]
Schools = Annotated[
    list[Annotated[str, Field(max_length=128)]] | None,
    Field(max_length=2_000, description="Ids of schools that it is limited to; null for all"),
]


class UserIn(BaseModel):
    """Somebody new."""

    name: Annotated[str, Field(pattern=_NAME, examples=["lan.nguyen"])]
    password: Password
    role: Annotated[Role, Field(examples=["operator"])]
    schools: Schools = None


class UserChange(BaseModel):
    """What is to be different; what is left out stays."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"role": "viewer", "schools": ["thcs-go-vap"]}]}
    )

    role: Role | None = None
    schools: Schools = None
    disabled: bool | None = None


class PasswordIn(BaseModel):
    """A new password."""

    password: Password


class UserOut(BaseModel):
    """Somebody who may sign in."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "lan.nguyen",
                    "role": "operator",
                    "schools": None,
                    "disabled": False,
                    "created_ms": 1_772_409_600_000,
                    "password_ms": 1_772_409_600_000,
                    "seen_ms": 1_772_413_200_000,
                }
            ]
        }
    )

    name: str
    role: Role
    schools: list[str] | None
    disabled: bool
    created_ms: int
    password_ms: int = Field(description="When the password was set")
    seen_ms: int | None = Field(description="When they signed in last")

    @classmethod
    def of(cls, user: User) -> Self:
        """From the room's user."""
        return cls(
            name=user.name,
            role=user.role,
            schools=None if user.schools is None else sorted(user.schools),
            disabled=user.disabled,
            created_ms=user.created_ms,
            password_ms=user.password_ms,
            seen_ms=user.seen_ms,
        )


class UsersOut(BaseModel):
    """A page of users by name. `next` is the cursor of the page after, null on the last."""

    items: list[UserOut]
    next: str | None = Field(examples=[None])


def router(services: Services) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(prefix="/users", tags=["users"])
    users, audit = services.access.users, services.audit

    def known(name: str) -> User:
        user = users.get(name)
        if user is None:
            raise not_found("user")
        return user

    @routes.get("", responses=ProblemDocument.responses(422))
    def list_users(
        _caller: Admin,
        after: Annotated[str, Query(max_length=64, description="`next` of the page before")] = "",
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> UsersOut:
        """Users by name, a page at a time."""
        found = users.list(after=after, limit=limit + 1)
        items = [UserOut.of(user) for user in found[:limit]]
        return UsersOut(items=items, next=items[-1].name if len(found) > limit else None)

    @routes.post("", status_code=201, responses=ProblemDocument.responses(409, 422))
    def add(body: UserIn, caller: Admin) -> UserOut:
        """Somebody new who may sign in."""
        known_schools(services, body.schools)
        user = users.add(body.name, body.password, body.role, body.schools)
        audit.record(caller, "user.add", user.name, {"role": user.role, "schools": body.schools})
        return UserOut.of(user)

    @routes.get("/{name}", responses=ProblemDocument.responses(404))
    def user(name: UserName, _caller: Admin) -> UserOut:
        """One user."""
        return UserOut.of(known(name))

    @routes.patch("/{name}", responses=ProblemDocument.responses(404, 409, 422))
    def change(name: UserName, body: UserChange, caller: Admin) -> UserOut:
        """Another role or other schools; disabled, with all sessions over, or enabled again."""
        before = known(name)
        asked: dict[str, Any] = body.model_dump(exclude_unset=True)
        known_schools(services, body.schools)
        user = users.change(
            name,
            role=body.role or before.role,
            schools=body.schools if "schools" in asked else before.schools,
            disabled=before.disabled if body.disabled is None else body.disabled,
        )
        audit.record(caller, "user.change", user.name, asked)
        return UserOut.of(user)

    @routes.put("/{name}/password", status_code=204, responses=ProblemDocument.responses(404, 422))
    def password(name: UserName, body: PasswordIn, caller: Admin) -> None:
        """Give somebody a new password. All sessions of theirs are over."""
        users.set_password(known(name).name, body.password)
        audit.record(caller, "user.password", name)

    return routes
