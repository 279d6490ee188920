"""Where schools hung, by the day: what a school's row said of it holds for as long as anybody remembers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    """From one area a school to its history."""
    op.create_table(
        "school_area",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("area_id", sa.Integer),
        sa.Column("valid_from_ms", sa.BigInteger),
        sa.ForeignKeyConstraint(["area_id"], ["area.id"], name="fk_school_area_area_id"),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name="fk_school_area_school_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_school_area"),
        sa.UniqueConstraint("school_id", "valid_from_ms", name="uq_school_area_from"),
    )
    op.create_index("ix_school_area_area_id", "school_area", ["area_id"])
    op.execute("INSERT INTO school_area (school_id, area_id) SELECT id, area_id FROM school")
    with op.batch_alter_table("school") as batch_op:
        batch_op.drop_constraint("fk_school_area_id", type_="foreignkey")
        batch_op.drop_column("area_id")
