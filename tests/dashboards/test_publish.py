"""Publishing into a Grafana over HTTP: once, twice, dry, and refused."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from dashboards.fake_grafana import TOKEN, FakeGrafana

from schoolpulse.__main__ import main
from schoolpulse.errors import GrafanaRefused, UsageError
from schoolpulse.grafana.build import BOARDS
from schoolpulse.grafana.publish import Influx, Target, publish

INFLUX = Influx(url="http://influx:8086", database="truong")


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    made = FakeGrafana()
    yield made
    made.close()


def put(
    grafana: FakeGrafana, influx: Influx = INFLUX, *, dry_run: bool = False, token: str = TOKEN
) -> Counter[str]:
    target = Target(url=grafana.url, token=token)
    return Counter(step.done for step in publish(target, influx, languages=["vi", "en"], dry_run=dry_run))


def test_everything_is_made_once_and_the_second_time_nothing_changes(grafana: FakeGrafana) -> None:
    assert put(grafana, dry_run=True) == {"created": 2 + 2 * len(BOARDS)}
    assert grafana.changes == []
    assert put(grafana) == {"created": 2 + 2 * len(BOARDS)}
    changes = len(grafana.changes)
    assert put(grafana) == {"unchanged": 2 + 2 * len(BOARDS)}
    assert len(grafana.changes) == changes


def test_what_somebody_changed_is_put_back(grafana: FakeGrafana) -> None:
    put(grafana)
    grafana.dashboards["schoolpulse-district-vi"]["dashboard"]["title"] = "?"
    grafana.folders["schoolpulse"]["title"] = "?"
    assert put(grafana) == {"updated": 2, "unchanged": 2 * len(BOARDS)}
    assert grafana.folders["schoolpulse"]["title"] == "SchoolPulse"


def test_the_database_is_the_collectors(grafana: FakeGrafana) -> None:
    put(grafana, Influx(url="http://influx:8086", database="truong", token="secret"))
    source = grafana.datasources["schoolpulse"]
    assert (source["url"], source["jsonData"]["dbName"]) == ("http://influx:8086", "truong")
    assert source["secureJsonFields"] == {"httpHeaderValue1": True}
    variables = grafana.dashboards["schoolpulse-school-en"]["dashboard"]["templating"]["list"]
    assert next(one["query"] for one in variables if one["name"] == "db") == "truong"


@pytest.mark.parametrize(
    ("version", "role", "token", "message"),
    [
        ("10.4.2", "Admin", "wrong", "does not know this token"),
        ("10.4.2", "Editor", TOKEN, "may not do this"),
        ("9.3.16", "Admin", TOKEN, "too old"),
        ("", "Admin", TOKEN, "does not say its version"),
    ],
)
def test_refusals_say_what_to_do(version: str, role: str, token: str, message: str) -> None:
    grafana = FakeGrafana(version, role)
    with pytest.raises(GrafanaRefused, match=message) as refusal:
        put(grafana, token=token)
    grafana.close()
    assert refusal.value.hint


def test_a_grafana_that_is_away(grafana: FakeGrafana) -> None:
    grafana.close()
    with pytest.raises(GrafanaRefused, match="does not answer"):
        put(grafana)
    with pytest.raises(UsageError, match="no address"):
        publish(Target(url="grafana", token="t"), INFLUX, languages=["vi"])


def test_the_command(grafana: FakeGrafana, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "collector.toml"
    config.write_text(f'data_dir = "{tmp_path}"\n[store]\nkind = "influx"\nurl = "http://127.0.0.1:8087"\n')
    token = tmp_path / "token"
    token.write_text(TOKEN + "\n")
    command = [
        "dashboards",
        "publish",
        "--url",
        grafana.url,
        "--config",
        str(config),
        "--language",
        "vi",
        "--json",
    ]
    assert main([*command, "--token-file", str(token)]) == 0
    steps = json.loads(capsys.readouterr().out)["steps"]
    assert {step["done"] for step in steps} == {"created"}
    assert len(grafana.dashboards) == len(BOARDS)
    assert main(command) == 2  # no token
    assert "give --token-file" in capsys.readouterr().err
