"""The fences of the house: imports run downward only, and some rooms know nothing of the world outside."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = {
    "schoolpulse_agent": ROOT / "agent/src/schoolpulse_agent",
    "schoolpulse": ROOT / "collector/src/schoolpulse",
    "schoolpulse_sim": ROOT / "firmware-sim/src/schoolpulse_sim",
}

STOREYS = (
    ("__init__", "errors", "clock", "local_time", "i18n", "interpreter", "logs"),
    ("toml_file", "metrics", "migrations", "contract"),
    ("database",),
    ("messages", "registry", "broker", "access"),
    ("ingest", "stores", "incidents"),
    ("notify", "live", "web", "ndt7", "enrolment", "reports"),
    ("api", "export"),
    ("grafana",),
    ("config", "server"),
    ("app",),
    ("demo", "doctor"),
    ("commands",),
    ("__main__",),
)
"""The collector's rooms from the ground up. A room imports from its own storey's own room, or from below."""

IO_MODULES = {
    *("asyncio", "http", "io", "os", "pathlib", "select", "shutil", "socket", "sqlite3", "subprocess"),
    *("tempfile", "threading", "time", "random", "secrets", "urllib"),
    *("fastapi", "influxdb_client", "paho", "sqlalchemy", "urllib3", "uvicorn"),
}
SHARED_WITH_THE_SIMULATOR = ("schoolpulse.contract", "schoolpulse.errors", "schoolpulse.toml_file")
PURE = ("contract", "incidents")
WITH_IO = {"contract/publish.py", "incidents/repository.py", "incidents/tables.py", "incidents/sink.py"}
WITH_IO |= {"incidents/people.py"}
"""The modules of a pure room that are its door to the world."""


def imports_of(path: Path) -> Iterator[str]:
    """Every module that the file imports, in full, wherever in the file it does."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import hides where it leads"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(package: str) -> list[Path]:
    return sorted(SOURCES[package].rglob("*.py"))


def room(path: Path) -> str:
    return path.relative_to(SOURCES["schoolpulse"]).parts[0].removesuffix(".py")


STOREY = {name: number for number, names in enumerate(STOREYS) for name in names}


@pytest.mark.parametrize("path", modules("schoolpulse"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_collector_imports_downward_only(path: Path) -> None:
    here = room(path)
    for name in imports_of(path):
        if name.startswith("schoolpulse."):
            there = name.split(".")[1]
            there = there if there in STOREY else "__init__"
            assert there == here or STOREY[there] < STOREY[here], f"{here} imports {name}"


@pytest.mark.parametrize("path", modules("schoolpulse"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_collector_takes_of_the_agent_only_the_wire(path: Path) -> None:
    for name in imports_of(path):
        assert not name.startswith("schoolpulse_sim"), name
        if name.startswith("schoolpulse_agent"):
            assert name.startswith("schoolpulse_agent.wire"), name


@pytest.mark.parametrize("path", modules("schoolpulse_agent"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_agent_needs_the_standard_library_and_paho(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"paho", "tomli", "schoolpulse_agent"}
    if path.parent.name == "snmp":
        allowed |= {"pysnmp", "pyasn1"}  # the extra
    assert {name.split(".")[0] for name in imports_of(path)} <= allowed


@pytest.mark.parametrize("path", modules("schoolpulse_sim"), ids=lambda path: str(path.relative_to(ROOT)))
def test_the_simulator_knows_nothing_of_the_collectors_inside(path: Path) -> None:
    for name in imports_of(path):
        if name.startswith("schoolpulse."):
            assert name.startswith(SHARED_WITH_THE_SIMULATOR), name


@pytest.mark.parametrize("name", PURE)
def test_pure_rooms_know_nothing_of_the_world(name: str) -> None:
    base = SOURCES["schoolpulse"]
    for path in sorted((base / name).rglob("*.py")):
        if str(path.relative_to(base)) not in WITH_IO:
            found = {module.split(".")[0] for module in imports_of(path)} & IO_MODULES
            assert not found, f"{path.relative_to(ROOT)} imports {found}"


def test_every_room_has_its_storey() -> None:
    assert {room(path) for path in modules("schoolpulse")} - set(STOREY) == set()


def test_modules_stay_small() -> None:
    long = [
        f"{path.relative_to(ROOT)}: {count}"
        for package in SOURCES
        for path in modules(package)
        if (count := len(path.read_text("utf-8").splitlines())) > 350
    ]
    assert long == []
