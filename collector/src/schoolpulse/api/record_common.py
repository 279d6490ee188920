"""What the registry's routes share: finding what is meant, and refusing a change of what has changed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Header, Path

from schoolpulse.access.models import Caller
from schoolpulse.api.problems import Refused, not_found
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry

SchoolId = Annotated[str, Path(max_length=128, examples=["thcs-go-vap"])]
IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="The `ETag` (or the item's `etag`) of what was looked at",
        examples=['"5f0c2d1e9a7b3c4d8e6f"'],
    ),
]


@dataclass(frozen=True, slots=True)
class RegistryDesk:
    """The registry to write to, and the path of the area that is operated."""

    registry: Registry
    area: tuple[str, ...] = ()


def seen(desk: RegistryDesk, school_id: str, caller: Caller) -> School:
    """The school, open or closed, if the caller sees it.

    Raises:
        Refused: 404.
    """
    school = desk.registry.school(school_id)
    if school is None or not caller.sees(school_id):
        raise not_found("school")
    return school


def match(if_match: str | None, etag: str) -> None:
    """Look that a change is meant for what is there now.

    Raises:
        Refused: 428 without a tag, 412 with another one.
    """
    if if_match is None:
        raise Refused(428, "precondition_required")
    if if_match.strip() != "*" and etag not in [tag.strip() for tag in if_match.split(",")]:
        raise Refused(412, "changed_meanwhile", headers={"ETag": etag})
