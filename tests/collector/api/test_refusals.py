"""Every refusal has a code, and every code a text in both languages, as many as there are ways to refuse."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any, get_args

import pytest
from page_backend import Backend, district
from pydantic_core import PydanticKnownError, core_schema
from registry_backend import with_registry

from schoolpulse.api.problems import TITLES, code_of
from schoolpulse.i18n import catalogue
from schoolpulse_agent import wire

API = "/api/v1"
SOURCE = Path(str(files("schoolpulse")))
ROOMS = ("access", "api", "enrolment", "registry", "reports", "stores/windows.py")
"""What requests lead into."""
CODE_AT = {"Refused": 1, "invalid": 1, "not_found": 0, "Reason": 0, "AreaTaken": 0, "DoesNotFit": 0}
"""Which argument is the code."""
FOR_PAGES = {"UsageError", "Clash", "ConfigError", "TooOften", "ReportBusy", "ReportFailed"}
"""Errors of the drawn tree that become answers, and so need to say why."""
HANDED_ON = {"wrong.code", "mistake.code", "str(error)"}
"""Codes that a room below chose: the registry's mistakes, and those of areas and periods."""
OF_FILES = "file_refused"
OF_VALUES: set[Any] = set(get_args(core_schema.ErrorType))
"""Pydantic's own words."""


def calls() -> Iterator[tuple[str, str, ast.Call]]:
    """Every call of a name in the rooms, with where it stands."""
    for room in ROOMS:
        for path in sorted((SOURCE / room).rglob("*.py")) or [SOURCE / room]:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                    yield f"{path.relative_to(SOURCE)}:{node.lineno}", node.func.id, node


def raised() -> dict[str, list[tuple[str, ast.Call]]]:
    """Where each code is, as it stands in the source."""
    found: dict[str, list[tuple[str, ast.Call]]] = {}
    for place, name, call in calls():
        if name not in CODE_AT:
            continue
        code = call.args[CODE_AT[name]]
        if isinstance(code, ast.Constant) and isinstance(code.value, str):
            word = f"{code.value}_not_found" if name == "not_found" else code.value
            found.setdefault(word, []).append((place, call))
        elif not place.startswith("api/problems.py"):  # which hands on what others say
            assert ast.unparse(code) in HANDED_ON, place
    return found


def texts(room: str) -> dict[str, Mapping[str, str]]:
    return {
        key.removeprefix(room): text
        for key, text in catalogue().items()
        if key.startswith(room) and not key.endswith("_hint")
    }


def names(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_what_can_be_refused_has_a_text_and_no_text_is_idle() -> None:
    of_status = {code_of(status) for status in TITLES}
    everything = {*raised(), *of_status, OF_FILES, *wire.REFUSALS}
    written, mistakes = texts("refusal."), texts("registry.mistake.")
    assert everything - written.keys() - mistakes.keys() == set()
    assert written.keys() - everything - OF_VALUES == set()
    assert written.keys() & mistakes.keys() == set(), "a code would mean two things"


def test_both_languages_are_filled_with_what_is_sent() -> None:
    found = raised()
    for code, text in (texts("registry.mistake.") | texts("refusal.")).items():
        assert names(text["vi"]) == names(text["en"]), code
        for place, call in found.get(code, ()):
            filled = len(call.args) > 2 or any(word.arg == "values" for word in call.keywords)
            assert filled == bool(names(text["en"])), (place, code)


@pytest.mark.parametrize("code", sorted(OF_VALUES & texts("refusal.").keys()))
def test_what_pydantic_refuses_is_filled_with_what_it_sends(code: Any) -> None:
    values: dict[str, Any] = dict.fromkeys(names(catalogue()[f"refusal.{code}"]["vi"]), 1)
    unseen = {"expected": "", "pattern": "", "error": ""}  # what no text of ours repeats
    assert PydanticKnownError(code, {**unseen, **values}).context == {**unseen, **values}


def test_every_error_that_becomes_an_answer_says_why_for_pages() -> None:
    silent = {
        place
        for place, name, call in calls()
        if name in FOR_PAGES and not any(word.arg == "why" for word in call.keywords)
    }
    # A plan with mistakes gets no token, so that nobody can ask for it to be done.
    assert {place.partition(":")[0] for place in silent} <= {"registry/plan.py"}


@pytest.fixture
def backend(clock: Any) -> Iterator[Backend]:
    with with_registry(district(3), clock) as made:
        yield made


def refused(client: Any, method: str, path: str, status: int, **arguments: Any) -> dict[str, Any]:
    answer = client.request(method, API + path, **arguments)
    assert answer.status_code == status, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_a_refusal_says_why_in_a_word_with_its_values(client: Any, backend: Backend) -> None:
    there = next(one for one in backend.registry.schools() if one.agent_id)
    body = {"id": "moi", "name": "Mới", "agent_id": there.agent_id}
    problem = refused(client, "POST", "/schools", 409, json=body)
    assert (problem["code"], problem["values"]) == ("agent_elsewhere", {"school": there.id})
    assert problem["detail"] == f"the agent stands at {there.id}: take it away there first"
    assert "errors" not in problem
    missing = refused(client, "GET", "/schools/nobody", 404)
    assert (missing["code"], missing["detail"]) == ("school_not_found", "No school has that id.")
    assert "values" not in missing
    assert refused(client, "GET", "/nothing", 404)["code"] == "not_found"


@pytest.mark.parametrize(
    ("body", "where", "code", "values"),
    [
        ({"name": ""}, "name", "string_too_short", {"min_length": 1}),
        ({"name": "=1+1"}, "name", "starts_formula", {"start": "="}),
        ({"area": ["TP.HCM", "a/b"]}, "area", "area_name", {}),
        ({"lat": 91}, "lat", "less_than_equal", {"le": 90}),
        ({"lat": True}, "lat", "float_type", {}),
        ({"area": "TP.HCM"}, "area", "invalid_value", {}),
    ],
)
def test_a_field_at_fault_has_a_code_of_its_own(
    client: Any, body: dict[str, Any], where: str, code: str, values: dict[str, Any]
) -> None:
    problem = refused(client, "POST", "/schools", 422, json={"id": "moi", "name": "Mới", **body})
    [fault] = problem["errors"]
    assert (fault["where"], fault["code"], fault.get("values", {})) == (where, code, values)
    assert problem["code"] == "invalid"
    assert problem["detail"] == f"{where}: {fault['message']}"


def test_errors_of_other_rooms_name_their_field_too(client: Any, backend: Backend) -> None:
    user = {"name": "lan", "password": "short", "role": "admin"}
    problem = refused(client, "POST", "/users", 422, json=user)
    assert problem["errors"] == [
        {
            "where": "password",
            "code": "password_length",
            "message": "10 to 200 characters",
            "values": {"shortest": 10, "longest": 200},
        }
    ]
    assert problem["detail"] == "password: 10 to 200 characters"
