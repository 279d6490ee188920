"""The schedule, the truth that is written from it, and what people are shown of both."""

from __future__ import annotations

import json
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from schoolpulse.errors import UsageError
from schoolpulse.incidents.model import Cause, IncidentKind, Scope
from schoolpulse_sim.__main__ import main
from schoolpulse_sim.describe import describe, span_text
from schoolpulse_sim.generate import Plan
from schoolpulse_sim.picture import picture, read_lines
from schoolpulse_sim.rng import Chance
from schoolpulse_sim.scenario import Scenario, library, load_scenario
from schoolpulse_sim.schooldays import load_at, open_ms, school_day
from schoolpulse_sim.timing import DAY, HOUR, MINUTE
from schoolpulse_sim.truth import truths


def _truth(*events: dict[str, Any], **parts: Any) -> list[dict[str, Any]]:
    scenario = Scenario.model_validate(
        {"scenario": {"title": "t"}, "district": {"schools": 30}, "event": events} | parts
    )
    plan = Plan(scenario, 1, length_ms=DAY)
    return truths(plan.faults, plan.district, scenario.monitoring, plan.end_ms)


CASES = [
    ({"kind": "line_cut", "where": {"backup": True}}, "on_backup", "line_cut", None),
    ({"kind": "line_cut", "where": {"backup": False}}, "outage", "line_cut", None),
    ({"kind": "line_cut", "lasts": "40s"}, None, "line_cut", "short"),
    ({"kind": "line_cut", "muted": True}, None, "line_cut", "muted"),
    ({"kind": "power_cut", "where": {"battery": False}}, "outage", "power_cut", None),
    ({"kind": "gateway_reboot", "lasts": "70s"}, "outage", "gateway_reboot", None),
    ({"kind": "agent_update"}, "outage", "agent_stopped", "planned"),
    ({"kind": "international_cut"}, "international_only", "international_cut", None),
    ({"kind": "provider_outage", "provider": "VNPT"}, "outage", "provider_outage", None),
    ({"kind": "broker_away"}, "blind", "monitoring_blind", None),
    ({"kind": "degraded_line", "lasts": "20m"}, "degraded", "degraded_line", "short"),
    ({"kind": "degraded_line", "lasts": "2h"}, "degraded", "degraded_line", None),
    ({"kind": "switch_failure", "lasts": "10m"}, "device_down", "parent_device_failure", None),
    ({"kind": "device_failure", "lasts": "2m"}, "device_down", "device_failure", "short"),
]


@pytest.mark.parametrize(("event", "kind", "cause", "why_not"), CASES)
def test_each_cause_is_written_in_its_words(
    event: dict[str, Any], kind: str | None, cause: str, why_not: str | None
) -> None:
    (line,) = _truth({"at": "1h"} | event)
    assert line["kind"] == (kind or line["kind"])
    assert line["cause"] == cause
    assert line.get("why_not") == why_not
    assert line["detectable"] is (why_not is None)


def test_what_is_no_incident_is_not_in_it() -> None:
    kinds = ({"kind": "counter_reset"}, {"kind": "clock_jump", "jump": 60}, {"kind": "surge", "factor": 2.0})
    assert _truth(*({"at": "1h"} | kind for kind in kinds)) == []


def test_a_battery_carries_a_short_power_cut() -> None:
    where = {"battery": True, "share": 1.0}
    assert _truth({"kind": "power_cut", "at": "1h", "lasts": "9m", "where": where}) == []
    longer = _truth({"kind": "power_cut", "at": "1h", "lasts": "2h", "where": where})
    assert longer
    assert all(line["end"] - line["start"] < 2 * HOUR - 9 * MINUTE for line in longer)


def test_what_another_fault_hides_need_not_be_found() -> None:
    where = {"schools": ["sim-0001"], "battery": None}
    lines = _truth(
        {"kind": "gateway_crash", "at": "1h", "lasts": "1h", "where": where},
        {"kind": "dns_failure", "at": "70m", "lasts": "20m", "where": where},
    )
    assert [line.get("why_not") for line in lines] == [None, "masked"]


def test_school_hours_mute_the_night() -> None:
    at_night = {"kind": "line_cut", "at": "day 1 22:00", "lasts": "30m"}
    (line,) = _truth(at_night, monitoring={"hours": "school"})
    assert line["why_not"] == "hours"


