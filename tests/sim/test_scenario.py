"""Scenario files: what is refused, and with which words; and the library."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from schoolpulse.errors import ConfigError, UsageError
from schoolpulse_sim.scenario import (
    About,
    AgentSettings,
    Disorder,
    DistrictSettings,
    Event,
    FaultKind,
    Monitoring,
    Rate,
    Where,
    library,
    load_scenario,
)
from schoolpulse_sim.timing import moment, span_ms

BAD = [
    ('[scenario]\ntitle="x"\n[distict]\nschools=3', "distict: unknown setting (did you mean district?)"),
    (
        '[scenario]\ntitle="x"\n[district]\nscools=3',
        "district.scools: unknown setting (did you mean schools?)",
    ),
    ("[district]\nschools=3", "scenario: is missing"),
    ('[scenario]\ntitle="x"\n[agent]\nbatch="soon"', 'agent.batch: a span like "90s"'),
    ('[scenario]\ntitle="x"\nstarts=2026-10-05T07:00:00', "write the offset"),
    (
        '[scenario]\ntitle="x"\n[[event]]\nkind="earthquake"\nat="1s"',
        "event.0.kind: Input should be 'line_cut'",
    ),
    (
        '[scenario]\ntitle="x"\n[[event]]\nkind="line_cut"\nat="day 2 25:00"',
        "event.0.at: no such time of day",
    ),
    (
        '[scenario]\ntitle="x"\n[[event]]\nkind="line_cut"\nat="1s"\njump=3',
        "jump says nothing about line_cut",
    ),
    ('[scenario]\ntitle="x"\n[[event]]\nkind="provider_outage"\nat="1s"', "provider_outage needs a provider"),
    (
        '[scenario]\ntitle="x"\n[[event]]\nkind="international_cut"\nat="1s"\nwhere={backup=true}',
        "concerns everybody",
    ),
    (
        '[scenario]\ntitle="x"\n[[rate]]\nkind="line_cut"\nper_school_day=1\nlasts=["2m","1m"]',
        "from the smaller to the larger",
    ),
]


@pytest.mark.parametrize(("text", "words"), BAD)
def test_mistakes_are_named(text: str, words: str, tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_scenario(file)
    assert re.search(re.escape(words), "\n".join(str(problem) for problem in caught.value.problems))


def test_all_mistakes_at_once(tmp_path: Path) -> None:
    file = tmp_path / "bad.toml"
    file.write_text('[scenario]\ntitle="x"\n[district]\nscools=3\n[agent]\nbatch=1\n')
    with pytest.raises(ConfigError) as caught:
        load_scenario(file)
    assert len(caught.value.problems) == 2


def test_an_unknown_name_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError) as caught:
        load_scenario("no-such")
    assert "demo" in caught.value.hint


@pytest.mark.parametrize("name", library())
def test_the_library_reads(name: str) -> None:
    assert load_scenario(name).scenario.title


def test_spans_and_moments() -> None:
    assert span_ms("1d 2h3m4.5s") == 93_784_500
    assert moment("20s") == (False, 20_000)
    assert moment("day 2 09:15") == (True, 86_400_000 + 33_300_000)


DOCS = Path(__file__).parents[2] / "docs" / "contributor"


@pytest.mark.parametrize("name", library())
def test_every_scenario_has_its_page(name: str) -> None:
    assert len((DOCS / "scenarios" / f"{name}.md").read_text("utf-8").split()) > 30
    assert f"[{name}]({name}.md)" in (DOCS / "scenarios" / "README.md").read_text("utf-8")


def test_every_setting_is_in_the_docs() -> None:
    page = (DOCS / "simulator.md").read_text("utf-8")
    tables = (About, DistrictSettings, AgentSettings, Monitoring, Disorder, Event, Rate, Where)
    settings = {name for table in tables for name in table.model_fields} | set(FaultKind)
    assert {name for name in settings if f"`{name}`" not in page} == set()
