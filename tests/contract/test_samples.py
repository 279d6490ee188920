"""Every message ever sent by a released agent must decode for ever: old gateways linger in schools.

Files here are only ever added. Their names end in the kind.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from contract.malformed_base import NOW_MS

from schoolpulse.contract.decode import decode
from schoolpulse.contract.models import Command, Confirm, Telemetry
from schoolpulse_agent import wire
from schoolpulse_agent.wire import Kind

SAMPLES = sorted((Path(__file__).parent / "samples/v1").iterdir())


def _kind(path: Path) -> Kind:
    return Kind(path.name.split(".")[1])


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_of_version_1_is_understood(path: Path) -> None:
    kind, payload = _kind(path), path.read_bytes()
    if kind is Kind.CONFIRM:
        assert wire.parse_confirm(payload).through == Confirm.model_validate_json(payload).through
        return
    if kind is Kind.COMMAND:
        command = Command.model_validate_json(payload)
        assert json.loads(command.model_dump_json(exclude_unset=True)) == json.loads(payload)
        return
    decoded = decode(wire.topic("thcs-go-vap", kind), payload, NOW_MS)
    assert decoded.kind is kind
    # What was written is what is read: nothing is renamed, rounded or dropped but unknown keys.
    again = decoded.body.model_dump_json(exclude_unset=True).encode()
    assert decode(wire.topic("thcs-go-vap", kind), again, NOW_MS) == decoded


def test_the_round_is_read_to_the_letter() -> None:
    path = next(path for path in SAMPLES if path.name == "round.telemetry.json")
    body = decode(wire.topic("a", Kind.TELEMETRY), path.read_bytes(), NOW_MS).body
    assert isinstance(body, Telemetry)
    assert [(block.m, len(block.rows)) for block in body.blocks] == [
        ("reachability", 2),
        ("wan", 2),
        ("interface", 1),
        ("system", 1),
    ]
    assert body.blocks[0].rows[0] == (
        1789999995000,
        ["vnix-hcm", "national", "icmp"],
        [1, 4.2, 0.3, 0.0],
    )
    assert body.blocks[1].rows[1] == (1789999995000, ["wwan0", "backup", "4g"], [False, True])


def test_there_is_a_sample_of_every_kind() -> None:
    assert {_kind(path) for path in SAMPLES} == set(Kind)
