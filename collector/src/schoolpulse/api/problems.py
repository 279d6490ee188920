"""Every refusal and failure as a problem document (RFC 9457)."""

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

from schoolpulse.errors import Clash, SinkUnavailable, TooOften, UsageError

_log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"
_TITLES = {
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


class Refused(HTTPException):
    """A request that is refused, with a sentence for whoever sent it.

    Args:
        status: the HTTP status.
        detail: what is wrong with this request.
        errors: the parameters at fault, each ``{"where", "message"}``.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        errors: Sequence[Mapping[str, str]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.errors = errors


def not_found(what: str) -> Refused:
    """404 for a thing by its name, without repeating what was asked for."""
    return Refused(404, f"No {what} has that id.")


def invalid(where: str, message: str) -> Refused:
    """422 for one parameter."""
    return Refused(422, f"{where}: {message}", [{"where": where, "message": message}])


def problem(
    status: int,
    detail: str,
    errors: Sequence[Mapping[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    """The problem document as a response."""
    body: dict[str, Any] = {
        "type": f"urn:schoolpulse:problem:{_WORDS.get(status, 'http-' + str(status))}",
        "title": _TITLES.get(status, "The request failed"),
        "status": status,
        "detail": detail,
    }
    if errors:
        body["errors"] = list(errors)
    return JSONResponse(body, status, dict(headers or {}), MEDIA_TYPE)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101  # registered for nothing else
    errors = error.errors if isinstance(error, Refused) else ()
    return problem(error.status_code, str(error.detail), errors, error.headers)


async def _validation(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101  # registered for nothing else
    errors = [
        {"where": str(fault["loc"][-1]) if fault["loc"] else "request", "message": str(fault["msg"])}
        for fault in error.errors()[:20]
    ]
    return problem(422, "; ".join(f"{fault['where']}: {fault['message']}" for fault in errors), errors)


async def _unavailable(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, SinkUnavailable)  # noqa: S101  # registered for nothing else
    retry_s = error.retry_after_s if error.retry_after_s is not None else 5
    return problem(503, str(error), headers={"Retry-After": str(max(1, round(retry_s)))})


async def _usage(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UsageError)  # noqa: S101  # registered for nothing else
    return problem(422, f"{error}: {error.hint}" if error.hint else str(error))


async def _clash(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, Clash)  # noqa: S101  # registered for nothing else
    return problem(409, f"{error}: {error.hint}" if error.hint else str(error))


async def _too_often(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, TooOften)  # noqa: S101  # registered for nothing else
    return problem(429, str(error), headers={"Retry-After": str(max(1, ceil(error.retry_after_s)))})


async def _database(_request: Request, error: Exception) -> JSONResponse:
    # What was asked for is no part of the message: it may hold passwords.
    _log.warning("the database does not answer: %s", type(error).__name__)
    return problem(503, "The database is away.", headers={"Retry-After": "5"})


async def _mistake(_request: Request, _error: Exception) -> JSONResponse:
    # The server logs it with its traceback.
    return problem(500, "The log of the collector says more.")


def install(app: FastAPI) -> None:
    """Let `app` answer every error with a problem document."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _validation)
    app.add_exception_handler(SinkUnavailable, _unavailable)
    app.add_exception_handler(UsageError, _usage)
    app.add_exception_handler(Clash, _clash)
    app.add_exception_handler(TooOften, _too_often)
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
                "description": _TITLES[status],
                "content": {
                    MEDIA_TYPE: {
                        "schema": {"$ref": "#/components/schemas/Problem"},
                        "example": {
                            "type": f"urn:schoolpulse:problem:{_WORDS[status]}",
                            "title": _TITLES[status],
                            "status": status,
                            "detail": "What is wrong with this request.",
                        },
                    }
                },
            }
            for status in statuses
        }
