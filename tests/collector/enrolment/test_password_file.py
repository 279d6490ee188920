"""The keeper that writes mosquitto's password file, with a real mosquitto that reads it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from deploy.broker import DEPLOY, Client
from parts import Part, free_port, need

from schoolpulse.enrolment.keepers.base import Wanted
from schoolpulse.enrolment.keepers.password_file import PasswordFile
from schoolpulse.enrolment.settings import PasswordFileAccounts
from schoolpulse.errors import AccountsUnavailable


class Broker(Part):
    """mosquitto with the shipped access file."""

    ca = None
    certificate_port = 0

    def __init__(self, folder: Path) -> None:
        port = free_port()
        config = folder / "mosquitto.conf"
        config.write_text(
            f"listener {port} 127.0.0.1\nallow_anonymous false\npid_file {folder}/pid\nuser root\n"
            f"password_file {folder}/passwords\nacl_file {DEPLOY}/mosquitto/acl\n"
        )
        super().__init__([need("mosquitto"), "-c", str(config)], port, folder / "log")


def keeper(folder: Path) -> PasswordFile:
    settings = PasswordFileAccounts(kind="password_file", path=folder / "passwords", pid_file=folder / "pid")
    return PasswordFile(settings)


def test_mosquitto_lets_in_who_is_in_the_file_and_throws_out_who_is_not(tmp_path: Path) -> None:
    kept = keeper(tmp_path)
    (tmp_path / "passwords").touch(0o640)
    subprocess.run([need("mosquitto_passwd"), "-b", str(tmp_path / "passwords"), "other", "pw"], check=True)
    assert kept.apply([Wanted("gw-0", True, "p0")]) == {}
    broker = Broker(tmp_path)
    broker.start()
    try:
        assert kept.apply([Wanted("gw-1", True, "p1"), Wanted("gw-0", False)]) == {}
        assert kept.names() == {"other", "gw-1"}
        agent = _connected(broker, "gw-1", "p1")
        assert agent.publish("schoolpulse/v1/gw-1/telemetry") in ("Success", "No matching subscribers")
        assert agent.publish("schoolpulse/v1/gw-2/telemetry") == "Not authorized"
        assert kept.apply([Wanted("gw-1", False)]) == {}
        assert agent.gone.wait(30)
        assert str(_connected(broker, "other", "pw").answer) == "Success"
    finally:
        broker.stop()


def _connected(broker: Broker, user: str, password: str) -> Client:
    """Once the signal has arrived."""
    client = Client(broker, user, password)
    for _ in range(100):
        if str(client.answer) == "Success":
            break
        client = Client(broker, user, password)
    assert str(client.answer) == "Success"
    return client


def test_the_file_keeps_its_mode_and_a_certificate_has_no_place_in_it(tmp_path: Path) -> None:
    (tmp_path / "passwords").write_text("other:$7$x\n")
    (tmp_path / "passwords").chmod(0o640)
    refused = keeper(tmp_path).apply([Wanted("gw-1", True, None), Wanted("gw-2", True, "p")])
    assert list(refused) == ["gw-1"]
    assert (tmp_path / "passwords").stat().st_mode & 0o777 == 0o640
    assert keeper(tmp_path).names() == {"other", "gw-2"}


def test_a_broker_that_does_not_run_reads_the_file_later(tmp_path: Path) -> None:
    (tmp_path / "pid").write_text("4194305\n")  # no such process can be
    assert keeper(tmp_path).apply([Wanted("gw-1", True, "p")]) == {}


def test_a_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    settings = PasswordFileAccounts(kind="password_file", path=tmp_path / "nowhere/passwords")
    with pytest.raises(AccountsUnavailable, match="cannot be changed"):
        PasswordFile(settings).apply([Wanted("gw-1", True, "p")])
