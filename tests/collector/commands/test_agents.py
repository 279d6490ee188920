"""``schoolpulse agents``: what goes to which stream, and its exit statuses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from fakes import FakeClock

from schoolpulse.__main__ import main
from schoolpulse.access.audit import AuditLog
from schoolpulse.config import load
from schoolpulse.registry.models import School
from schoolpulse.registry.repository import Registry


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "collector.toml"
    file.write_text(f'data_dir = "{tmp_path}/data"\n')
    engine = load(file).open_state()
    Registry(engine).upsert([School(id="thcs-1", name="THCS Một", level="thcs")])
    engine.dispose()
    return file


class Shell:
    """The command line over one configuration."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._config = config
        self._capsys = capsys

    def run(self, *arguments: str, status: int = 0) -> tuple[str, str]:
        assert main(["agents", *arguments, "--config", str(self._config)]) == status
        captured = self._capsys.readouterr()
        return captured.out, captured.err

    def json(self, *arguments: str, status: int = 0) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.run(*arguments, "--json", status=status)[0])
        return found


@pytest.fixture
def shell(config: Path, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(config, capsys)


def test_a_code_alone_goes_to_standard_output(shell: Shell, config: Path) -> None:
    out, err = shell.run("code", "thcs-1", "--agent-id", "gw-1", "--expires", "2h")
    assert re.fullmatch(r"(\w{4}-){2}\w{4}\n", out)
    assert "for agent gw-1" in err
    (row,) = shell.json("list")["agents"]
    assert (row["agent"], row["school"], row["account"]) == ("gw-1", "thcs-1", "none")
    assert "a code until" in shell.run("list")[0]
    (entry,) = AuditLog(load(config).open_state(), FakeClock()).list()
    assert (entry.caller, entry.action, entry.subject) == ("console", "agent.code", "gw-1")
    assert out.strip() not in str(entry)


def test_accounts_are_made_and_ended(shell: Shell) -> None:
    assert len(shell.run("password", "box-1")[0].strip()) >= 32
    assert shell.run("certificate", "box-2")[0] == "box-2: certificate\n"
    assert [row["account"] for row in shell.json("list")["agents"]] == ["password", "certificate"]
    assert shell.json("revoke", "box-1") == {
        "agent": "box-1",
        "account": "revoked",
        "owed": False,
        "trouble": "",
    }


def test_a_command_waits_for_a_collector(shell: Shell) -> None:
    shell.run("password", "box-1")
    made = shell.json("command", "box-1", "set-interval", "wan", "15", "--expires", "90s")
    assert (made["state"], made["do"]) == ("waiting", "set_interval")
    assert made["arguments"] == {"probe": "wan", "interval_s": 15.0}
    assert made["expires_ms"] - made["made_ms"] == 90_000
    assert [one["id"] for one in shell.json("commands", "box-1")["commands"]] == [made["id"]]
    assert re.search(r"set_interval wan 15.0  waiting$", shell.run("commands", "box-1")[0].strip())


@pytest.mark.parametrize(
    "arguments",
    [
        ("code", "nobody"),
        ("code", "thcs-1", "--agent-id", "collector"),
        ("revoke", "nobody"),
        ("password", "A"),
        ("command", "nobody", "send-birth"),
        ("command", "box-1", "run-probe"),
    ],
)
def test_what_cannot_be_is_status_2(shell: Shell, arguments: tuple[str, ...]) -> None:
    out, err = shell.run(*arguments, status=2)
    assert out == ""
    assert err.startswith("schoolpulse: ")


@pytest.mark.parametrize("text", ["", "7", "0d", "7w", "-1d"])
def test_a_time_reads_like_a_time(config: Path, text: str) -> None:
    with pytest.raises(SystemExit) as end:
        main(["agents", "code", "thcs-1", "--config", str(config), f"--expires={text}"])
    assert end.value.code == 2


def test_a_broker_that_is_away_is_said(config: Path, shell: Shell) -> None:
    password = config.with_name("password")
    password.write_text("x\n")
    config.write_text(
        f'{config.read_text()}[broker]\nurl = "mqtt://127.0.0.1:1"\n'
        f'[accounts]\nkind = "dynsec"\npassword_file = "{password}"\n'
    )
    _, err = shell.run("password", "box-1")
    assert "it is tried again" in err
    answer = shell.json("revoke", "box-1")
    assert answer["owed"]
    assert "cannot be reached" in answer["trouble"]
