"""The registry's tables: a tree of areas, schools on its leaves, their lines and their agents."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, Float, ForeignKey, Integer, String, Table, UniqueConstraint

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
    Column("area_id", ForeignKey("area.id")),
    Column("lat", Float),
    Column("lon", Float),
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
    UniqueConstraint("school_id", "role"),
)

agent = Table(
    "agent",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("school_id", ForeignKey("school.id", ondelete="CASCADE"), nullable=False, unique=True),
)

version = Table(
    "registry_version",
    metadata,
    # One row, counted up with every change, so that a running collector notices another process's import.
    Column("id", Integer, CheckConstraint("id = 1", name="single"), primary_key=True),
    Column("version", Integer, nullable=False),
)
