"""What the OpenAPI says of every route alike: roles, refusals, problem documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from schoolpulse.access.models import Role
from schoolpulse.api.examples import Examples
from schoolpulse.api.guards import EVERYWHERE
from schoolpulse.api.problems import ProblemDocument
from schoolpulse.api.schemas import Problem

_SAFE = ("get", "head")
_METHODS = (*_SAFE, "post", "put", "patch", "delete")


def complete(app: FastAPI) -> None:
    """Let the OpenAPI of `app` say what holds for all routes, so that none has to."""
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = generate()
            components = document.setdefault("components", {})
            schemas = components.setdefault("schemas", {})
            problem = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
            schemas |= problem.pop("$defs")
            schemas["Problem"] = problem
            for method, operation in _operations(document):
                _describe(method, operation)
                _exemplify(operation, Examples(schemas))
            for unused in ("HTTPValidationError", "ValidationError"):
                schemas.pop(unused, None)
            app.openapi_schema = document
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI's documented way to extend it


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for item in document["paths"].values():
        for method, operation in item.items():
            if method in _METHODS:
                yield method, operation


def _describe(method: str, operation: dict[str, Any]) -> None:
    responses = operation.setdefault("responses", {})
    statuses: set[int] = set()
    needs = {word for scheme in operation.get("security", ()) for words in scheme.values() for word in words}
    if "security" in operation:
        role = max((Role(word) for word in needs - {EVERYWHERE}), key=list(Role).index, default=Role.VIEWER)
        words = [str(role), *([EVERYWHERE] if EVERYWHERE in needs else [])]
        operation["security"] = [{"token": words}, {"session": words}]
        whom = " without a limit to schools" if EVERYWHERE in needs else ""
        said = operation.get("description", "")
        operation["description"] = f"{said}\n\nNeeds the role **{role}**{whom}.".strip()
        statuses |= {401, 503} | ({403} if role is not Role.VIEWER else set())
    if method not in _SAFE:
        statuses |= {403}
    if "requestBody" in operation:
        statuses |= {400, 413, 422}
    if "422" in responses or operation.get("parameters"):
        statuses |= {422}
    ours = responses.get("422", {}).get("content", {}).keys()
    if ours and "application/json" in ours:
        del responses["422"]  # FastAPI's own form of it, which nobody gets here
    if method == "get" and "application/json" in responses.get("200", {}).get("content", {}):
        responses.setdefault("304", {"description": "It is still the one of `If-None-Match`"})
    for status, described in ProblemDocument.responses(*sorted(statuses)).items():
        responses.setdefault(str(status), described)
    operation["responses"] = dict(sorted(responses.items()))


def _exemplify(operation: dict[str, Any], examples: Examples) -> None:
    """Give an example to every JSON body that is asked for or answered."""
    bodies = [operation.get("requestBody", {}), *operation["responses"].values()]
    for body in bodies:
        for kind, content in body.get("content", {}).items():
            if kind == "application/json" and not {"example", "examples"} & content.keys():
                schema = content.get("schema", {})
                content["example"] = examples.whole(schema, examples.of(schema))
