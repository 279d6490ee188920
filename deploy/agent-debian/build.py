"""Builds the agent's Debian package with dpkg-deb alone: ``python deploy/agent-debian/build.py [FOLDER]``.

The agent is plain Python without compiled parts, so one package serves all architectures. Prints its path.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
SOURCE = HERE.parents[1] / "agent/src/schoolpulse_agent"
CONTROL = """\
Package: schoolpulse-agent
Version: {version}
Architecture: all
Maintainer: SchoolPulse maintainers <maintainers@schoolpulse.example>
Section: net
Priority: optional
Depends: python3 (>= 3.9), python3 (>= 3.11) | python3-tomli, python3-paho-mqtt (>= 1.6.1), adduser,
 ca-certificates
Suggests: python3-cryptography
Installed-Size: {size}
Description: measures a school's lines and devices
 Keeps every sample on disk until the SchoolPulse collector says that it has it.
"""
FILES = {
    "schoolpulse-agent": ("usr/bin/schoolpulse-agent", 0o755),
    "schoolpulse-agent.service": ("lib/systemd/system/schoolpulse-agent.service", 0o644),
    "schoolpulse-agent.toml": ("etc/schoolpulse-agent.toml", 0o640),
}
SCRIPTS = ("postinst", "prerm", "postrm")


def source_version() -> str:
    """The version that the package `schoolpulse_agent` says it has."""
    found = re.search(r'__version__ = "([^"]+)"', (SOURCE / "__init__.py").read_text("utf-8"))
    if found is None:
        raise SystemExit("the agent does not say its version")
    return found[1]


def build(folder: Path, version: str) -> Path:
    """Write the package into `folder`; its path."""
    with tempfile.TemporaryDirectory() as made:
        root = Path(made)
        root.chmod(0o755)
        modules = root / "usr/lib/python3/dist-packages/schoolpulse_agent"
        shutil.copytree(SOURCE, modules, ignore=shutil.ignore_patterns("__pycache__"))
        for name, (place, mode) in FILES.items():
            target = root / place
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(HERE / name, target)
            target.chmod(mode)
        size = sum(path.stat().st_size for path in root.rglob("*") if path.is_file()) // 1024 + 1
        control = root / "DEBIAN"
        control.mkdir()
        (control / "control").write_text(CONTROL.format(version=version, size=size), "utf-8")
        (control / "conffiles").write_text("/etc/schoolpulse-agent.toml\n", "utf-8")
        for script in SCRIPTS:
            shutil.copyfile(HERE / script, control / script)
            (control / script).chmod(0o755)
        package = folder / f"schoolpulse-agent_{version}_all.deb"
        command = ["dpkg-deb", "--root-owner-group", "--build", str(root), str(package)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return package


def main() -> None:
    """Build into the folder that is given, or ``dist``."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "dist")
    folder.mkdir(parents=True, exist_ok=True)
    sys.stdout.write(f"{build(folder, source_version())}\n")


if __name__ == "__main__":
    main()
