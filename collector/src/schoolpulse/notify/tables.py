"""The outbox's tables: what has to be delivered, and how each endpoint does."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text, UniqueConstraint

from schoolpulse.database import metadata

PENDING, DELIVERED, GIVEN_UP = "pending", "delivered", "given_up"

outbox = Table(
    "outbox",
    metadata,
    Column("seq", Integer, primary_key=True, autoincrement=True),
    Column("id", String(64), nullable=False, unique=True),
    Column("incident", String(32), nullable=False),
    Column("number", Integer, nullable=False),
    Column("endpoint", String(64), nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("next_ms", BigInteger, nullable=False),
    Column("last_ms", BigInteger),
    Column("last_status", Integer),
    Column("last_error", String(200), nullable=False),
    UniqueConstraint("incident", "number", "endpoint"),
    Index("ix_outbox_state", "state", "endpoint", "incident", "seq"),
)

endpoint_state = Table(
    "endpoint_state",
    metadata,
    Column("endpoint", String(64), primary_key=True),
    Column("disabled_ms", BigInteger),
    Column("ok_ms", BigInteger),
    Column("failed_ms", BigInteger),
    Column("error", String(200), nullable=False),
    # Since when every attempt has failed; how many messages were ever taken, and given up: rows are trimmed.
    Column("failing_ms", BigInteger),
    Column("delivered", BigInteger, nullable=False, server_default="0"),
    Column("given_up", BigInteger, nullable=False, server_default="0"),
)
