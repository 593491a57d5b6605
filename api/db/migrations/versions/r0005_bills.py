"""Providers' bills: connections, periods and lines."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_DAY = sa.String(10)
_TEXT32 = sa.String(32)
_TEXT64 = sa.String(64)
_TEXT255 = sa.String(255)
_TEXT500 = sa.String(500)
_EMAIL = sa.String(320)
_BIG = sa.BigInteger()
_TABLES = ("bill_connections", "bill_periods", "bill_lines")


def upgrade() -> None:
    """Add tables; nothing that is there changes."""
    _bill_connections()
    _bill_periods()
    _bill_lines()


def downgrade() -> None:
    """Drop them, with what they hold."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _bill_connections() -> None:
    op.create_table(
        "bill_connections",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("provider", _TEXT64, nullable=False),
        sa.Column("kind", _TEXT32, nullable=False),
        sa.Column("name", _TEXT255, nullable=False),
        sa.Column("sealed_credential", sa.Text(), nullable=True),
        sa.Column("settings", sa.Text(), nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("created_by", _EMAIL, nullable=False),
        sa.Column("disabled_at_us", _BIG, nullable=True),
        sa.Column("last_attempt_at_us", _BIG, nullable=True),
        sa.Column("last_success_at_us", _BIG, nullable=True),
        sa.Column("last_error", _TEXT500, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_bill_connections_workspace_id", "bill_connections", ["workspace_id"])


def _bill_periods() -> None:
    op.create_table(
        "bill_periods",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("connection_id", _UUID, nullable=False),
        sa.Column("first_day", _DAY, nullable=False),
        sa.Column("last_day", _DAY, nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("read_at_us", _BIG, nullable=False),
        sa.Column("read_by", _EMAIL, nullable=False),
        sa.Column("superseded_at_us", _BIG, nullable=True),
        sa.Column("is_complete", sa.Boolean(), nullable=False),
        sa.Column("request_count", _BIG, nullable=True),
        sa.Column("sha256", _TEXT64, nullable=False),
        sa.Column("note", _TEXT500, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.ForeignKeyConstraint(["connection_id"], ["bill_connections.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("connection_id", "first_day", "last_day", "revision"),
    )
    op.create_index("ix_bill_periods_workspace_id", "bill_periods", ["workspace_id"])
    is_current = sa.text("superseded_at_us IS NULL")
    op.create_index(
        "ix_bill_periods_current",
        "bill_periods",
        ["connection_id", "first_day", "last_day"],
        unique=True,
        sqlite_where=is_current,
        postgresql_where=is_current,
    )


def _bill_lines() -> None:
    op.create_table(
        "bill_lines",
        sa.Column("period_id", _UUID, nullable=False),
        sa.Column("line_number", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("category", sa.String(16), nullable=False),
        sa.Column("model", _TEXT255, nullable=True),
        sa.Column("key_ref", _TEXT255, nullable=True),
        sa.Column("service_tier", _TEXT64, nullable=True),
        sa.Column("token_kind", _TEXT32, nullable=True),
        sa.Column("description", _TEXT500, nullable=False),
        sa.Column("amount_text", sa.String(80), nullable=False),
        sa.Column("amount_picousd", _BIG, nullable=False),
        sa.Column("list_amount_picousd", _BIG, nullable=True),
        sa.Column("currency", sa.String(3), nullable=False),
        sa.Column("quantity", _BIG, nullable=True),
        sa.Column("requests", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["period_id"], ["bill_periods.id"]),
        sa.PrimaryKeyConstraint("period_id", "line_number"),
    )
