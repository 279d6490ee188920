"""The tables of users, tokens, sessions and the audit log. Secrets stand here as hashes only."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, String, Table, Text

from schoolpulse.database import metadata

user = Table(
    "access_user",
    metadata,
    Column("name", String(64), primary_key=True),
    # argon2id with its own parameters and salt.
    Column("password", String(200), nullable=False),
    Column("role", String(16), nullable=False),
    # A JSON list of school ids; null for all schools.
    Column("schools", Text),
    Column("disabled", Boolean, nullable=False),
    Column("created_ms", BigInteger, nullable=False),
    Column("password_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger),
)

token = Table(
    "access_token",
    metadata,
    # The part of the token that is no secret, by which it is recognised.
    Column("prefix", String(16), primary_key=True),
    Column("name", String(64), nullable=False),
    # SHA-256 of the rest, in hex: 256 random bits need no slow hash.
    Column("hash", String(64), nullable=False),
    Column("role", String(16), nullable=False),
    Column("schools", Text),
    Column("created_ms", BigInteger, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("expires_ms", BigInteger),
    Column("revoked_ms", BigInteger),
    Column("used_ms", BigInteger),
)

session = Table(
    "access_session",
    metadata,
    # SHA-256 of the cookie, in hex.
    Column("hash", String(64), primary_key=True),
    Column("user", ForeignKey("access_user.name"), nullable=False, index=True),
    Column("created_ms", BigInteger, nullable=False),
    Column("seen_ms", BigInteger, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("caller", String(64), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("role", String(16), nullable=False),
    Column("action", String(64), nullable=False, index=True),
    Column("subject", String(200), nullable=False),
    Column("detail", Text, nullable=False),
)
