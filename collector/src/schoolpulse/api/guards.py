"""Who may call a route: the parameter types that say it.

A route names the least that it needs by the type of a parameter::

    async def acknowledge(incident_id: str, caller: Operator) -> ...

Nobody known is answered 401, too small a role 403. What belongs to a school that the caller does not see
(`Caller.sees`) is answered 404 by the route itself, as if it were not there, and left out of lists.
`tests/collector/api/test_authorisation.py` asks every route as everybody: a new route gets its line there.
The OpenAPI names each route's role in its ``security``, where 3.1 puts roles; `api.document` does the rest.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request, Security
from fastapi.security import APIKeyCookie, HTTPAuthorizationCredentials, HTTPBearer

from schoolpulse.access.models import Caller, Role
from schoolpulse.api.gate import SESSION_COOKIE, caller_of
from schoolpulse.api.problems import Refused, unknown_caller

EVERYWHERE = "all-schools"
_Token = Annotated[
    HTTPAuthorizationCredentials | None,
    Depends(HTTPBearer(scheme_name="token", auto_error=False, description="An API token: `spt_...`")),
]
_Cookie = Annotated[
    str | None,
    Depends(
        APIKeyCookie(
            name=SESSION_COOKIE, scheme_name="session", auto_error=False, description="Who signed in"
        )
    ),
]


class Needs:
    """A dependency that lets pass who has `role`; with `everywhere`, only who is limited to no schools."""

    def __init__(self, role: Role, *, everywhere: bool = False) -> None:
        self.role = role
        self.everywhere = everywhere

    async def __call__(self, request: Request, _token: _Token, _cookie: _Cookie) -> Caller:
        """The caller, whom the gate has found out already.

        Raises:
            Refused: 401 or 403.
        """
        caller = caller_of(request)
        if caller is None:
            raise unknown_caller()
        if not caller.role.includes(self.role):
            roles = {"role": self.role, "own_role": caller.role}
            raise Refused(403, "role_needed", values=roles)
        if self.everywhere and caller.schools is not None:
            raise Refused(403, "all_schools_needed")
        return caller


viewer = Needs(Role.VIEWER)
operator = Needs(Role.OPERATOR)
district_operator = Needs(Role.OPERATOR, everywhere=True)
admin = Needs(Role.ADMIN, everywhere=True)

Viewer = Annotated[Caller, Security(viewer, scopes=[Role.VIEWER])]
"""Who reads."""
Operator = Annotated[Caller, Security(operator, scopes=[Role.OPERATOR])]
"""Who acts on what happens, perhaps for some schools only."""
DistrictOperator = Annotated[Caller, Security(district_operator, scopes=[Role.OPERATOR, EVERYWHERE])]
"""Who acts on what concerns all schools."""
Admin = Annotated[Caller, Security(admin, scopes=[Role.ADMIN, EVERYWHERE])]
"""Who changes what is; never limited to schools."""
