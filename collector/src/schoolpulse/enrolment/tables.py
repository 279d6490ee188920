"""The tables of enrolment: codes, accounts at the broker, and commands to agents."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, Index, Integer, String, Table, Text

from schoolpulse.database import metadata

code = Table(
    "enrolment_code",
    metadata,
    Column("id", String(16), primary_key=True),
    # A slow hash of the code, in hex: the code itself is shown once and kept nowhere.
    Column("digest", String(64), nullable=False, unique=True),
    Column("agent_id", String(64), nullable=False, index=True),
    Column("made_ms", BigInteger, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    Column("used_ms", BigInteger),
    # SHA-256 of the secret that it was used with, so that an answer that was lost can be given again.
    Column("secret_digest", String(64)),
    Column("withdrawn_ms", BigInteger),
)

account = Table(
    "agent_account",
    metadata,
    Column("agent_id", String(64), primary_key=True),
    Column(
        "state",
        String(16),
        CheckConstraint("state IN ('active', 'revoked')", name="state"),
        nullable=False,
    ),
    # Whether a client certificate and no password proves who it is.
    Column("by_certificate", Boolean, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("changed_ms", BigInteger, nullable=False),
    Column("changed_by", String(64), nullable=False),
    # Counted up with each change: what was handed to the broker is compared with it.
    Column("change", Integer, nullable=False),
    Column("applied_change", Integer, nullable=False),
    Column("applied_ms", BigInteger),
    # The password, only until the broker has it.
    Column("secret", String(256)),
    # Why the broker has not taken the last change; empty where it has, or was not asked yet.
    Column("trouble", String(300), nullable=False),
)

command = Table(
    "agent_command",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("agent_id", String(64), nullable=False),
    Column("what", String(32), nullable=False),
    Column("arguments", Text, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("made_by", String(64), nullable=False),
    Column("expires_ms", BigInteger, nullable=False),
    # waiting, sent, answered, refused, expired.
    Column("state", String(16), nullable=False, index=True),
    Column("sent_ms", BigInteger),
    Column("answered_ms", BigInteger),
    Column("error", String(256)),
)
Index("ix_agent_command_agent", command.c.agent_id, command.c.made_ms)
