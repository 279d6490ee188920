"""Users, tokens and the audit log; enrolment; the registry with its history.

Lines get their days and what they cost, agents their role; what stood in a row before holds for as long as
anybody remembers.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic.operations import Operations


def upgrade(op: Operations) -> None:
    """From the tables of the first release."""
    _add_access(op)
    _add_enrolment(op)
    _change_incidents(op)
    _add_to_registry(op)
    _change_registry(op)


def _add_access(op: Operations) -> None:
    op.create_table(
        "access_token",
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("schools", sa.Text),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger),
        sa.Column("revoked_ms", sa.BigInteger),
        sa.Column("used_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("prefix", name="pk_access_token"),
    )
    op.create_table(
        "access_user",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("password", sa.String(200), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("schools", sa.Text),
        sa.Column("disabled", sa.Boolean, nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("password_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("name", name="pk_access_user"),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("caller", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("role", sa.String(16), nullable=False),
        sa.Column("action", sa.String(64), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit"),
    )
    op.create_index("ix_audit_action", "audit", ["action"])
    op.create_index("ix_audit_at_ms", "audit", ["at_ms"])
    op.create_table(
        "access_session",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("created_ms", sa.BigInteger, nullable=False),
        sa.Column("seen_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(["user"], ["access_user.name"], name="fk_access_session_user"),
        sa.PrimaryKeyConstraint("hash", name="pk_access_session"),
    )
    op.create_index("ix_access_session_user", "access_session", ["user"])


def _add_enrolment(op: Operations) -> None:
    op.create_table(
        "agent_account",
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("by_certificate", sa.Boolean, nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_ms", sa.BigInteger, nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("change", sa.Integer, nullable=False),
        sa.Column("applied_change", sa.Integer, nullable=False),
        sa.Column("applied_ms", sa.BigInteger),
        sa.Column("secret", sa.String(256)),
        sa.Column("trouble", sa.String(300), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", name="pk_agent_account"),
        sa.CheckConstraint("state IN ('active', 'revoked')", name="state"),
    )
    op.create_table(
        "agent_command",
        sa.Column("id", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("what", sa.String(32), nullable=False),
        sa.Column("arguments", sa.Text, nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("sent_ms", sa.BigInteger),
        sa.Column("answered_ms", sa.BigInteger),
        sa.Column("error", sa.String(256)),
        sa.PrimaryKeyConstraint("id", name="pk_agent_command"),
    )
    op.create_index("ix_agent_command_agent", "agent_command", ["agent_id", "made_ms"])
    op.create_index("ix_agent_command_state", "agent_command", ["state"])
    op.create_table(
        "enrolment_code",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("made_ms", sa.BigInteger, nullable=False),
        sa.Column("made_by", sa.String(64), nullable=False),
        sa.Column("expires_ms", sa.BigInteger, nullable=False),
        sa.Column("used_ms", sa.BigInteger),
        sa.Column("secret_digest", sa.String(64)),
        sa.Column("withdrawn_ms", sa.BigInteger),
        sa.PrimaryKeyConstraint("id", name="pk_enrolment_code"),
        sa.UniqueConstraint("digest", name="uq_enrolment_code_digest"),
    )
    op.create_index("ix_enrolment_code_agent_id", "enrolment_code", ["agent_id"])


def _change_incidents(op: Operations) -> None:
    op.create_table(
        "incident_first_seen",
        sa.Column("school", sa.String(64), nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("school", name="pk_incident_first_seen"),
    )
    with op.batch_alter_table("endpoint_state") as batch_op:
        batch_op.add_column(sa.Column("failing_ms", sa.BigInteger))
        batch_op.add_column(sa.Column("delivered", sa.BigInteger, server_default="0", nullable=False))
        batch_op.add_column(sa.Column("given_up", sa.BigInteger, server_default="0", nullable=False))


def _add_to_registry(op: Operations) -> None:
    op.create_table(
        "registry_change",
        sa.Column("id", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("at_ms", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(100), nullable=False),
        sa.Column("school_id", sa.String(64)),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("action", sa.String(16), nullable=False),
        sa.Column("fields", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_registry_change"),
    )
    op.create_index("ix_registry_change_at_ms", "registry_change", ["at_ms"])
    op.create_index("ix_registry_change_school", "registry_change", ["school_id", "id"])
    op.create_table(
        "contact",
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("function", sa.String(100), nullable=False),
        sa.Column("phone", sa.String(64), nullable=False),
        sa.Column("email", sa.String(254), nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name="fk_contact_school_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("school_id", "function", name="pk_contact"),
    )
    op.create_table(
        "device",
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("device_id", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("model", sa.String(200), nullable=False),
        sa.Column("serial", sa.String(200), nullable=False),
        sa.Column("parent", sa.String(128), nullable=False),
        sa.Column("room", sa.String(200), nullable=False),
        sa.Column("bought_on", sa.Date),
        sa.Column("warranty_until", sa.Date),
        sa.ForeignKeyConstraint(["school_id"], ["school.id"], name="fk_device_school_id", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("school_id", "device_id", name="pk_device"),
    )
    op.create_table(
        "past_agent",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("agent_id", sa.String(64), nullable=False),
        sa.Column("school_id", sa.String(64), nullable=False),
        sa.Column("valid_from_ms", sa.BigInteger),
        sa.Column("valid_to_ms", sa.BigInteger, nullable=False),
        sa.ForeignKeyConstraint(
            ["school_id"], ["school.id"], name="fk_past_agent_school_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name="pk_past_agent"),
    )
    op.create_index("ix_past_agent_agent_id", "past_agent", ["agent_id"])
    op.create_index("ix_past_agent_school_id", "past_agent", ["school_id"])


def _change_registry(op: Operations) -> None:
    with op.batch_alter_table("agent") as batch_op:
        batch_op.add_column(sa.Column("valid_from_ms", sa.BigInteger))
        batch_op.add_column(sa.Column("role", sa.String(16), server_default="gateway", nullable=False))
        batch_op.add_column(sa.Column("name", sa.String(200), server_default="", nullable=False))
        batch_op.drop_constraint("uq_agent_school_id", type_="unique")
        batch_op.create_check_constraint("role", "role IN ('gateway', 'classroom')")
        batch_op.create_index("ix_agent_school_id", ["school_id"], unique=False)
        batch_op.create_index(
            "uq_agent_gateway",
            ["school_id"],
            unique=True,
            sqlite_where=sa.text("role = 'gateway'"),
            postgresql_where=sa.text("role = 'gateway'"),
        )
    with op.batch_alter_table("line") as batch_op:
        batch_op.add_column(sa.Column("cost_per_month", sa.Float))
        batch_op.add_column(sa.Column("currency", sa.String(3), server_default="", nullable=False))
        batch_op.add_column(sa.Column("valid_from_ms", sa.BigInteger))
        batch_op.add_column(sa.Column("valid_to_ms", sa.BigInteger))
        batch_op.drop_constraint("uq_line_school_id", type_="unique")
        batch_op.create_unique_constraint("uq_line_period", ["school_id", "role", "valid_from_ms"])
    with op.batch_alter_table("school") as batch_op:
        batch_op.add_column(sa.Column("closed_ms", sa.BigInteger))
