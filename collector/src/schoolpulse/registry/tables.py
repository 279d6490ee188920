"""The registry's tables: a tree of areas, schools on its leaves, and what belongs to each school.

Lines keep every period they had, schools every area they hung on; an agent that was replaced moves to
`past_agent`; every change leaves a row in `change`, which is never altered.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)

from schoolpulse.database import metadata

area = Table(
    "area",
    metadata,
    Column("id", Integer, primary_key=True),
    # The depth is data: city and ward today, city, district and ward yesterday.
    Column("parent_id", ForeignKey("area.id")),
    Column("name", String(200), nullable=False),
    UniqueConstraint("parent_id", "name"),
)

school = Table(
    "school",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("level", String(32), nullable=False),
    Column("lat", Float),
    Column("lon", Float),
    Column("closed_ms", BigInteger),
)

school_area = Table(
    "school_area",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("school_id", ForeignKey("school.id", ondelete="CASCADE"), nullable=False),
    # NULL: it hangs nowhere.
    Column("area_id", ForeignKey("area.id"), index=True),
    # NULL: for as long as anybody remembers; each school has such a row. The next row's beginning is its end.
    Column("valid_from_ms", BigInteger),
    UniqueConstraint("school_id", "valid_from_ms", name="uq_school_area_from"),
)

line = Table(
    "line",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("school_id", ForeignKey("school.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("role", String(16), CheckConstraint("role IN ('primary', 'backup')", name="role"), nullable=False),
    Column("provider", String(64), nullable=False),
    Column("technology", String(32), nullable=False),
    Column("contracted_down_mbps", Float),
    Column("contracted_up_mbps", Float),
    Column("cost_per_month", Float),
    Column("currency", String(3), nullable=False, server_default=""),
    # NULL: for as long as anybody remembers; until further notice.
    Column("valid_from_ms", BigInteger),
    Column("valid_to_ms", BigInteger),
    UniqueConstraint("school_id", "role", "valid_from_ms", name="uq_line_period"),
)

agent = Table(
    "agent",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("school_id", ForeignKey("school.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("valid_from_ms", BigInteger),
    # What it says of its own role decides nothing (decision 0107).
    Column(
        "role",
        String(16),
        CheckConstraint("role IN ('gateway', 'classroom')", name="role"),
        nullable=False,
        server_default="gateway",
    ),
    # Of a classroom's agent: where it is, for people.
    Column("name", String(200), nullable=False, server_default=""),
    # A school has one gateway, and as many classrooms as it likes.
    Index(
        "uq_agent_gateway",
        "school_id",
        unique=True,
        sqlite_where=text("role = 'gateway'"),
        postgresql_where=text("role = 'gateway'"),
    ),
)

past_agent = Table(
    "past_agent",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("agent_id", String(64), nullable=False, index=True),
    Column("school_id", ForeignKey("school.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("valid_from_ms", BigInteger),
    Column("valid_to_ms", BigInteger, nullable=False),
)

device = Table(
    "device",
    metadata,
    Column("school_id", ForeignKey("school.id", ondelete="CASCADE"), primary_key=True),
    # As the agent calls it: what is recorded and what is measured find each other by it.
    Column("device_id", String(128), primary_key=True),
    Column("kind", String(32), nullable=False),
    Column("name", String(200), nullable=False),
    Column("model", String(200), nullable=False),
    Column("serial", String(200), nullable=False),
    Column("parent", String(128), nullable=False),
    Column("room", String(200), nullable=False),
    Column("bought_on", Date),
    Column("warranty_until", Date),
)

contact = Table(
    "contact",
    metadata,
    Column("school_id", ForeignKey("school.id", ondelete="CASCADE"), primary_key=True),
    # An office and its post; a person's name has no column (decision 0901).
    Column("function", String(100), primary_key=True),
    Column("phone", String(64), nullable=False),
    Column("email", String(254), nullable=False),
)

change = Table(
    "registry_change",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at_ms", BigInteger, nullable=False, index=True),
    Column("by", String(100), nullable=False),
    # No foreign key: the record outlives what it speaks of.
    Column("school_id", String(64)),
    Column("kind", String(16), nullable=False),
    Column("subject", String(200), nullable=False),
    Column("action", String(16), nullable=False),
    Column("fields", Text, nullable=False),
    Index("ix_registry_change_school", "school_id", "id"),
)

version = Table(
    "registry_version",
    metadata,
    # One row, counted up with every change, so that a running collector notices another process's import.
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True),
    Column("version", Integer, nullable=False),
)
