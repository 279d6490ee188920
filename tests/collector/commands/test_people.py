"""Acknowledgements and announced work from the command line, and a collector that takes them up."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from sqlalchemy import insert

from schoolpulse.__main__ import main
from schoolpulse.access.audit import AuditLog
from schoolpulse.app import Collector
from schoolpulse.clock import SystemClock
from schoolpulse.config import load
from schoolpulse.database import connect
from schoolpulse.errors import ConfigError
from schoolpulse.incidents import tables
from schoolpulse.incidents.model import Cause, Incident, IncidentKind, Scope
from schoolpulse.incidents.people import Notes
from schoolpulse.incidents.repository import body_of

BEGIN = 1_790_000_000_000


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "collector.toml"
    file.write_text(f'data_dir = "{tmp_path}/data"\n[embedded_broker]\nport = 1\n')
    return file


def test_announced_work_goes_in_and_out(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where = ["--config", str(config), "--json"]
    times = ["--from", "2026-12-01T22:00", "--to", "2026-12-01T23:30+07:00"]
    assert main(["maintenance", "add", *where, *times, "--provider", "VNPT", "--reason", "nâng cấp"]) == 0
    [window] = json.loads(capsys.readouterr().out)["windows"]
    assert window["to_ms"] - window["from_ms"] == 90 * 60_000, "both are Vietnam's time"
    assert (window["provider"], window["reason"]) == ("VNPT", "nâng cấp")
    assert main(["maintenance", "list", *where]) == 0
    assert json.loads(capsys.readouterr().out)["windows"] == [window]
    assert main(["maintenance", "end", window["id"], *where]) == 0
    assert json.loads(capsys.readouterr().out)["windows"] == [], "it had not begun"
    assert main(["maintenance", "add", *where, "--from", "2020-01-01", "--to", "2099-01-01"]) == 0
    [window] = json.loads(capsys.readouterr().out)["windows"]
    assert main(["maintenance", "end", window["id"], *where]) == 0
    [ended] = json.loads(capsys.readouterr().out)["windows"]
    assert ended["to_ms"] < window["to_ms"]
    assert main(["maintenance", "remove", window["id"], *where]) == 0
    assert main(["maintenance", "remove", window["id"], *where]) == 2


@pytest.mark.parametrize(
    ("times", "words"),
    [
        ([], "--from is missing"),
        (["--from", "tonight", "--to", "2026-12-01"], "a time reads"),
        (["--from", "2026-12-02", "--to", "2026-12-01"], "ends after it begins"),
    ],
)
def test_times_that_are_none_are_refused(
    config: Path, capsys: pytest.CaptureFixture[str], times: list[str], words: str
) -> None:
    assert main(["maintenance", "add", "--config", str(config), *times]) == 2
    assert words in capsys.readouterr().err


def test_an_acknowledgement_is_on_the_record(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    settings = load(config)
    settings.make_folders()
    database = connect(settings.database_url)
    incident = Incident(
        id="i1",
        kind=IncidentKind.OUTAGE,
        cause=Cause.UNKNOWN,
        scope=Scope.SCHOOL,
        school="s1",
        provider="VNPT",
        start=BEGIN,
        detected_at=BEGIN,
        confirmed_at=BEGIN,
    )
    row = {"id": "i1", "school": "s1", "kind": "outage", "start_ms": BEGIN, "number": 1, "live": True}
    row["body"] = body_of(incident)
    with database.begin() as connection:
        connection.execute(insert(tables.incident).values(row))
    where = ["--config", str(config)]
    assert main(["incidents", "list", *where]) == 0
    assert "i1" in capsys.readouterr().out
    assert main(["incidents", "ack", "i1", *where, "--by", "trực ca", "--text", "đã gọi VNPT"]) == 0
    [note] = Notes(database).of("i1")
    assert (note.kind, note.person, note.text) == ("ack", "trực ca", "đã gọi VNPT")
    assert main(["incidents", "note", "i1", *where, "--text", "thợ đang đến"]) == 0
    assert main(["incidents", "ack", "i2", *where]) == 2
    done = AuditLog(database, SystemClock()).list()
    assert [(one.caller, one.action, one.subject) for one in done] == [
        ("console", "incident.note", "i1"),
        ("console", "incident.acknowledge", "i1"),
    ]


def test_a_policy_whose_routes_lead_nowhere_is_refused(config: Path, tmp_path: Path) -> None:
    policy = tmp_path / "policy.toml"
    policy.write_text('[[route]]\nendpoints = ["opps"]\n')
    config.write_text(f'policy_file = "{policy}"\n' + config.read_text())
    settings = load(config)
    with pytest.raises(ConfigError) as refused:
        Collector(settings)
    assert "opps is not configured" in str(refused.value.problems[0])
