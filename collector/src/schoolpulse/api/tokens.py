"""``/api/v1/tokens``: for programs."""

from __future__ import annotations

from typing import Annotated, Any, Self

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.access.models import Role
from schoolpulse.access.tokens import Token
from schoolpulse.api.guards import Admin
from schoolpulse.api.params import MAX_TIME_MS, known_schools
from schoolpulse.api.problems import ProblemDocument, not_found
from schoolpulse.api.services import Services
from schoolpulse.api.users import Schools

Prefix = Annotated[str, Path(pattern=r"^[a-z0-9]{10}$", examples=["k3v9m2xq7a"])]
_EXAMPLE: dict[str, Any] = {
    "prefix": "k3v9m2xq7a",
    "name": "grafana",
    "role": "viewer",
    "schools": None,
    "created_ms": 1_772_409_600_000,
    "created_by": "lan.nguyen",
    "expires_ms": 1_803_945_600_000,
    "revoked_ms": None,
    "used_ms": None,
    "works": True,
}


class TokenIn(BaseModel):
    """A token for a program."""

    name: Annotated[str, Field(min_length=1, max_length=64, pattern=r"^[^\x00-\x1f]+$", examples=["grafana"])]
    role: Annotated[Role, Field(examples=["viewer"])]
    schools: Schools = None
    expires_ms: Annotated[int | None, Field(ge=0, le=MAX_TIME_MS, examples=[1_803_945_600_000])] = None


class TokenOut(BaseModel):
    """What is known of a token."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    prefix: str = Field(description="The part by which it is recognised; no secret")
    name: str
    role: Role
    schools: list[str] | None
    created_ms: int
    created_by: str
    expires_ms: int | None
    revoked_ms: int | None
    used_ms: int | None = Field(description="When it was last used, to the minute")
    works: bool = Field(description="Neither revoked nor expired")

    @classmethod
    def of(cls, token: Token, now_ms: int) -> Self:
        """From the room's token."""
        return cls(
            prefix=token.prefix,
            name=token.name,
            role=token.role,
            schools=None if token.schools is None else sorted(token.schools),
            created_ms=token.created_ms,
            created_by=token.created_by,
            expires_ms=token.expires_ms,
            revoked_ms=token.revoked_ms,
            used_ms=token.used_ms,
            works=token.works(now_ms),
        )


class TokenMade(BaseModel):
    """A new token; `token` is shown this once."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"token": "spt_k3v9m2xq7a_" + "x" * 43, "about": _EXAMPLE}]}
    )

    token: str
    about: TokenOut


class TokensOut(BaseModel):
    """A page of tokens, the newest first. `next` is the cursor of the page after, null on the last."""

    items: list[TokenOut]
    next: str | None = Field(examples=[None])


def router(services: Services) -> APIRouter:
    """The routes over `services`."""
    routes = APIRouter(prefix="/tokens", tags=["tokens"])
    tokens, audit, clock = services.access.tokens, services.audit, services.clock

    @routes.get("", responses=ProblemDocument.responses(422))
    def list_tokens(
        _caller: Admin,
        after: Annotated[
            str | None, Query(pattern=r"^[a-z0-9]{10}$", description="`next` of the page before")
        ] = None,
        limit: Annotated[int, Query(ge=1, le=500)] = 100,
    ) -> TokensOut:
        """Tokens, the newest first, revoked and expired ones too."""
        found = tokens.list(after=after, limit=limit + 1)
        items = [TokenOut.of(token, clock.now_ms()) for token in found[:limit]]
        return TokensOut(items=items, next=items[-1].prefix if len(found) > limit else None)

    @routes.post("", status_code=201, responses=ProblemDocument.responses(422))
    def create(body: TokenIn, caller: Admin) -> TokenMade:
        """A new token. Its text is in this answer and nowhere else, ever."""
        known_schools(services, body.schools)
        token, text = tokens.create(
            caller, body.role, name=body.name, schools=body.schools, expires_ms=body.expires_ms
        )
        detail = body.model_dump(exclude_defaults=True)
        audit.record(caller, "token.create", token.prefix, detail)
        return TokenMade(token=text, about=TokenOut.of(token, clock.now_ms()))

    @routes.get("/{prefix}", responses=ProblemDocument.responses(404))
    def token(prefix: Prefix, _caller: Admin) -> TokenOut:
        """One token."""
        found = tokens.get(prefix)
        if found is None:
            raise not_found("token")
        return TokenOut.of(found, clock.now_ms())

    @routes.delete("/{prefix}", status_code=204, responses=ProblemDocument.responses(404))
    def revoke(prefix: Prefix, caller: Admin) -> None:
        """Let a token work no more, at once."""
        if tokens.get(prefix) is None:
            raise not_found("token")
        tokens.revoke(prefix)
        audit.record(caller, "token.revoke", prefix)

    return routes
