"""The incidents' tables: incidents, what happened to them, and what the engine remembers."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Index, Integer, String, Table, Text

from schoolpulse.database import metadata

incident = Table(
    "incident",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("school", String(64), index=True),
    Column("kind", String(32), nullable=False),
    Column("start_ms", BigInteger, nullable=False),
    Column("end_ms", BigInteger),
    Column("resolved_ms", BigInteger),
    Column("number", Integer, nullable=False),
    # Whether the engine may still change it; those it reads at its start.
    Column("live", Boolean, nullable=False, index=True),
    Column("body", Text, nullable=False),
    Index("ix_incident_start", "start_ms", "id"),
)

transition = Table(
    "incident_transition",
    metadata,
    Column("incident", ForeignKey("incident.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("change", String(16), nullable=False),
    Column("at_ms", BigInteger, nullable=False),
    Column("pages", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("evidence", Text, nullable=False),
)

school_state = Table(
    "incident_school_state",
    metadata,
    Column("school", String(64), primary_key=True),
    Column("status", String(16), nullable=False),
    Column("body", Text, nullable=False),
)

# When a school's agent was heard for the first time, ms: before it, nothing about the school is known.
# Written once. 0 where it was heard before this was written down.
first_seen = Table(
    "incident_first_seen",
    metadata,
    Column("school", String(64), primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
)

cursor = Table(
    "incident_cursor",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("position", BigInteger, nullable=False),
    # What the engine knows of itself and of the whole, its clock included.
    Column("body", Text, nullable=False),
)

note = Table(
    "incident_note",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("incident", ForeignKey("incident.id"), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False),
    # ``ack``: somebody has taken it on, and escalation ends; ``note``: a word for the record.
    Column("kind", String(16), nullable=False),
    Column("person", String(100), nullable=False),
    Column("text", String(2000), nullable=False),
)

maintenance = Table(
    "maintenance",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("from_ms", BigInteger, nullable=False),
    Column("to_ms", BigInteger, nullable=False, index=True),
    Column("reason", String(200), nullable=False),
    Column("school", String(64)),
    Column("provider", String(64)),
    Column("area", String(400)),
)
