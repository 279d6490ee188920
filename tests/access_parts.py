"""Users, tokens and sessions over a database in memory."""

from __future__ import annotations

import weakref

from sqlalchemy import Engine, QueuePool, create_engine

from schoolpulse.access.access import Access
from schoolpulse.clock import Clock
from schoolpulse.database import metadata


def engine_in_memory() -> Engine:
    """One database of one connection, which threads take turns with."""
    engine = create_engine(
        "sqlite://",
        poolclass=QueuePool,
        pool_size=1,
        max_overflow=0,
        connect_args={"check_same_thread": False},
    )
    metadata.create_all(engine)
    return engine


def access_for(clock: Clock, listens_on: str = "127.0.0.1") -> Access:
    """An `Access` without users; its database goes with it."""
    engine = engine_in_memory()
    access = Access(engine, clock, listens_on=listens_on)
    weakref.finalize(access, engine.dispose)
    return access
