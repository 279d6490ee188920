"""Users and tokens from the command line, and a collector that takes them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from timelines import school

from schoolpulse.__main__ import main
from schoolpulse.access.access import Access, Shown
from schoolpulse.access.models import Caller, Role
from schoolpulse.clock import SystemClock
from schoolpulse.config import load
from schoolpulse.registry.repository import Registry

PASSWORD = "bốn từ không ai đoán"


class Shell:
    """The command line over one configuration."""

    def __init__(self, file: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._file = file
        self._capsys = capsys

    def __call__(self, *words: str, expect: int = 0) -> str:
        assert main([*words, "--config", str(self._file)]) == expect
        said = self._capsys.readouterr()
        return said.err if expect else said.out

    def json(self, *words: str) -> Any:
        return json.loads(self(*words, "--json"))


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "collector.toml"
    file.write_text(f'data_dir = "{tmp_path}/data"\n')
    return file


@pytest.fixture
def shell(config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setattr("sys.stdin", io.StringIO((PASSWORD + "\n") * 9))
    return Shell(config, capsys)


@pytest.fixture
def access(config: Path) -> Access:
    settings = load(config)
    engine = settings.open_state()
    Registry(engine, SystemClock()).upsert([school("s1")])
    return Access(engine, SystemClock())


def test_a_user_comes_changes_and_goes(shell: Shell, access: Access) -> None:
    with_password = ("--password-file", "-")
    assert shell.json("user", "add", "Root", "--role", "admin", *with_password)["name"] == "root"
    made = shell.json("user", "add", "lan", "--role", "operator", "--school", "s1", *with_password)
    assert (made["role"], made["schools"]) == ("operator", ["s1"])
    assert access.sign_in("lan", PASSWORD, "192.0.2.1") is not None
    assert shell.json("user", "change", "lan", "--role", "viewer", "--every-school")["schools"] is None
    assert shell.json("user", "disable", "lan")["disabled"] is True
    assert access.sign_in("lan", PASSWORD, "192.0.2.1") is None
    shell("user", "password", "lan", *with_password)
    assert shell.json("user", "change", "lan", "--enable")["disabled"] is False
    assert [one["name"] for one in shell.json("user", "list")["users"]] == ["lan", "root"]
    assert "root" in shell("user", "list")
    actions = [entry.action for entry in access.audit.list()]
    assert actions == ["user.change", "user.password", "user.disable", "user.change", "user.add", "user.add"]
    assert {entry.caller for entry in access.audit.list()} == {"console"}


def test_what_cannot_be_is_said(shell: Shell, access: Access, tmp_path: Path) -> None:
    with_password = ("--password-file", "-")
    assert "--role is missing" in shell("user", "add", "lan", expect=2)
    assert "no school 'x'" in shell("user", "add", "lan", "--role", "viewer", "--school", "x", expect=2)
    shell("user", "add", "lan", "--role", "admin", *with_password)
    assert "already" in shell("user", "add", "LAN", "--role", "viewer", *with_password, expect=2)
    assert "last administrator" in shell("user", "disable", "lan", expect=2)
    assert "no user 'hoa'" in shell("user", "disable", "hoa", expect=2)
    missing = str(tmp_path / "nothing")
    assert "No such file" in shell("user", "password", "lan", "--password-file", missing, expect=2)


def test_a_password_is_asked_for_twice(shell: Shell, access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    typed = iter([PASSWORD, PASSWORD + "x", PASSWORD, PASSWORD])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    assert "differ" in shell("user", "add", "lan", "--role", "admin", expect=2)
    shell("user", "add", "lan", "--role", "admin")
    assert access.sign_in("lan", PASSWORD, "192.0.2.1") is not None


def test_a_token_is_shown_once_and_works_until_it_is_revoked(shell: Shell, access: Access) -> None:
    made = shell.json(
        "token", "create", "--role", "viewer", "--name", "grafana", "--school", "s1", "--expires", "90d"
    )
    sent = Shown(host="collector.example", token=made["token"])
    assert access.caller(sent) == Caller("grafana", Role.VIEWER, frozenset({"s1"}), "token")
    assert 89 < (made["expires_ms"] - made["created_ms"]) / 86_400_000 <= 90
    listed = shell("token", "list")
    assert made["prefix"] in listed
    assert made["token"] not in listed
    assert "works no more" in shell("token", "revoke", made["token"])
    assert access.caller(sent) is None
    assert "revoked" in shell("token", "list")
    plain = shell("token", "create", "--role", "admin", "--expires", "2099-08-31")
    assert access.caller(Shown(host="x", token=plain.strip())) is not None
    assert made["token"].rpartition("_")[2] not in str(access.audit.list())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["token", "create", "--role", "viewer", "--expires", "soon"], "it reads 90d"),
        (["token", "create", "--role", "viewer", "--expires", "2020-01-01"], "past"),
        (["token", "create", "--role", "admin", "--school", "s1"], "never limited"),
        (["token", "revoke", "nothing"], "no such token"),
    ],
)
def test_a_token_that_cannot_be_is_refused(shell: Shell, access: Access, words: list[str], said: str) -> None:
    assert said in shell(*words, expect=2)
