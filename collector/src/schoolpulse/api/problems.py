"""Every refusal and failure as a problem document (RFC 9457), with a code that pages have texts for.

The texts are ``refusal.<code>`` of the catalogue (``i18n/refusals.toml``), whose English the document says.
What is wrong with one value may also be the registry's mistake or pydantic's error; decision 0804.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from starlette.exceptions import HTTPException

from schoolpulse.errors import (
    Clash,
    Reason,
    ReportBusy,
    ReportFailed,
    SchoolPulseError,
    SinkUnavailable,
    TooOften,
    UsageError,
)
from schoolpulse.i18n import catalogue, translate

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
TITLES = {
    400: "The request cannot be understood",
    401: "It is not known who asks",
    403: "The one who asks may not do this",
    404: "There is no such thing here",
    405: "This cannot be done here",
    406: "There is no such form of it",
    409: "It is not in a state for this",
    412: "It has changed meanwhile",
    413: "The request is too large",
    415: "The body is of another kind than expected",
    422: "The request asks for something that cannot be",
    428: "Say which version is meant",
    429: "Too often; wait a little",
    500: "The collector made a mistake",
    503: "Not available now",
}
_WORDS = {
    400: "bad-request",
    401: "unauthenticated",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    406: "not-acceptable",
    409: "conflict",
    412: "changed-meanwhile",
    413: "too-large",
    415: "unsupported-media-type",
    422: "invalid",
    428: "precondition-required",
    429: "too-often",
    500: "internal",
    503: "unavailable",
}


MISTAKE = "registry."
"""Before the codes of the registry's mistakes, where pydantic names a kind of error."""
_LATER = {"Retry-After": "30"}


