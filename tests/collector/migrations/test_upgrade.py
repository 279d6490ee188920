"""A database of each release that ever shipped becomes one of today, with its rows, on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Engine, create_engine, inspect, text

from schoolpulse import migrations
from schoolpulse.database import connect, load_tables
from schoolpulse.errors import UsageError
from schoolpulse.incidents.repository import IncidentRepository
from schoolpulse.registry.models import Line, School
from schoolpulse.registry.repository import Registry

HERE = Path(__file__).parent
ROWS = """
INSERT INTO area (id, parent_id, name) VALUES (1, NULL, 'TP.HCM');
INSERT INTO area (id, parent_id, name) VALUES (2, 1, 'Gò Vấp');
INSERT INTO school (id, name, level, area_id, lat, lon) VALUES ('s1', 'Trường Một', 'thcs', 2, 10.8, 106.6);
INSERT INTO school (id, name, level, area_id, lat, lon) VALUES ('s2', 'Trường Hai', '', NULL, NULL, NULL);
INSERT INTO line (id, school_id, role, provider, technology, contracted_down_mbps, contracted_up_mbps)
  VALUES (7, 's1', 'primary', 'VNPT', 'fibre', 200, 100);
INSERT INTO line (id, school_id, role, provider, technology) VALUES (8, 's1', 'backup', '', '4g');
INSERT INTO agent (id, school_id) VALUES ('gw-1', 's1');
INSERT INTO registry_version (id, version) VALUES (1, 41);
INSERT INTO incident_cursor (name, position, body) VALUES ('incidents', 9, '{}');
INSERT INTO endpoint_state (endpoint, ok_ms, error) VALUES ('ops', 5, '')
"""


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty database."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'state.db'}"
    made: str = request.getfixturevalue("postgres_server").url()
    return made


@pytest.fixture
def release() -> str:
    """Whose database it is."""
    return migrations.BASELINE


@pytest.fixture
def old(url: str, release: str) -> str:
    """A database as that release made it, with rows in it."""
    engine = create_engine(url)
    statements = (HERE / f"{release}_{engine.dialect.name}.sql").read_text("utf-8") + ROWS
    with engine.begin() as connection:
        for statement in statements.split(";\n"):
            if statement.strip():
                connection.execute(text(statement))
    # Rows with ids of their own leave PostgreSQL's counters behind.
    if engine.dialect.name == "postgresql":
        with engine.begin() as connection:
            for table in ("area", "line"):
                connection.execute(text(f"SELECT setval('{table}_id_seq', 100)"))  # ours
    engine.dispose()
    return url


@pytest.fixture
def upgraded(old: str) -> Iterator[Engine]:
    engine = connect(old)
    yield engine
    engine.dispose()


def where(options: Any) -> dict[str, str]:
    """The condition of a partial index, as text."""
    return {name: str(value) for name, value in (options or {}).items()}


def shape(engine: Engine) -> dict[str, Any]:
    """Everything that is said of every table, in an order of its own."""
    looked = inspect(engine)
    found = {}
    for table in sorted(looked.get_table_names()):
        found[table] = {
            "columns": {
                column["name"]: (str(column["type"]), column["nullable"], column.get("default"))
                for column in looked.get_columns(table)
            },
            "key": looked.get_pk_constraint(table),
            "checks": sorted(
                (str(check["name"]), check["sqltext"]) for check in looked.get_check_constraints(table)
            ),
            "unique": sorted(
                (str(one["name"]), one["column_names"]) for one in looked.get_unique_constraints(table)
            ),
            "indexes": sorted(
                (
                    str(one["name"]),
                    one["column_names"],
                    bool(one["unique"]),
                    where(one.get("dialect_options")),
                )
                for one in looked.get_indexes(table)
            ),
            "foreign": sorted(
                (one["constrained_columns"], one["referred_table"], str(one["options"]))
                for one in looked.get_foreign_keys(table)
            ),
        }
    return found


RELEASES = pytest.mark.parametrize("release", migrations.VERSIONS[:-1])


@RELEASES
def test_its_rows_are_there_and_mean_the_same(upgraded: Engine) -> None:
    registry = Registry(upgraded)
    first = registry.school("s1")
    assert first == School(
        id="s1",
        name="Trường Một",
        level="thcs",
        area=("TP.HCM", "Gò Vấp"),
        lat=10.8,
        lon=106.6,
        agent_id="gw-1",
        lines=(
            Line(
                role="primary",
                provider="VNPT",
                technology="fibre",
                contracted_down_mbps=200.0,
                contracted_up_mbps=100.0,
            ),
            Line(role="backup", provider="", technology="4g"),
        ),
    )
    assert first.line("primary", 0) == first.lines[0]
    assert first.area_at(0) == first.area
    assert registry.school_of("gw-1", 0) == first
    assert {school.id: school.area for school in registry.schools()} == {"s1": first.area, "s2": ()}
    registry.upsert([School(id="s1", name="Trường Một", level="thcs")])
    assert registry.snapshot().version == 42
    assert IncidentRepository(upgraded).open() == []
    with upgraded.connect() as connection:
        assert connection.execute(text("SELECT given_up FROM endpoint_state")).scalar() == 0


@RELEASES
def test_it_equals_a_fresh_one(upgraded: Engine, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    if upgraded.dialect.name == "sqlite":
        fresh_url = f"sqlite:///{tmp_path / 'fresh.db'}"
    else:
        fresh_url = request.getfixturevalue("postgres_server").url()
    fresh = connect(fresh_url)
    try:
        assert shape(upgraded) == shape(fresh)
    finally:
        fresh.dispose()
    with upgraded.connect() as connection:
        metadata = load_tables()
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, metadata)
    assert differences == [], "a table was changed without a step in schoolpulse.migrations"


def test_it_is_done_once_and_by_one_of_several(old: str) -> None:
    engines: list[Engine] = []
    errors: list[BaseException] = []

    def come() -> None:
        try:
            engines.append(connect(old))
        except BaseException as error:  # noqa: BLE001  # looked at below
            errors.append(error)

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert errors == []
    with engines[0].connect() as connection:
        assert migrations.version_of(connection) == migrations.HEAD
        assert connection.execute(text("SELECT count(*) FROM alembic_version")).scalar() == 1
        assert connection.execute(text("SELECT count(*) FROM line")).scalar() == 2
    for engine in engines:
        engine.dispose()


def test_a_fresh_database_is_whole_and_marked(url: str) -> None:
    for _ in range(2):
        engine = connect(url)
        assert set(load_tables().tables) <= set(inspect(engine).get_table_names())
        with engine.connect() as connection:
            assert migrations.version_of(connection) == migrations.HEAD
        engine.dispose()


def test_a_newer_database_is_left_alone(url: str) -> None:
    engine = connect(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
        connection.execute(text("DROP TABLE maintenance"))
    engine.dispose()
    with pytest.raises(
        UsageError, match="is of version 9999; this SchoolPulse knows versions up to"
    ) as caught:
        connect(url)
    assert "install the release" in caught.value.hint
    engine = create_engine(url)
    assert not inspect(engine).has_table("maintenance")
    engine.dispose()


def test_the_old_file_is_kept_beside_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "state.db"
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        for statement in (HERE / "0001_sqlite.sql").read_text("utf-8").split(";\n"):
            if statement.strip():
                connection.execute(text(statement))
    engine.dispose()
    connect(f"sqlite:///{path}").dispose()
    copy = tmp_path / "state.db.version-0001"
    assert copy.stat().st_mode & 0o777 == 0o600
    engine = create_engine(f"sqlite:///{copy}")
    with engine.connect() as connection:
        assert migrations.version_of(connection) == "0001"
    assert "valid_from_ms" not in {column["name"] for column in inspect(engine).get_columns("line")}
    engine.dispose()


def test_an_upgrade_that_fails_changes_nothing(old: str) -> None:
    engine = create_engine(old)
    with engine.begin() as connection:
        # Nobody of ours makes such a table; the last step of the upgrade stumbles over it.
        connection.execute(text("CREATE TABLE past_agent (x INTEGER)"))
    before = shape(engine)
    with pytest.raises(Exception, match="past_agent"):
        connect(old)
    assert shape(engine) == before
    with engine.connect() as connection:
        assert migrations.version_of(connection) == "0001"
    engine.dispose()


def test_every_version_has_its_step() -> None:
    folder = Path(migrations.__file__).parent
    steps = sorted(path.stem for path in folder.glob("v*.py"))
    assert steps == [f"v{version}" for version in migrations.VERSIONS[1:]]
