"""The published contract is current, and says what the decoder does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from contract.malformed import cases
from contract.malformed_base import Case
from jsonschema import Draft202012Validator

from schoolpulse.contract import publish
from schoolpulse.contract.reasons import Reason
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

SAMPLES = sorted((Path(__file__).parent / "samples/v1").iterdir())
VALIDATORS = {kind: Draft202012Validator(schema) for kind, schema in publish.schemas().items()}
BEYOND_A_SCHEMA = {
    *(
        Reason.BAD_TOPIC,
        Reason.UNEXPECTED_KIND,
        Reason.EMPTY,
        Reason.TOO_LARGE,
        Reason.NOT_UTF8,
        Reason.BAD_JSON,
    ),
    *(Reason.NESTED_TOO_DEEP, Reason.CONTROL_CHARACTER, Reason.DUPLICATE_COLUMN, Reason.RESERVED_NAME),
    *(Reason.TIME_IN_FUTURE, Reason.TIME_TOO_OLD, Reason.NOT_FINITE),
}
"""What contract.md says in words."""
SHAPE = [case for case in cases() if case.reason not in BEYOND_A_SCHEMA and case.topic.count("/") == 3]


def test_the_files_are_current(capsys: pytest.CaptureFixture[str]) -> None:
    """``python -m schoolpulse.contract.publish`` writes them."""
    assert publish.main(["--check"]) == 0, capsys.readouterr().err


def test_a_stale_file_is_told_and_then_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert publish.main(["--folder", str(tmp_path)]) == 0
    assert publish.main(["--folder", str(tmp_path), "--check"]) == 0
    (tmp_path / "state.schema.json").write_text("{}")
    assert publish.main(["--folder", str(tmp_path), "--check"]) == 1
    assert "not current: state.schema.json" in capsys.readouterr().err
    assert publish.main(["--folder", str(tmp_path)]) == 0
    assert publish.main(["--folder", str(tmp_path), "--check"]) == 0


@pytest.mark.parametrize("kind", VALIDATORS, ids=str)
def test_a_schema_is_a_schema(kind: Kind) -> None:
    Draft202012Validator.check_schema(publish.schemas()[kind])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_samples_keep_the_schemas(path: Path) -> None:
    VALIDATORS[Kind(path.name.split(".")[1])].validate(json.loads(path.read_bytes()))


@pytest.mark.parametrize("case", SHAPE, ids=lambda case: case.name)
def test_what_the_decoder_refuses_for_its_shape_the_schema_refuses_too(case: Case) -> None:
    message = json.loads(case.payload)
    if case.reason is Reason.BAD_ROW_WIDTH and all(len(row) == 3 for row in message["blocks"][0]["rows"]):
        return  # how many values belong into a row is beyond a schema
    if "a\\n" in case.name:
        return  # Python's `$`, unlike that of ECMA-262 and pydantic, lets a newline follow
    if case.name in {"v=1.0", "birth {'v': 1.0}", "many rows in two"}:
        return  # JSON Schema takes 1.0 for an integer and cannot add up; the decoder does
    kind = Kind(case.topic.rsplit("/", 1)[1])
    assert not VALIDATORS[kind].is_valid(message)


def test_every_reference_of_the_asyncapi_document_leads_somewhere() -> None:
    document = publish.asyncapi()
    names = publish.files().keys()

    def check(value: Any) -> int:
        if isinstance(value, list):
            return sum(check(item) for item in value)
        if not isinstance(value, dict):
            return 0
        if "$ref" not in value:
            return sum(check(item) for item in value.values())
        target = value["$ref"]
        if target.startswith("./"):
            assert target.removeprefix("./") in names
            return 1
        place = document
        for step in target.removeprefix("#/").split("/"):
            place = place[step]
        return 1

    assert check(document) >= 4 * len(publish.MESSAGES)
    assert {channel["address"] for channel in document["channels"].values()} == {
        wire.topic("{agentId}", kind) for kind in publish.MESSAGES
    }
    sends = {name for name, operation in document["operations"].items() if operation["action"] == "send"}
    assert sends == {kind.value for kind in wire.FROM_AGENT}


def test_the_vendors_page_names_every_reason_and_every_limit() -> None:
    page = (publish.FOLDER.parent / "contract.md").read_text("utf-8")
    for reason in Reason:
        assert f"`{reason}` | {reason.explain}" in page
    for limit in (
        wire.MAX_MESSAGE_BYTES // 1024,
        wire.MAX_BLOCKS,
        wire.MAX_COLUMNS,
        wire.MAX_STRING_CHARS,
        wire.MAX_CONFIRM_RANGES,
    ):
        assert f" {limit} " in page
    assert f" {wire.MAX_ROWS:,} " in page
