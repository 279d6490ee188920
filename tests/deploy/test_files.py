"""The files of deploy/ by their own tools: compose's schema, hadolint, shellcheck, systemd."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parts import need
from ruamel.yaml import YAML

from schoolpulse.config import load
from schoolpulse.grafana.query import DATASOURCE_UID

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"


def yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path.read_text("utf-8"))


def test_compose_is_one_by_its_own_schema() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec"]
    result = subprocess.run(
        [*command, str(DEPLOY / "compose.yaml")], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stdout


def test_compose_mounts_files_that_are_there_and_starts_what_it_waits_for() -> None:
    compose = yaml(DEPLOY / "compose.yaml")
    made = {"./secrets/dynamic-security.json", "./secrets/tls"}
    for name, service in compose["services"].items():
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert source in made or (DEPLOY / source).exists(), f"{name}: {source}"
            else:
                assert source in compose["volumes"], f"{name}: {source}"
        assert set(service.get("depends_on", ())) <= set(compose["services"])
        assert not re.search(r":latest$|^[^:]+$", service["image"]), f"{name}: no version"
    assert set(compose["services"]["collector"]["secrets"]) == set(compose["secrets"])


def test_compose_begins_the_brokers_accounts_once(tmp_path: Path) -> None:
    service = yaml(DEPLOY / "compose.yaml")["services"]["mosquitto"]
    assert service["entrypoint"] == ["/bin/sh", "-ec"]
    (script,) = service["command"]
    begin, kept = tmp_path / "config/dynamic-security.json", tmp_path / "data/dynamic-security.json"
    for folder in (begin.parent, kept.parent):
        folder.mkdir()
    script = script.replace("/mosquitto/", f"{tmp_path}/").replace("/usr/sbin/mosquitto", "echo")
    for given, expected in (("first", "first"), ("second", "first")):
        begin.write_text(given)
        ran = subprocess.run([*service["entrypoint"], script], check=True, capture_output=True, text=True)
        assert ran.stdout == f"-c {tmp_path}/config/mosquitto.conf\n"
        assert kept.read_text() == expected
        assert kept.stat().st_mode & 0o777 == 0o600


def test_every_variable_of_compose_is_made_by_the_script() -> None:
    wanted = set(re.findall(r"\$\{(\w+)", (DEPLOY / "compose.yaml").read_text("utf-8")))
    script = (DEPLOY / "make_secrets.py").read_text("utf-8")
    assert wanted <= set(re.findall(r'"([A-Z_]+)"', script))


def test_the_collector_is_confined() -> None:
    collector = yaml(DEPLOY / "compose.yaml")["services"]["collector"]
    assert collector["read_only"] is True
    assert collector["cap_drop"] == ["ALL"]
    assert all(port.startswith("127.0.0.1:") for port in collector["ports"])
    dockerfile = (DEPLOY / "collector/Dockerfile").read_text("utf-8")
    assert "\nUSER 10001\n" in dockerfile
    assert "HEALTHCHECK" in dockerfile


def test_the_dockerfile_by_hadolint() -> None:
    hadolint = Path(sys.executable).parent / "hadolint"
    if not hadolint.exists():
        hadolint = Path(need("hadolint"))
    result = subprocess.run(
        [hadolint, str(DEPLOY / "collector/Dockerfile")], capture_output=True, text=True, check=False
    )
    assert result.stdout + result.stderr == ""


SCRIPTS = [
    *DEPLOY.glob("influxdb/*.sh"),
    *(DEPLOY / "agent-debian" / name for name in ("postinst", "postrm", "prerm")),
    ROOT / ".ci/run",
]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_scripts_by_shellcheck(script: Path) -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    if not shellcheck.exists():
        shellcheck = Path(need("shellcheck"))
    result = subprocess.run([shellcheck, str(script)], capture_output=True, text=True, check=False)
    assert result.stdout + result.stderr == ""


UNITS = [*sorted((DEPLOY / "debian/systemd").glob("*.service")), *sorted(DEPLOY.glob("agent-*/*.service"))]


@pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)
def test_units_leave_little_open(unit: Path) -> None:
    """systemd's own scale from 0 to 10: below 3 is what it calls OK and better."""
    command = [need("systemd-analyze"), "security", "--offline=true", "--threshold=30", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout[-500:]


@pytest.mark.parametrize("path", sorted((DEPLOY / "debian/systemd").glob("*")), ids=lambda path: path.name)
def test_units_by_systemd(path: Path, tmp_path: Path) -> None:
    # The paths of an installed system are not here; everything else systemd may complain about.
    unit = tmp_path / path.name
    unit.write_text(re.sub(r"/opt/schoolpulse/bin/schoolpulse", "/bin/true", path.read_text("utf-8")))
    command = [need("systemd-analyze"), "verify", "--man=no", str(unit)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    complaints = [line for line in result.stderr.splitlines() if path.name in line]
    assert complaints == []


@pytest.mark.parametrize(
    "path", [DEPLOY / "collector/collector.toml", DEPLOY / "debian/collector.toml"], ids=str
)
def test_the_collectors_configurations_load(path: Path) -> None:
    config = load(path)
    assert config.broker.tls
    assert config.store.kind == "influx"


def test_grafana_is_given_what_the_dashboards_go_by() -> None:
    (source,) = yaml(DEPLOY / "grafana/provisioning/datasources/schoolpulse.yaml")["datasources"]
    assert (source["uid"], source["jsonData"]["version"]) == (DATASOURCE_UID, "InfluxQL")
    for provider in yaml(DEPLOY / "grafana/provisioning/dashboards/schoolpulse.yaml")["providers"]:
        folder = ROOT / provider["options"]["path"].lstrip("/")
        assert [json.loads(path.read_text("utf-8"))["uid"] for path in folder.glob("*.json")]
