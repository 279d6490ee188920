"""The whole API as its OpenAPI describes it: asked with all sorts of things, it answers nothing undocumented.

`schemathesis` makes the requests from the document: boundary values, missing and wrong parameters and
bodies. The same ones at every run. A route that fails says here which answer its ``responses=`` leave out,
or what it does not check before it uses it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from jsonschema import Draft202012Validator
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from whole_collector import Whole, whole_collector

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
ENDLESS = "/api/v1/events"
EXAMPLES = {GenerationMode.POSITIVE: 3, GenerationMode.NEGATIVE: 2}
"""Requests of each kind to each route; more of them find more, and take longer."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Whole]:
    with whole_collector(tmp_path_factory.mktemp("whole")) as made:
        yield made


def test_every_request_and_answer_has_an_example_that_fits(whole: Whole) -> None:
    document = whole.app.openapi()
    count, wrong = 0, []
    for path, item in document["paths"].items():
        for method, operation in item.items():
            for what, body in [("", operation.get("requestBody", {})), *operation["responses"].items()]:
                content = body.get("content", {}).get("application/json")
                if content is None:
                    continue
                count += 1
                schema = {**content["schema"], "components": document["components"]}
                validator = Draft202012Validator(schema)
                examples = [content["example"]] if "example" in content else content["examples"].values()
                faults = [fault.message for one in examples for fault in validator.iter_errors(one)]
                wrong += [f"{method.upper()} {path} {what}: {fault}" for fault in faults]
    assert count > 60
    assert not wrong, "give the field an example of its own (Field(examples=[..])):\n" + "\n".join(wrong)


@pytest.mark.parametrize("mode", GenerationMode)
def test_every_answer_is_a_documented_one(whole: Whole, mode: GenerationMode) -> None:
    """With what the document allows, and with what it does not."""
    promised = schemathesis.openapi.from_asgi("/api/v1/openapi.json", whole.app)
    found: dict[str, str] = {}
    count = 0
    for result in promised.exclude(path=ENDLESS).get_all_operations():
        operation: Any = result.ok()  # type: ignore[union-attr]  # a route that is no valid OpenAPI raises
        count += 1
        try:
            ask(operation, mode, whole)
        except Unsatisfiable:
            assert mode is GenerationMode.NEGATIVE, operation.label  # nothing about it can be wrong
        except (Exception, BaseExceptionGroup) as error:  # noqa: BLE001  # each route's, all at once
            found[operation.label] = str(error) + "".join(map(str, getattr(error, "exceptions", ())))
    assert count > 40
    assert not found, "\n\n".join(f"{label}\n{fault}" for label, fault in found.items())


def ask(operation: Any, mode: GenerationMode, whole: Whole) -> None:
    named = {one.name for one in operation.path_parameters}
    # What is allowed is asked of things that there are: of others it is all 404.
    real = {name: thing for name, thing in whole.ids.items() if name in named}
    path = real if mode is GenerationMode.POSITIVE else {}

    @settings(
        max_examples=EXAMPLES[mode],
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode, path_parameters=path or None))
    def of_one(case: Any) -> None:
        answer = case.call(headers=whole.headers("admin"))
        case.validate_response(answer, checks=CHECKS)

    of_one()
