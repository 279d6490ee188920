"""Who may call a route: the parameter types that say it.

A route names the least that it needs by the type of a parameter::

    async def acknowledge(incident_id: str, caller: Operator) -> ...

Nobody known is answered 401, too small a role 403. What belongs to a school that the caller does not see
(`Caller.sees`) is answered 404 by the route itself, as if it were not there, and left out of lists.
`tests/collector/api/test_authorisation.py` asks every route as everybody: a new route gets its line there.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, Request

from schoolpulse.access.models import Caller, Role
from schoolpulse.api.problems import Refused


class Needs:
    """A dependency that lets pass who has `role`; with `everywhere`, only who is limited to no schools."""

    def __init__(self, role: Role, *, everywhere: bool = False) -> None:
        self.role = role
        self.everywhere = everywhere

    async def __call__(self, request: Request) -> Caller:
        """The caller.

        Raises:
            Refused: 401 or 403.
        """
        caller = request.scope.get("schoolpulse.caller")
        if not isinstance(caller, Caller):
            raise Refused(401, "Sign in, or send a token.", headers={"WWW-Authenticate": "Bearer"})
        if not caller.role.includes(self.role):
            raise Refused(403, f"This needs the role {self.role}; yours is {caller.role}.")
        if self.everywhere and caller.schools is not None:
            raise Refused(403, "This needs somebody who is responsible for all schools.")
        return caller


viewer = Needs(Role.VIEWER)
operator = Needs(Role.OPERATOR)
district_operator = Needs(Role.OPERATOR, everywhere=True)
admin = Needs(Role.ADMIN, everywhere=True)

Viewer = Annotated[Caller, Depends(viewer)]
"""Who reads."""
Operator = Annotated[Caller, Depends(operator)]
"""Who acts on what happens, perhaps for some schools only."""
DistrictOperator = Annotated[Caller, Depends(district_operator)]
"""Who acts on what concerns all schools."""
Admin = Annotated[Caller, Depends(admin)]
"""Who changes what is; never limited to schools."""
