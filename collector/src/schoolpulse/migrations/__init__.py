"""The relational state through the years: a database of an older release becomes one of this release.

Each ``v<number>.py`` holds ``upgrade(operations)``, from the version before it to its own. A fresh database
is made whole from today's tables and marked with the newest version; that both ways lead to the same tables
is what the tests compare. What a release has shipped is never edited again.

The version stands in alembic's own table. Its operations and its comparison are used; its environment,
branches and scripts by file are not (decision 0900).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path

from sqlalchemy import Connection, Engine, MetaData, inspect, text
from sqlalchemy.exc import DatabaseError

from schoolpulse.errors import UsageError

_log = logging.getLogger(__name__)

BASELINE = "0001"
"""The tables of the last release before versions were written down."""
VERSIONS = (BASELINE, "0002", "0003")
HEAD = VERSIONS[-1]
_TABLE = "alembic_version"
_OF_BASELINE = "incident_cursor"
"""A table that every database of the collector has had."""
_LOCK = 0x5C400150
"""Of PostgreSQL's advisory locks, for this alone."""


def prepare(engine: Engine, metadata: MetaData) -> None:
    """Make an empty database whole, upgrade an older one, leave one of today as it is.

    Of several processes that come at the same time one does it and the others wait. SQLite's file is
    copied before it is upgraded.

    Raises:
        UsageError: the database is of a newer release, or no copy can be made of it.
    """
    with engine.connect() as connection:
        found = version_of(connection)
    if found == HEAD:
        return
    _check_known(found)
    if found is not None:
        _keep_a_copy(engine, found)
    with _locked(engine) as connection:
        found = version_of(connection)
        _check_known(found)
        if found is None:
            metadata.create_all(connection)
        else:
            _upgrade(connection, found)
        _write_version(connection)


def version_of(connection: Connection) -> str | None:
    """The version of a database; `BASELINE` where none is written down, None for an empty one."""
    tables = inspect(connection)
    if tables.has_table(_TABLE):
        written = connection.execute(text(f"SELECT version_num FROM {_TABLE}")).scalar()  # noqa: S608  # our own name
        if written is not None:
            return str(written)
    return BASELINE if tables.has_table(_OF_BASELINE) else None


def _check_known(found: str | None) -> None:
    if found is not None and found not in VERSIONS:
        raise UsageError(
            f"the database is of version {found}; this SchoolPulse knows versions up to {HEAD}",
            hint="install the release that upgraded it, or restore the copy that was made before",
        )


def _upgrade(connection: Connection, found: str) -> None:
    """Every step from `found` on, in the caller's transaction."""
    from alembic.migration import MigrationContext  # noqa: PLC0415  # a collector that is up to date never needs it
    from alembic.operations import Operations  # noqa: PLC0415

    operations = Operations(MigrationContext.configure(connection))
    for version in VERSIONS[VERSIONS.index(found) + 1 :]:
        _log.warning("the database is upgraded to version %s", version)
        import_module(f"{__name__}.v{version}").upgrade(operations)
    if connection.dialect.name == "sqlite":
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if broken:
            raise UsageError(
                f"the upgrade would leave {len(broken)} rows without what they belong to",
                hint="nothing was changed; please report this with the table " + str(broken[0][0]),
            )


def _write_version(connection: Connection) -> None:
    create = f"CREATE TABLE IF NOT EXISTS {_TABLE} (version_num VARCHAR(32) NOT NULL PRIMARY KEY)"
    connection.execute(text(create))
    connection.execute(text(f"DELETE FROM {_TABLE}"))  # noqa: S608  # our own name
    connection.execute(text(f"INSERT INTO {_TABLE} VALUES (:version)"), {"version": HEAD})  # noqa: S608  # likewise


@contextmanager
def _locked(engine: Engine) -> Iterator[Connection]:
    """One transaction, in which nobody else upgrades."""
    with engine.connect() as connection:
        if engine.dialect.name != "sqlite":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
            yield connection
            connection.commit()
            return
        # A table is rewritten by dropping it, which must not take along what refers to it; and the driver
        # begins no transaction by itself where only tables change.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        try:
            yield connection
            connection.commit()
        finally:
            connection.rollback()
            connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _keep_a_copy(engine: Engine, found: str) -> None:
    """SQLite's file as it was, beside it; of a server somebody else keeps backups."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path or path == ":memory:":
        _log.warning("the database is of version %s; where no backup is at hand, stop and make one", found)
        return
    copy = Path(f"{path}.version-{found}")
    if copy.exists():
        return
    try:
        with engine.connect() as connection:
            connection.exec_driver_sql("VACUUM INTO ?", (str(copy),))
    except DatabaseError as error:
        copy.unlink(missing_ok=True)
        raise UsageError(
            f"no copy of the database can be made before it is upgraded: {error.orig}",
            hint=f"make room for {copy}",
        ) from error
    copy.chmod(0o600)
    _log.warning("the database of version %s is kept as %s", found, copy)
