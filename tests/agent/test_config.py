"""A configuration is read whole or refused with all of its mistakes; each setting changes something."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from schoolpulse_agent.__main__ import main
from schoolpulse_agent.config import load, parse
from schoolpulse_agent.errors import ConfigError
from schoolpulse_agent.probes.targets import DEFAULT_TARGETS
from schoolpulse_agent.settings import BatchSettings, BrokerSettings, Device, Settings, SnmpAccess, Uplink

HERE = Path(__file__).parent
LEAST = '[agent]\nid = "thcs-go-vap"\n[broker]\nurl = "mqtt://127.0.0.1"\n'
FULL = """
[agent]
id = "thcs-go-vap"
role = "gateway"
state_dir = "/srv/agent"
clock_wait_s = 60

[broker]
url = "mqtts://broker.example:9883"
protocol = "3.1.1"
username = "thcs-go-vap"
password_file = "{folder}/password"
ca_file = "{folder}/ca.pem"
cert_file = "{folder}/cert.pem"
key_file = "{folder}/key.pem"
keepalive_s = 45
reconnect_spread_s = 20
reconnect_max_s = 90

[batch]
interval_s = 15
in_flight = 10
backlog_per_s = 2.5
confirm_timeout_s = 12

[spool]
max_bytes = 5_000_000

[[uplink]]
name = "wan"
role = "primary"
interface = "eth0"
technology = "fibre"

[[uplink]]
name = "lte"
role = "backup"
interface = "wwan0"
metered = false
operator = "Viettel"

[probes.speedtest]
interval_s = 30
server = "wss://ndt.go-vap.example"
from_h = 8
to_h = 17
monthly_mb = 1000
max_mb = 50
busy_mbps = 5
utc_offset_h = 8

[probes.system]
enabled = false

[probes.interface]
interval_s = 30
interfaces = ["eth0", "br-lan"]

[probes.wan]
interval_s = 3
report_s = 20

[probes.reachability]
interval_s = 20
timeout_s = 2
tries = 2
report_s = 120

[[probes.reachability.target]]
name = "office"
scope = "national"
method = "tcp"
address = "office.example:443"
interval_s = 60
uplink = "lte"
query = "vnnic.vn"

[probes.snmp]
interval_s = 90
timeout_s = 2
tries = 2
report_s = 600
profiles_dir = "/srv/kinds"

[probes.modem]
interval_s = 50
report_s = 200

[probes.device]
interval_s = 45
timeout_s = 1
tries = 4
report_s = 120

[[device]]
name = "sw-1"
title = "Tủ mạng tầng 1"
kind = "switch"
method = "snmp"
address = "192.168.1.2"
port = 1161
[device.snmp]
version = "2c"
community = "truong-hoc"
ports = ["ge1"]

[[device]]
name = "ups-1"
kind = "ups"
method = "snmp"
address = "192.168.1.3"
parent = "sw-1"
[device.snmp]
version = "3"
user = "doc"
auth = "sha256"
auth_password_file = "{folder}/password"
priv = "aes256"
priv_password_file = "{folder}/password"

