"""Types of what the registry's routes take: text is held to the same rules as an import's cells."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError, PydanticKnownError

from schoolpulse.api.problems import MISTAKE
from schoolpulse.registry import values
from schoolpulse.registry.mistakes import Wrong
from schoolpulse.registry.values import Parser

_PLAIN = r"^[^\x00-\x1f]*$"
_NOT_EMPTY = r"^[^\x00-\x20=+@-][^\x00-\x1f]*$"


def _by(parse: Parser) -> AfterValidator:
    def check(value: Any) -> Any:
        text = value.strip() if isinstance(value, str) else str(value)
        if not text:
            return ""
        try:
            return parse(text)
        except Wrong as wrong:
            said = {"message": wrong.at("").message("en")}
            raise PydanticCustomError(MISTAKE + wrong.code, "{message}", {**wrong.values, **said}) from wrong

    return AfterValidator(check)


def _not_a_boolean(value: Any) -> Any:
    if isinstance(value, bool):
        raise PydanticKnownError("float_type")
    return value


Provider = Annotated[
    str, Field(max_length=64, json_schema_extra={"pattern": _PLAIN}, examples=["VNPT"]), _by(values.text(64))
]
Technology = Annotated[
    str,
    Field(min_length=1, max_length=32, json_schema_extra={"pattern": _NOT_EMPTY}, examples=["fibre"]),
    _by(values.text(32)),
]
Name = Annotated[
    str,
    Field(min_length=1, max_length=200, json_schema_extra={"pattern": _NOT_EMPTY}, examples=["THCS Gò Vấp"]),
    _by(values.text(200)),
]
Text = Annotated[str, Field(max_length=200, json_schema_extra={"pattern": _PLAIN}), _by(values.text(200))]
DeviceId = Annotated[
    str,
    Field(min_length=1, max_length=128, json_schema_extra={"pattern": _NOT_EMPTY}, examples=["ap-tang-2"]),
    _by(values.text(128)),
]
Parent = Annotated[str, Field(max_length=128, json_schema_extra={"pattern": _PLAIN}), _by(values.text(128))]
NewSchoolId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$", examples=["thcs-go-vap"])]
AgentId = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$", examples=["gw-thcs-go-vap"])]
Level = Literal["", "mam_non", "tieu_hoc", "thcs"]
AreaName = Annotated[
    str,
    Field(
        min_length=1,
        max_length=200,
        json_schema_extra={"pattern": r"^[^\x00-\x20=+@/-][^\x00-\x1f/]*$"},
        examples=["Phường 10"],
    ),
    _by(values.area_name),
]
AreaPath = Annotated[
    list[AreaName],
    Field(max_length=16, description="From the top down", examples=[["TP.HCM", "Gò Vấp", "Phường 10"]]),
]
Lat = Annotated[float, Field(ge=-90, le=90), BeforeValidator(_not_a_boolean)]
Lon = Annotated[float, Field(ge=-180, le=180), BeforeValidator(_not_a_boolean)]
Mbps = Annotated[float, Field(ge=0, le=1_000_000), BeforeValidator(_not_a_boolean)]
Cost = Annotated[float, Field(ge=0, le=1e12), BeforeValidator(_not_a_boolean)]
Currency = Annotated[str, Field(pattern=r"^([A-Z]{3})?$", description="ISO 4217; VND if absent")]
Day = Annotated[
    date, Field(ge=date(1970, 1, 1), le=date(2099, 12, 31), description="Begins at midnight in Vietnam")
]
Kind = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,31}$", examples=["access_point"])]
Phone = Annotated[str, Field(pattern=r"^$|^\+?[0-9][0-9 ().-]{2,38}$", examples=["028 3894 0000"])]
Email = Annotated[str, Field(max_length=254), _by(values.email)]


def etag_of(*parts: object) -> str:
    """A strong entity tag of what is recorded."""
    return '"' + hashlib.sha256(repr(parts).encode()).hexdigest()[:20] + '"'
