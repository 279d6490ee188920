"""``schoolpulse report`` as somebody calls it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schoolpulse.__main__ import main
from schoolpulse.config import load
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.registry.models import Line, School
from schoolpulse.registry.repository import Registry


@pytest.fixture
def config(tmp_path: Path) -> Path:
    (tmp_path / "policy.toml").write_text('[calendar]\nhours = ["07:00", "17:00"]\n')
    file = tmp_path / "collector.toml"
    file.write_text(
        f'data_dir = "{tmp_path}/data"\npolicy_file = "{tmp_path}/policy.toml"\n'
        '[report]\noffice = "PHÒNG GIÁO DỤC VÀ ĐÀO TẠO"\n'
    )
    database = load(file).open_state()
    line = Line(role="primary", provider="VNPT", technology="fibre")
    Registry(database).upsert(
        School(id=name, name=f"Trường {name}", level="thcs", agent_id=f"gw-{name}", lines=(line,))
        for name in ("a", "b")
    )
    assert IncidentRepository(database).first_seen_all() == {}
    database.dispose()
    return file


@pytest.mark.parametrize("form", ["pdf", "xlsx", "csv", "json"])
def test_a_report_is_made(
    config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], form: str
) -> None:
    out = tmp_path / f"report.{form}"
    days = ["--from", "2026-03-01", "--to", "2026-03-31", "--lang", "vi"]
    assert main(["report", *days, "--out", str(out), "--config", str(config), "--json"]) == 0
    figures = json.loads(capsys.readouterr().out)
    assert figures["bytes"] == out.stat().st_size > 1_000
    assert (figures["schools"], figures["school_hours"], figures["complete"]) == (2, 2 * 26 * 10, True)
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_report_on_one_school(config: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "a.json"
    assert (
        main(["report", "--period", "2026-03", "--school", "a", "--out", str(out), "--config", str(config)])
        == 0
    )
    assert "schools" in capsys.readouterr().out
    assert json.loads(out.read_text("utf-8"))["scope"] == "a"


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--period", "2026-03", "--out", "x.doc"], "no form"),
        (["--out", "x.pdf"], "--from and --to"),
        (["--from", "2026-03-01", "--out", "x.pdf"], "--from and --to"),
        (["--period", "2026-03", "--from", "2026-03-01", "--out", "x.pdf"], "either"),
        (["--from", "1/3/2026", "--to", "2026-03-31", "--out", "x.pdf"], "a day reads"),
        (["--from", "2026-03-31", "--to", "2026-03-01", "--out", "x.pdf"], "before it begins"),
        (["--period", "2026-03", "--school", "z", "--out", "x.pdf"], "no school"),
        (["--period", "2026-03", "--out", "nowhere/x.json"], "No such file"),
    ],
)
def test_wrong_usage_is_explained(
    config: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    assert main(["report", "--config", str(config), *arguments]) == 2
    assert says in capsys.readouterr().err
