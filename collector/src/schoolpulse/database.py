"""The relational state: one SQLAlchemy engine and one set of tables for registry, incidents and outbox.

Each room declares its own tables on `metadata`; being in one database lets a transition and its outbox
rows be one transaction.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from schoolpulse import migrations
from schoolpulse.errors import UsageError

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)

ROOMS = ("access", "enrolment", "incidents", "notify", "registry")
"""Whose ``tables`` declare on `metadata`. They stand above this module and are imported by their names, so
that a database is made whole whatever the process that makes it has imported."""


def connect(url: str) -> Engine:
    """An engine for `url` with every table made or brought up to date. SQLite survives a power cut.

    Raises:
        UsageError: the database's driver is not installed, there is none of that name, or the database is of
            a newer release.
    """
    try:
        engine = create_engine(url, hide_parameters=True)  # among them are passwords: no error may show one
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UsageError(
            f"the database's driver is missing: {error}",
            hint="pip install 'schoolpulse[postgres]', and write postgresql+psycopg://user@host/name",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _harden_sqlite)
    load_tables()
    try:
        migrations.prepare(engine, metadata)
    except BaseException:
        engine.dispose()
        raise
    return engine


def load_tables() -> MetaData:
    """`metadata` with the tables of all rooms."""
    for room in ROOMS:
        import_module(f"schoolpulse.{room}.tables")
    return metadata


def _harden_sqlite(connection: Any, _record: Any) -> None:
    # One writes at a time. The longest by far is the import of a country's schools, some seconds and on a
    # busy machine many (decision 0905): the others wait rather than fail.
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=60000"):
        connection.execute(f"PRAGMA {pragma}")
