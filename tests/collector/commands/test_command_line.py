"""The command line: exit statuses, what goes to which stream, every command with its help."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from schoolpulse.__main__ import main
from schoolpulse.config import load
from schoolpulse.database import connect
from schoolpulse.registry.repository import Registry

CSV = "school_id,name,agent_id,provider,technology\ns1,Trường Một,gw-1,VNPT,fibre\ns2,Trường Hai,,,\n"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "collector.toml"
    file.write_text(f'data_dir = "{tmp_path}/data"\narea = ["TP.HCM"]\n')
    return file


@pytest.fixture
def schools(tmp_path: Path) -> Path:
    file = tmp_path / "schools.csv"
    file.write_text(CSV, "utf-8")
    return file


def test_help_names_every_command_that_others_script(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as end:
        main(["--help"])
    assert end.value.code == 0
    text = capsys.readouterr().out
    for command in ("demo", "serve", "check-config", "import", "replay", "score"):
        assert re.search(rf"^    {command}\b", text, re.MULTILINE), command


def test_a_good_configuration_is_fine(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-config", str(config)]) == 0
    assert capsys.readouterr().out == f"{config}: fine\n"


def test_a_bad_configuration_is_said_with_status_2(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('data_dir = "/d"\n[htp]\n[broker]\nkeepalive_s = 0\n')
    assert main(["check-config", str(config)]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "line 2: htp: unknown setting (did you mean http?)" in captured.err
    assert "line 4: broker.keepalive_s" in captured.err


def test_a_bad_configuration_as_json(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config.write_text('data_dir = "/d"\n[htp]\n')
    assert main(["check-config", "--json", str(config)]) == 2
    answer = json.loads(capsys.readouterr().out)
    expected = {"where": "htp", "message": "unknown setting", "hint": "did you mean http?", "line": 2}
    assert answer == {"ok": False, "problems": [expected]}


def test_serve_refuses_a_bad_configuration_before_anything_starts(config: Path) -> None:
    config.write_text('data_dir = "/d"\n[htp]\n')
    assert main(["serve", "--config", str(config)]) == 2


def test_an_import_says_what_it_did(config: Path, schools: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["import", str(schools), "--config", str(config), "--json"]
    assert main(arguments) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"new": 2, "changed": 0, "same": 0, "dry_run": False}.items() <= said.items()
    schools.write_text(CSV.replace("VNPT", "FPT"), "utf-8")
    assert main(arguments) == 0
    said = json.loads(capsys.readouterr().out)
    assert {"new": 0, "changed": 1, "same": 1, "dry_run": False}.items() <= said.items()
    registry = Registry(connect(load(config).database_url))
    school = registry.school_of("gw-1")
    assert school is not None
    assert school.area == ("TP.HCM",)
    assert school.lines[0].provider == "FPT"


def test_a_dry_run_changes_nothing(config: Path, schools: Path) -> None:
    assert main(["import", str(schools), "--config", str(config), "--dry-run"]) == 0
    assert Registry(connect(load(config).database_url)).schools() == ()


def test_a_bad_registry_file_is_refused_whole(
    config: Path, schools: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    schools.write_text(CSV + "s1,Trường Ba,,,\n", "utf-8")
    assert main(["import", str(schools), "--config", str(config)]) == 2
    assert "line 4: school_id: 's1' stands in line 2 already" in capsys.readouterr().err
    assert not load(config).data_dir.exists(), "nothing was even begun"


def test_a_file_that_is_not_there(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["import", str(config.parent / "none.csv"), "--config", str(config)]) == 2
    assert "No such file" in capsys.readouterr().err
