"""The relational state: one SQLAlchemy engine and one set of tables for registry, incidents and outbox.

Each room declares its own tables on `metadata`; being in one database lets a transition and its outbox
rows be one transaction.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Engine, MetaData, create_engine, event
from sqlalchemy.exc import NoSuchModuleError

from schoolpulse.errors import UsageError

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def connect(url: str) -> Engine:
    """An engine for `url` with every known table made. SQLite is set up to survive a power cut.

    Raises:
        UsageError: the database's driver is not installed, or there is none of that name.
    """
    try:
        engine = create_engine(url)
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise UsageError(
            f"the database's driver is missing: {error}",
            hint="pip install 'schoolpulse[postgres]', and write postgresql+psycopg://user@host/name",
        ) from error
    if engine.dialect.name == "sqlite":
        event.listen(engine, "connect", _harden_sqlite)
    metadata.create_all(engine)
    return engine


def _harden_sqlite(connection: Any, _record: Any) -> None:
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=10000"):
        connection.execute(f"PRAGMA {pragma}")