[[device]]
name = "may-chieu"
kind = "projector"
method = "pjlink"
address = "192.168.1.4"
password_file = "{folder}/password"
"""


def full(tmp_path: Path) -> Settings:
    for name in ("password", "ca.pem", "cert.pem", "key.pem"):
        (tmp_path / name).write_text("x")
        (tmp_path / name).chmod(0o600)
    return parse(FULL.format(folder=tmp_path).encode())


def test_all_but_the_id_and_the_broker_has_a_default() -> None:
    settings = parse(LEAST.encode())
    assert settings.agent.id == "thcs-go-vap"
    assert settings.broker == BrokerSettings("127.0.0.1", 1883)
    assert settings.batch == BatchSettings()
    assert settings.uplinks == (Uplink("wan"),)
    assert {name: probe.interval_s for name, probe in settings.probes.items() if probe.enabled} == {
        "system": 60,
        "interface": 60,
        "wan": 5,
        "modem": 60,
        "reachability": 10,
        "snmp": 60,
        "device": 60,
        "speedtest": 60,
    }
    assert settings.probes["reachability"].own.targets == DEFAULT_TARGETS


def test_every_setting_arrives(tmp_path: Path) -> None:
    settings = full(tmp_path)
    assert settings.agent == ("thcs-go-vap", Path("/srv/agent"), 60.0, "gateway")
    assert settings.broker == BrokerSettings(
        host="broker.example",
        port=9883,
        tls=True,
        protocol="3.1.1",
        username="thcs-go-vap",
        password_file=tmp_path / "password",
        ca_file=tmp_path / "ca.pem",
        cert_file=tmp_path / "cert.pem",
        key_file=tmp_path / "key.pem",
        keepalive_s=45,
        reconnect_spread_s=20,
        reconnect_max_s=90,
    )
    assert settings.batch == BatchSettings(15, 10, 2.5, 12)
    assert settings.spool.max_bytes == 5_000_000
    assert settings.uplinks == (
        Uplink("wan", "primary", "eth0", "fibre"),
        Uplink("lte", "backup", "wwan0", "", False, "Viettel"),
    )
    assert [uplink.is_metered for uplink in settings.uplinks] == [False, False]
    assert Uplink("lte", "backup").is_metered
    assert settings.probes["speedtest"].own == ("wss://ndt.go-vap.example", 8, 17, 1000, 50, 5, 8)
    assert not settings.probes["system"].enabled
    assert settings.probes["interface"] == (True, 30, ("eth0", "br-lan"))
    assert settings.probes["wan"] == (True, 3, 20)
    assert settings.probes["modem"] == (True, 50, (200,))
    own = settings.probes["reachability"].own
    assert (settings.probes["reachability"].interval_s, own.timeout_s, own.tries, own.report_s) == (
        20,
        2,
        2,
        120,
    )
    assert own.targets == (("office", "national", "tcp", "office.example:443", 60, "lte", "vnnic.vn"),)


def test_devices_arrive(tmp_path: Path) -> None:
    settings = full(tmp_path)
    switch, ups, projector = settings.devices
    password = tmp_path / "password"
    assert switch == Device(
        "sw-1",
        "switch",
        "snmp",
        "192.168.1.2",
        1161,
        "Tủ mạng tầng 1",
        "",
        None,
        SnmpAccess("2c", "truong-hoc", ports=("ge1",)),
    )
    assert (ups.parent, ups.snmp) == (
        "sw-1",
        SnmpAccess("3", "public", "doc", "sha256", password, "aes256", password),
    )
    assert (projector.method, projector.password_file) == ("pjlink", password)
    assert settings.probes["snmp"] == (True, 90, (2, 2, 600, Path("/srv/kinds")))
    assert settings.probes["device"] == (True, 45, (1, 4, 120))


def test_every_setting_is_in_the_docs() -> None:
    text = (HERE.parents[1] / "docs/technician/agent-configuration.md").read_text()
    keys = {line.partition(" =")[0] for line in FULL.splitlines() if " = " in line}
    assert len(keys) > 25
    assert [key for key in sorted(keys) if f"`{key}`" not in text] == []


@pytest.mark.parametrize("bad", sorted(HERE.glob("bad_configs/*.toml")), ids=lambda path: path.stem)
def test_a_bad_configuration_has_exactly_these_mistakes(bad: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        load(bad)
    assert [str(problem) for problem in refused.value.problems] == bad.with_suffix(
        ".txt"
    ).read_text().splitlines()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_secrets_that_others_can_read_are_refused(tmp_path: Path, mode: int) -> None:
    full(tmp_path)
    (tmp_path / "key.pem").chmod(mode)
    with pytest.raises(ConfigError) as refused:
        parse(FULL.format(folder=tmp_path).encode())
    (problem,) = refused.value.problems
    assert (problem.where, problem.hint) == ("broker.key_file", f"chmod 600 {tmp_path / 'key.pem'}")


def test_a_file_that_is_not_there_or_far_too_large_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        load(tmp_path / "none.toml")
    huge = tmp_path / "huge.toml"
    huge.write_bytes(LEAST.encode() + b"#" * 300_000)
    with pytest.raises(ConfigError, match="a mistake") as refused:
        load(huge)
    assert "larger than" in refused.value.problems[0].message


def test_check_config_speaks_to_people_and_to_scripts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "agent.toml"
    good.write_text(LEAST)
    assert main(["check-config", "--config", str(good)]) == 0
    assert "is good" in capsys.readouterr().out
    assert main(["check-config", "--json", "--config", str(good)]) == 0
    assert json.loads(capsys.readouterr().out) == {"ok": True, "agent": "thcs-go-vap", "problems": []}
    bad = str(HERE / "bad_configs/typos.toml")
    assert main(["check-config", "--config", bad]) == 2
    assert "did you mean state_dir?" in capsys.readouterr().err
    assert main(["check-config", "--json", "--config", bad]) == 2
    said = json.loads(capsys.readouterr().out)
    assert (said["ok"], len(said["problems"])) == (False, 5)
    assert said["problems"][0] == {
        "where": "agent.state_dri",
        "message": "unknown setting",
        "hint": "did you mean state_dir?",
        "line": 3,
    }


def test_wrong_usage_is_status_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["walk"])
    assert ended.value.code == 2
    assert "walk" in capsys.readouterr().err
