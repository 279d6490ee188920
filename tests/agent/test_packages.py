"""The packages: built, installed into a tree of their own, upgraded and purged by the real dpkg."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from parts import need

from schoolpulse_agent.config import load

ROOT = Path(__file__).parents[2]
UNIT = ROOT / "deploy/agent-debian/schoolpulse-agent.service"
INIT = ROOT / "deploy/openwrt/files/schoolpulse-agent.init"


def builder() -> Any:
    spec = importlib.util.spec_from_file_location("build_deb", ROOT / "deploy/agent-debian/build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def dpkg(root: Path, *arguments: str) -> None:
    """dpkg on a tree of its own, its scripts told so by DPKG_ROOT."""
    for folder in ("var/lib/dpkg/info", "var/lib/dpkg/updates", "var/lib/dpkg/triggers"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "var/lib/dpkg/status").touch()
    command = [
        need("dpkg"),
        f"--root={root}",
        f"--log={root}/dpkg.log",
        "--force-script-chrootless,not-root,depends,confold",
        *arguments,
    ]
    path = f"{os.environ['PATH']}:/usr/sbin:/sbin"
    environment = {**os.environ, "PATH": path}
    ended = subprocess.run(command, check=False, capture_output=True, text=True, env=environment)
    assert ended.returncode == 0, ended.stderr


def run_installed(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    script = root / "usr/bin/schoolpulse-agent"
    modules = root / "usr/lib/python3/dist-packages"
    environment = {**os.environ, "PYTHONPATH": str(modules)}
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
    )


def test_the_debian_package_is_installed_upgraded_and_purged(tmp_path: Path) -> None:
    need("dpkg-deb")
    build = builder().build
    root, packages = tmp_path / "root", tmp_path / "packages"
    packages.mkdir()
    dpkg(root, "--install", str(build(packages, "1.0")))
    config = root / "etc/schoolpulse-agent.toml"
    assert config.stat().st_mode & 0o077 == 0o040
    assert run_installed(root, "--version").stdout.startswith("schoolpulse-agent ")
    refused = run_installed(root, "check-config", "--config", str(config))
    assert refused.returncode == 2  # the template names no school
    assert "agent.id" in refused.stderr
    good = config.read_text().replace('id = ""', 'id = "thcs-go-vap"').replace('url = ""', 'url = "mqtt://b"')
    config.write_text(good)
    assert run_installed(root, "check-config", "--config", str(config)).returncode == 0
    (root / "etc/schoolpulse-agent.password").write_text("as enroll writes it\n")
    spool = root / "var/lib/schoolpulse-agent/spool"
    spool.mkdir()
    dpkg(root, "--install", str(build(packages, "1.1")))
    assert config.read_text() == good
    assert spool.exists()
    dpkg(root, "--remove", "schoolpulse-agent")
    assert config.exists()
    assert not (root / "usr/lib/python3/dist-packages/schoolpulse_agent").exists()
    dpkg(root, "--purge", "schoolpulse-agent")
    left = [path for path in root.rglob("*schoolpulse*") if "dpkg" not in str(path.relative_to(root))]
    assert left == []


def test_the_unit_is_sound_and_gives_one_capability_only() -> None:
    text = UNIT.read_text()
    assert "CapabilityBoundingSet=CAP_NET_RAW\n" in text
    assert "User=schoolpulse-agent\n" in text
    command = [need("systemd-analyze"), "verify", "--man=no", str(UNIT)]
    said = subprocess.run(command, check=False, capture_output=True, text=True).stderr.splitlines()
    troubles = [line for line in said if UNIT.name in line and "not executable" not in line]
    assert troubles == []


UCI = """
config_load() { :; }
config_get_bool() { config_get "$1" "$2" "$3"; }
config_get() {
    case "$2.$3" in
        agent.id) value='thcs-go-vap' ;;
        agent.role) value='gateway' ;;
        agent.state_dir) value='/etc/schoolpulse-agent' ;;
        broker.url) value='mqtts://broker.example' ;;
        up1.name) value='wan' ;;
        up1.role) value='primary' ;;
        up1.interface) value='pppoe-wan' ;;
        up2.name) value='lte' ;;
        up2.role) value='backup' ;;
        up2.interface) value='wwan0' ;;
        up2.operator) value='Viettel' ;;
        up2.metered) value='0' ;;
        dev1.name) value='in-1' ;;
        dev1.kind) value='printer' ;;
        dev1.method) value='tcp' ;;
        dev1.address) value='192.168.1.9' ;;
        dev1.port) value='9100' ;;
        dev1.title) value='Máy in "văn phòng" \\ tầng 1' ;;
        *) value='' ;;
    esac
    eval "$1=\\$value"
}
config_foreach() { case "$2" in uplink) "$1" up1; "$1" up2 ;; device) "$1" dev1 ;; esac; }
"""


def test_uci_becomes_a_configuration_that_is_good(tmp_path: Path) -> None:
    script = tmp_path / "write.sh"
    script.write_text(f"{UCI}\n. {INIT}\nwrite_config\n")
    written = subprocess.run(["sh", str(script)], capture_output=True, check=True)
    config = tmp_path / "agent.toml"
    config.write_bytes(written.stdout)
    settings = load(config)
    assert (settings.agent.id, settings.broker.host) == ("thcs-go-vap", "broker.example")
    assert settings.agent.role == "gateway"
    assert [(u.name, u.interface) for u in settings.uplinks] == [("wan", "pppoe-wan"), ("lte", "wwan0")]
    assert [(u.operator, u.is_metered) for u in settings.uplinks] == [("", False), ("Viettel", False)]
    (device,) = settings.devices
    assert (device.method, device.port) == ("tcp", 9100)
    assert device.title == 'Máy in "văn phòng" \\ tầng 1'


RULES = """
INSTALL_DIR := install -d -m0755
INSTALL_BIN := install -m0755
INSTALL_CONF := install -m0600
CP := cp -fpR
"""
PACKAGE = """
define BuildPackage
all:
$(call Package/$(1)/install,$(OUT))
endef
"""


def test_the_openwrt_makefile_installs_an_agent_that_runs(tmp_path: Path) -> None:
    """By the real make and a stand-in for the build system's rules; there is no OpenWrt SDK here."""
    (tmp_path / "rules.mk").write_text(RULES)
    (tmp_path / "package.mk").write_text(PACKAGE)
    root = tmp_path / "root"
    folder = ROOT / "deploy/openwrt"
    variables = [f"TOPDIR={tmp_path}", f"INCLUDE_DIR={tmp_path}", f"OUT={root}"]
    subprocess.run([need("make"), "-s", "-C", str(folder), *variables, "all"], check=True)
    modes = {
        path: (root / path).stat().st_mode & 0o777
        for path in (
            "usr/bin/schoolpulse-agent",
            "etc/init.d/schoolpulse-agent",
            "etc/config/schoolpulse-agent",
        )
    }
    assert list(modes.values()) == [0o755, 0o755, 0o600]
    modules = root / "usr/lib/schoolpulse-agent"
    assert not list(modules.rglob("__pycache__"))
    command = [sys.executable, "-B", "-m", "schoolpulse_agent", "--version"]
    said = subprocess.run(
        command, env={**os.environ, "PYTHONPATH": str(modules)}, capture_output=True, text=True, check=True
    )
    assert said.stdout.startswith("schoolpulse-agent ")


@pytest.mark.parametrize("script", ["postinst", "prerm", "postrm"])
def test_the_maintainers_scripts_are_shell(script: str) -> None:
    subprocess.run(["sh", "-n", str(ROOT / "deploy/agent-debian" / script)], check=True)
