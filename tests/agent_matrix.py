"""Runs the agent's whole suite against its built wheel in a bare environment of every Python that is here.

``make agent-matrix`` builds the wheel and makes an environment for each Python from 3.9 on and each
paho-mqtt of `PAHO`: only the wheel with its SNMP extra, and what the tests themselves import. Tests of the
agent against the collector's code skip there, with their reason. Prints a line for each combination; exit
status 1 where one failed. ``--python 3.9`` and ``--paho 1.6.1`` choose.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAHO = ("1.6.1", "2")
"""The one of Debian 12 and OpenWrt 23.05, and the newest 2.x."""
TOOLS = ("pytest>=8.3", "hypothesis", "psutil", "pjlink-advance; python_version >= '3.13'")
OLDEST = (3, 9)


def pythons() -> dict[str, Path]:
    """An interpreter of each minor version, by ``3.9``: those of the PATH, of pyenv and of uv."""
    folders = [Path(folder) for folder in os.environ.get("PATH", "").split(":") if folder]
    folders += sorted((Path.home() / ".pyenv/versions").glob("*/bin"), reverse=True)
    folders += sorted((Path.home() / ".local/share/uv/python").glob("*/bin"), reverse=True)
    found: dict[str, Path] = {}
    for folder in folders:
        for path in sorted(folder.glob("python3.*")):
            version = _version(path) if re.fullmatch(r"python3\.\d+", path.name) else None
            if version is not None and version >= OLDEST:
                found.setdefault(".".join(map(str, version)), path)
    return dict(sorted(found.items(), key=lambda item: int(item[0].split(".")[1])))


def _version(python: Path) -> tuple[int, int] | None:
    """What `python` says that it is; None where it does not run."""
    code = "import sys, venv, ensurepip; print(*sys.version_info[:2])"
    try:
        said = subprocess.run([python, "-c", code], capture_output=True, text=True, timeout=30, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    major, minor = said.stdout.split()
    return int(major), int(minor)


def build_wheel(folder: Path) -> Path:
    """The agent's wheel, built by this interpreter."""
    command = [
        sys.executable,
        "-m",
        "pip",
        "wheel",
        "--quiet",
        "--no-deps",
        "-w",
        str(folder),
        str(ROOT / "agent"),
    ]
    subprocess.run(command, check=True)
    return next(folder.glob("schoolpulse_agent-*.whl"))


def environment(python: Path, wheel: Path, paho: str, folder: Path) -> Path:
    """A bare environment with the wheel, that paho-mqtt, and the tests' own tools; its interpreter."""
    subprocess.run([python, "-m", "venv", folder], check=True)
    inside = folder / "bin/python"
    wanted = f"paho-mqtt=={paho}" if "." in paho else f"paho-mqtt=={paho}.*"
    packages = [f"{wheel}[snmp]", wanted, *TOOLS]
    uv = shutil.which("uv")
    install = (
        [uv, "pip", "install", "--quiet", "--python", str(inside)]
        if uv
        else [str(inside), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    )
    subprocess.run(install + packages, check=True)
    return inside


def run_suite(python: Path, arguments: list[str]) -> tuple[bool, str]:
    """Whether the suite passed, and pytest's last line."""
    command = [str(python), "-m", "pytest", "-q", "-p", "no:cacheprovider", "-rf", *arguments]
    env = {key: value for key, value in os.environ.items() if key not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    lines = (ended.stdout + ended.stderr).strip().splitlines()
    failures = [line for line in lines if line.startswith(("FAILED", "ERROR", "E  "))]
    return ended.returncode == 0, "\n    ".join([lines[-1] if lines else "said nothing", *failures[:20]])


def combinations(only_python: str, only_paho: str) -> Iterator[tuple[str, Path, str]]:
    """What is to be tested: version, interpreter, paho-mqtt."""
    for version, python in pythons().items():
        for paho in PAHO:
            if only_python in {"", version} and only_paho in {"", paho}:
                yield version, python, paho


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--python", default="", metavar="3.9", help="only this one")
    parser.add_argument("--paho", default="", metavar="1.6.1", help=f"only this one of {', '.join(PAHO)}")
    parser.add_argument("tests", nargs="*", default=["tests/agent"], help="what to run (tests/agent)")
    args = parser.parse_args()
    good = True
    count = 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        wheel = build_wheel(folder)
        for version, python, paho in combinations(args.python, args.paho):
            began = time.monotonic()
            try:
                inside = environment(python, wheel, paho, folder / f"{version}-{paho}")
                passed, said = run_suite(inside, args.tests)
            except subprocess.CalledProcessError as error:
                passed, said = False, f"not set up: {error}"
            shutil.rmtree(folder / f"{version}-{paho}", ignore_errors=True)
            good = good and passed
            count += 1
            verdict = "passed" if passed else "FAILED"
            _say(f"python {version} paho-mqtt {paho}: {verdict} in {time.monotonic() - began:.0f} s: {said}")
    _say(f"{count} combinations" if count else "no Python from 3.9 on is here")
    return 0 if good and count else 1


if __name__ == "__main__":
    sys.exit(main())