class Refused(HTTPException):
    """A request that is refused, for a reason that has a text.

    Args:
        status: the HTTP status.
        code: a word that never changes; its texts are ``refusal.<code>``.
        where: the parameter or field at fault; empty where it is none.
        values: fill the names in the texts.
        headers: of the answer.
    """

    def __init__(
        self,
        status: int,
        code: str,
        where: str = "",
        /,
        *,
        values: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self.why = Reason(code, where, values or {})
        words = words_of(self.why)
        super().__init__(status, f"{where}: {words}" if where else words, dict(headers) if headers else None)

    def answer(self) -> JSONResponse:
        """As a response."""
        return problem(self.status_code, self.detail, self.why, headers=self.headers)


class RefusedFile(Refused):
    """A file that is refused, with all that is wrong with it."""

    def __init__(self, status: int, detail: str, faults: Sequence[Mapping[str, Any]]) -> None:
        super().__init__(status, "file_refused")
        self.detail = detail
        self.faults = faults

    def answer(self) -> JSONResponse:
        """As a response."""
        return problem(self.status_code, self.detail, self.why, faults=self.faults)


def not_found(what: str) -> Refused:
    """404 for a thing by its name, without repeating what was asked for."""
    return Refused(404, f"{what}_not_found")


def invalid(where: str, code: str, values: Mapping[str, object] | None = None) -> Refused:
    """422 for one parameter."""
    return Refused(422, code, where, values=values)


def refused_at(where: str, error: UsageError) -> Refused:
    """422 for one parameter, for the reason that `error` has."""
    why = error.why or Reason("invalid_value")
    return invalid(where, why.code, why.values)


def unknown_caller() -> Refused:
    """401."""
    return Refused(401, "unauthenticated", headers={"WWW-Authenticate": "Bearer"})


def database_away() -> Refused:
    """503 while nobody can be asked anything."""
    return Refused(503, "database_away", headers={"Retry-After": "5"})


def words_of(why: Reason) -> str:
    """The reason in English."""
    own = f"refusal.{why.code}"
    return translate(own if own in catalogue() else f"registry.mistake.{why.code}", "en", **why.values)


def code_of(status: int) -> str:
    """The code of what has no reason but its status."""
    if status == 413:
        return "body_too_large"  # a file that is too large is the registry's mistake
    return _WORDS.get(status, f"http-{status}").replace("-", "_")


def problem(
    status: int,
    detail: str,
    why: Reason | None = None,
    *,
    faults: Sequence[Mapping[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The problem document as a response; a reason that names a field is a fault of that field."""
    if why is not None and why.where:
        faults, why = [fault(why, words_of(why))], None
    body: dict[str, Any] = {
        "type": f"urn:schoolpulse:problem:{_WORDS.get(status, 'http-' + str(status))}",
        "title": TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
        **_said(why or Reason(code_of(status))),
    }
    if faults:
        body["errors"] = list(faults)
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


def fault(why: Reason, message: str) -> dict[str, Any]:
    """One of a document's ``errors``."""
    return {"where": why.where, "message": message, **_said(why)}


def _said(why: Reason) -> dict[str, Any]:
    plain = (str, int, float)
    values = {name: one if isinstance(one, plain) else str(one) for name, one in why.values.items()}
    return {"code": why.code} | ({"values": values} if values else {})


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    if isinstance(error, Refused):
        return error.answer()
    return problem(error.status_code, str(error.detail), headers=error.headers)


async def _validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    faults = [fault(_reason(one), str(one["msg"])) for one in error.errors()[:20]]
    return problem(422, "; ".join(f"{one['where']}: {one['message']}" for one in faults), faults=faults)


def _reason(error: Mapping[str, Any]) -> Reason:
    """Why pydantic refuses a value: its own word for it, where that has a text."""
    names = [part for part in error["loc"] if isinstance(part, str)]  # numbers count within a list
    where = names[-1] if names else "request"
    kind = str(error["type"])
    if not kind.startswith(MISTAKE) and f"refusal.{kind}" not in catalogue():
        return Reason("invalid_value", where)
    values = {name: value for name, value in error.get("ctx", {}).items() if name != "message"}
    return Reason(kind.removeprefix(MISTAKE), where, values)


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SinkUnavailable)  # noqa: S101  # registered for nothing else
    retry_s = error.retry_after_s if error.retry_after_s is not None else 5
    return problem(503, str(error), headers={"Retry-After": str(max(1, round(retry_s)))})


async def _usage(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UsageError)  # noqa: S101  # registered for nothing else
    status = 409 if isinstance(error, Clash) else 422
    return problem(status, f"{error}: {error.hint}" if error.hint else str(error), error.why)


async def _too_often(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooOften)  # noqa: S101  # registered for nothing else
    headers = {"Retry-After": str(max(1, ceil(error.retry_after_s)))}
    return problem(429, str(error), error.why, headers=headers)


async def _report(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SchoolPulseError)  # noqa: S101  # registered for two of these
    return problem(503, str(error), error.why, headers=_LATER)


async def _database(_request: Request, error: Exception) -> JSONResponse:
    # What was asked for is no part of the message: it may hold passwords.
    _log.warning("the database does not answer: %s", type(error).__name__)
    return database_away().answer()


async def _mistake(_request: Request, _error: Exception) -> JSONResponse:
    # The server logs it with its traceback.
    return problem(500, "The log of the collector says more.")


def install(app: FastAPI) -> None:
    """Let `app` answer every error with a problem document."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(SinkUnavailable, _unavailable)
    app.add_exception_handler(UsageError, _usage)
    app.add_exception_handler(TooOften, _too_often)
    for later in (ReportBusy, ReportFailed):
        app.add_exception_handler(later, _report)
    for away in (OperationalError, InterfaceError, PoolTimeout):
        app.add_exception_handler(away, _database)
    app.add_exception_handler(Exception, _mistake)


class ProblemDocument:
    """The OpenAPI description of a problem answer, for ``responses=``."""

    @staticmethod
    def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
        """Descriptions of `statuses`, each with its own example."""
        return {
            status: {
                "description": TITLES[status],
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "example": {
                            "type": f"urn:schoolpulse:problem:{_WORDS[status]}",
                            "title": TITLES[status],
                            "status": status,
                            "detail": "What is wrong with this request.",
                            "code": code_of(status),
                        },
                    }
                },
            }
            for status in statuses
        }
