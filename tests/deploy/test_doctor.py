"""The doctor looks at real parts: all of them well, then each of them ill, with what to do about it."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from dashboards.fake_grafana import TOKEN, FakeGrafana
from deploy.broker import DEPLOY, ShippedBroker, secrets
from parts.collector import CollectorProcess
from parts.influx import Influx

from schoolpulse.__main__ import main
from schoolpulse.doctor import certificates
from schoolpulse.doctor.broker import look_at_configuration
from schoolpulse.doctor.endpoints import look_at as look_at_endpoints
from schoolpulse.doctor.findings import Level
from schoolpulse.grafana.publish import Influx as GrafanaInflux
from schoolpulse.grafana.publish import Target, publish
from schoolpulse.notify.settings import EndpointSettings

DAY_S = 86_400


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ShippedBroker]:
    secrets(tmp_path, "--host", "mqtt.example.vn")
    with ShippedBroker(tmp_path, DEPLOY / "mosquitto/mosquitto.conf") as running:
        yield running


@pytest.fixture
def grafana() -> Iterator[FakeGrafana]:
    made = FakeGrafana()
    yield made
    made.close()


Ask = Callable[..., tuple[int, list[dict[str, Any]]]]


@pytest.fixture
def ask(capsys: pytest.CaptureFixture[str]) -> Ask:
    def run(config: Path, *arguments: str) -> tuple[int, list[dict[str, Any]]]:
        capsys.readouterr()
        status = main(["doctor", "--config", str(config), "--json", *arguments])
        return status, json.loads(capsys.readouterr().out)["findings"]

    return run


def settings(folder: Path, broker: ShippedBroker, influx: str) -> str:
    return (
        f'[broker]\nurl = "mqtts://127.0.0.1:{broker.port}"\nusername = "collector"\n'
        f'password_file = "{folder}/secrets/broker_password"\nca_file = "{broker.ca}"\n\n'
        f'[store]\nkind = "influx"\nurl = "{influx}"\nretention_days = 90\n'
    )


def trouble(findings: list[dict[str, Any]], part: str) -> str:
    """What is bad or to be warned of at a part; all of it says what to do."""
    found = [one for one in findings if one["part"] == part and one["level"] != "ok"]
    assert all(one["do"] for one in found)
    return " ".join(one["seen"] for one in found)


def test_a_deployment_that_is_well_and_one_that_is_not(
    tmp_path: Path, broker: ShippedBroker, grafana: FakeGrafana, ask: Ask
) -> None:
    token = tmp_path / "token"
    token.write_text(TOKEN)
    also = (
        "--grafana-url",
        grafana.url,
        "--token-file",
        str(token),
        "--mosquitto-conf",
        str(broker.log.parent / "mosquitto.conf"),
    )
    with Influx(tmp_path / "influx") as influx:
        collector = CollectorProcess(tmp_path, settings(tmp_path, broker, influx.url))
        csv = tmp_path / "schools.csv"
        csv.write_text("school_id,name,agent_id,provider,technology\ns1,Trường 1,gw-1,VNPT,fibre\n")
        collector.import_csv(csv)
        collector.start()
        publish(
            Target(url=grafana.url, token=TOKEN),
            GrafanaInflux(url=influx.url, database="schoolpulse"),
            languages=["vi"],
        )
        try:
            wait_for_states(influx)
            status, findings = ask(collector.config, *also)
            assert [one for one in findings if one["level"] == "bad"] == []
            assert status == 0
            kept = {one["seen"] for one in findings if one["part"] == "InfluxDB"}
            assert {
                "schoolpulse keeps 90 days",
                "schoolpulse_5m keeps 730 days",
                "schoolpulse_1h keeps 3650 days",
            } <= kept
            assert any("version 1.6" in seen for seen in kept)
        finally:
            collector.stop()
        grafana.dashboards.clear()
        influx.query('DROP DATABASE "schoolpulse_5m"')
        (tmp_path / "secrets/broker_password").write_text("wrong")
        status, findings = ask(collector.config, *also)
    assert status == 1
    assert "refuses the collector: Not authorized" in trouble(findings, "broker")
    assert "schoolpulse_5m is not there" in trouble(findings, "InfluxDB")
    assert "dashboards are not there" in trouble(findings, "Grafana")
    assert "does not answer" in trouble(findings, "collector")
    assert "nobody is told" in trouble(findings, "endpoints")


def wait_for_states(influx: Influx) -> None:
    end = time.monotonic() + 60
    while not (
        databases(influx) >= {"schoolpulse_1h"}
        and influx.rows('SELECT last("code") FROM "status"', "schoolpulse")
    ):
        assert time.monotonic() < end, "the collector writes no states"
        time.sleep(0.1)  # polling another process: there is nothing to wait on but what it has written


def databases(influx: Influx) -> set[object]:
    return {row[0] for row in influx.rows("SHOW DATABASES", "")}


def test_nothing_runs_at_all(tmp_path: Path, broker: ShippedBroker, ask: Ask) -> None:
    config = tmp_path / "collector.toml"
    text = settings(tmp_path, broker, "http://127.0.0.1:9")
    config.write_text(f'data_dir = "{tmp_path}/data"\n[http]\nport = 9\n{text}')
    broker.stop()
    status, findings = ask(config)
    assert status == 1
    for part in ("broker", "InfluxDB", "collector"):
        assert "does not answer" in trouble(findings, part)


@pytest.mark.parametrize(
    ("days_left", "level"), [(100, Level.OK), (20, Level.WARN), (3, Level.BAD), (-1, Level.BAD)]
)
def test_certificates_about_to_expire(broker: ShippedBroker, days_left: int, level: Level) -> None:
    now_s = time.time() + (825 - days_left) * DAY_S  # the script's certificates are good for 825 days
    (finding,) = certificates.look_at(
        "broker", "127.0.0.1", broker.port, tls=True, ca_file=broker.ca, now_s=now_s
    )
    assert (finding.level, "days" in finding.seen) == (level, True)


def test_a_certificate_of_an_unknown_authority(broker: ShippedBroker) -> None:
    (finding,) = certificates.look_at("broker", "127.0.0.1", broker.port, tls=True, ca_file=None, now_s=0)
    assert "not trusted" in finding.seen
    assert finding.level is Level.BAD


def findings_of(*endpoints: dict[str, Any]) -> list[tuple[str, str]]:
    settings = [EndpointSettings.model_validate(one) for one in endpoints]
    found = list(look_at_endpoints(settings, time.time()))
    assert all(one.do for one in found if one.level is not Level.OK)
    return [(one.level, one.seen) for one in found]


def test_endpoints_that_cannot_be_told(tmp_path: Path) -> None:
    (tmp_path / "none").write_text("whsec_!")
    file = {"secret_file": tmp_path / "missing"}
    secret = {"secret": "whsec_" + "c2Nob29scHVsc2Utc2Nob29scHVsc2Uh"}
    assert [level for level, _ in findings_of()] == ["warn"]
    (told,) = findings_of({"id": "a", "url": "https://127.0.0.1/hook", **secret})
    assert told == ("bad", "127.0.0.1 leads into a private network: every delivery is refused")
    (told,) = findings_of({"id": "a", "url": "https://nobody.invalid/hook", **secret})
    assert told == ("bad", "the name nobody.invalid is not known")
    local = {"id": "a", "url": "http://127.0.0.1:9/hook", "allow_private": True}
    assert [one[1].split(" (")[0] for one in findings_of({**local, **file})] == [
        "its secret cannot be used",
        "127.0.0.1:9 does not answer",
    ]
    assert "its secret cannot be used" in findings_of({**local, "secret_file": tmp_path / "none"})[0][1]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # Apprise's plug-ins use what Python 3.13 drops
def test_endpoints_by_apprise(tmp_path: Path) -> None:
    def told(**how: object) -> tuple[str, str]:
        (found,) = findings_of({"id": "mail", "format": "apprise", **how})
        return found

    assert told(apprise_url="json://127.0.0.1/hook")[0] == "ok"
    assert told(apprise_url="smoke://signals") == ("bad", "its address is none that Apprise knows")
    assert told(apprise_file=tmp_path / "missing")[1].startswith("its file cannot be read")


def test_a_brokers_defaults_are_told(tmp_path: Path) -> None:
    file = tmp_path / "mosquitto.conf"
    file.write_text("listener 1883\nallow_anonymous true\n")
    seen = [finding.seen for finding in look_at_configuration(file)]
    assert [one.split(";")[0].split(":")[0] for one in seen] == [
        "persistence is off",
        "max_queued_messages is 1000",
        "anybody may connect",
    ]
    for shipped in (DEPLOY / "mosquitto/mosquitto.conf",):
        assert {finding.level for finding in look_at_configuration(shipped)} == {Level.OK}
    debian = (DEPLOY / "debian/mosquitto/schoolpulse.conf").read_text("utf-8")
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "schoolpulse.conf").write_text(debian)
    file.write_text(f"persistence true\npersistence_location /var/lib/mosquitto/\ninclude_dir {folder}\n")
    assert {finding.level for finding in look_at_configuration(file)} == {Level.OK}
    assert re.search(r"^max_queued_messages 1000000$", debian, re.MULTILINE)
