"""What is installed is what is tested: both wheels, unpacked in an environment without the source tree."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    ".": ("agent/src", "collector/src", "firmware-sim/src"),
    "agent": ("agent/src",),
}


def build(project: str, folder: Path) -> Path:
    """The wheel of the project in that folder of the repository."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(command, cwd=ROOT / project, check=True, capture_output=True)
    [wheel] = folder.glob("*.whl")
    return wheel


def run(installed: Path, *arguments: str) -> str:
    """Run Python with the unpacked wheel and the dependencies, and nothing of the source tree."""
    path = os.pathsep.join((str(installed), sysconfig.get_path("purelib")))
    # -S leaves out the environment's own start-up files, and so the editable install.
    done = subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=installed,
        env={"PYTHONPATH": path, "PATH": os.environ["PATH"]},
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


@pytest.fixture(scope="module", params=SOURCES)
def wheel(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Path]:
    project = str(request.param)
    return project, build(project, tmp_path_factory.mktemp("wheel"))


def test_a_wheel_holds_every_file_of_its_sources(wheel: tuple[str, Path]) -> None:
    project, file = wheel
    inside = {name for name in zipfile.ZipFile(file).namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(ROOT / source))
        for source in SOURCES[project]
        for path in (ROOT / source).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert expected - inside == set()
    foreign = {name.split("/")[0] for name in inside} - {path.split("/")[0] for path in expected}
    assert foreign == set()


def test_what_is_in_it_runs(wheel: tuple[str, Path], tmp_path: Path) -> None:
    project, file = wheel
    zipfile.ZipFile(file).extractall(tmp_path)
    assert "once" in run(tmp_path, "-m", "schoolpulse_agent", "--help")
    if project == ".":
        assert "serve" in run(tmp_path, "-m", "schoolpulse", "--help")
        assert "demo" in run(tmp_path, "-m", "schoolpulse_sim", "scenarios")
        code = "from schoolpulse.i18n import catalogue; print(len(catalogue()))"
        assert int(run(tmp_path, "-c", code)) > 50