@pytest.mark.parametrize("name", library())
def test_the_library_speaks_the_promised_words(name: str) -> None:
    plan = Plan(load_scenario(name).sized(60), 1, length_ms=2 * DAY)
    lines = [json.loads(line) for line in plan.truth_text().splitlines()]
    assert len({line["id"] for line in lines}) == len(lines)
    for line in lines:
        IncidentKind(line["kind"])
        Cause(line["cause"])
        Scope(line["scope"])
        assert line["end"] is None or line["end"] > line["start"]
        assert (line["scope"] == "school") == (line["school"] is not None)
    text = "\n".join(describe(plan))
    assert plan.scenario.scenario.title in text
    assert f"{len(plan.faults)} events" in text


def test_rates_are_kept() -> None:
    rate = {"kind": "line_cut", "per_school_day": 0.5, "lasts": ["1m", "5m"], "hours": [7, 17]}
    scenario = Scenario.model_validate(
        {"scenario": {"title": "t"}, "district": {"schools": 200}, "rate": [rate]}
    )
    plan = Plan(scenario, 1, length_ms=10 * DAY)
    assert 0.5 * 200 * 10 * 10 / 24 * 0.9 < len(plan.faults) < 0.5 * 200 * 10 * 10 / 24 * 1.1
    assert all(MINUTE <= fault.end_ms - fault.start_ms <= 5 * MINUTE for fault in plan.faults)


def test_chance_is_what_it_says() -> None:
    chance = Chance("test")
    draws = [chance.exponential(10.0) for _ in range(20_000)]
    assert 9.7 < sum(draws) / len(draws) < 10.3
    assert 0.36 < sum(draw > 10.0 for draw in draws) / len(draws) < 0.376
    assert len(chance.some(range(10), 4)) == 4
    # Python promises this sequence for ever; were it to change, every generated file would.
    assert [Chance(1, "school", 0).whole(0, 999) for _ in range(2)] == [774, 774]


def test_the_school_year() -> None:
    assert school_day(date(2026, 10, 5))
    assert not school_day(date(2026, 10, 4))  # Sunday
    assert not school_day(date(2027, 2, 8))  # Tết
    assert not school_day(date(2026, 7, 1))  # summer
    assert not school_day(date(2026, 9, 2))
    assert not school_day(date(2027, 4, 16))  # Hùng kings
    nine = 1_791_165_600_000  # Monday 2026-10-05, 09:00
    assert load_at(nine, "thcs") > 0.9 > load_at(nine + 3 * HOUR, "thcs") > load_at(nine + 12 * HOUR, "thcs")
    assert open_ms(nine - DAY, nine) == 150 * MINUTE


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.bars = 0
        self.rows = 0

    def handle_starttag(self, tag: str, _attrs: list[tuple[str, str | None]]) -> None:
        self.bars += tag == "rect"
        self.rows += tag == "tr"


def test_the_picture_shows_every_line(tmp_path: Path) -> None:
    plan = Plan(load_scenario("provider-outage"), 1)
    truth = tmp_path / "truth.jsonl"
    truth.write_text(plan.truth_text(), "utf-8")
    lines = read_lines(truth)
    tags = _Tags()
    tags.feed(picture(lines, lines[:2], "<both>"))
    assert (tags.bars, tags.rows) == (len(lines) + 2, len(lines) + 2)
    assert main(["picture", "--truth", str(truth), "--out", str(tmp_path / "out.html")]) == 0
    assert "<rect" in (tmp_path / "out.html").read_text("utf-8")
    truth.write_text('{"id":1}\n')
    with pytest.raises(UsageError):
        read_lines(truth)


def test_spans_are_said_as_people_do() -> None:
    assert [span_text(ms) for ms in (0, 90_000, 2 * HOUR + 5 * MINUTE, 3 * DAY)] == [
        "0 s",
        "1 min 30 s",
        "2 h 5 min",
        "3 d",
    ]


def test_the_command_line_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["describe", "--scenario", "no-such"]) == 2
    assert "there are blind" in capsys.readouterr().err
    assert main(["generate", "--scenario", "demo"]) == 2
    assert main(["run", "--scenario", "demo", "--broker", "http://x"]) == 2
    assert "mqtt://host:1883" in capsys.readouterr().err
