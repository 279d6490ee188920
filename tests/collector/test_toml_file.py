"""A configuration is refused with all of its mistakes, each with its line and a hint."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, Field

from schoolpulse.errors import ConfigError
from schoolpulse.toml_file import load, parse


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")
    url: str
    timeout_s: float = Field(default=10, gt=0)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")
    area: list[str] = []
    broker: Inner
    endpoint: list[Inner] = []


GOOD = """
area = ["TP.HCM"]
[broker]
url = "mqtt://127.0.0.1"
[[endpoint]]
url = "https://one.example"
[[endpoint]]
url = "https://two.example"
timeout_s = 3
"""


def test_a_good_file_is_a_model(tmp_path: Path) -> None:
    file = tmp_path / "collector.toml"
    file.write_text(GOOD)
    model = load(file, Outer)
    assert [inner.timeout_s for inner in model.endpoint] == [10, 3]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "\narea = hcm\n",
            ['line 2: configuration: not TOML: Invalid value (text goes in "quotes")'],
        ),
        ("area = []\n", ["broker: is missing"]),
        ("[broker]\n", ["line 1: broker.url: is missing"]),
        (
            GOOD.replace("timeout_s", "time_out_s"),
            ["line 9: endpoint.1.time_out_s: unknown setting (did you mean timeout_s?)"],
        ),
        (
            GOOD.replace("[broker]", "[brokr]"),
            ["broker: is missing", "line 3: brokr: unknown setting (did you mean broker?)"],
        ),
        (
            GOOD.replace("timeout_s = 3", "timeout_s = -1\nzzz = 0"),
            [
                "line 9: endpoint.1.timeout_s: Input should be greater than 0",
                "line 10: endpoint.1.zzz: unknown setting (known here: timeout_s, url)",
            ],
        ),
        (GOOD.replace('["TP.HCM"]', '["TP.HCM", 7]'), ["line 2: area.1: Input should be a valid string"]),
    ],
)
def test_every_mistake_is_named_with_its_line(text: str, expected: list[str]) -> None:
    with pytest.raises(ConfigError) as refused:
        parse(text.encode(), Outer)
    assert [str(problem) for problem in refused.value.problems] == expected


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(tmp_path / "none.toml", Outer)
    assert "No such file" in str(refused.value.problems[0])


def test_a_file_that_is_not_utf8() -> None:
    with pytest.raises(ConfigError, match="not UTF-8"):
        parse("area = ['Gò']".encode("latin-1"), Outer)
