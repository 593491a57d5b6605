"""Closed months with their totals, uploaded invoice files, and the restatement ledger."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_TEXT64 = sa.String(64)
_AMOUNT = sa.String(40)
_EMAIL = sa.String(320)
_BIG = sa.BigInteger()
_TABLES = ("bill_uploads", "month_closes", "month_close_totals", "restatement_runs", "restatement_entries")


def upgrade() -> None:
    """Add tables; nothing that is there changes."""
    _bill_uploads()
    _month_closes()
    _month_close_totals()
    _restatement_runs()
    _restatement_entries()


def downgrade() -> None:
    """Drop them, with what they hold."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _bill_uploads() -> None:
    op.create_table(
        "bill_uploads",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("sha256", _TEXT64, nullable=False),
        sa.Column("byte_count", _BIG, nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.Column("uploaded_by", _EMAIL, nullable=False),
        sa.Column("uploaded_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_bill_uploads_workspace_id", "bill_uploads", ["workspace_id"])


def _month_closes() -> None:
    op.create_table(
        "month_closes",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("month", sa.String(10), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("closed_at_us", _BIG, nullable=False),
        sa.Column("closed_by", _EMAIL, nullable=False),
        sa.Column("build_id", _TEXT64, nullable=False),
        sa.Column("analysis_id", _TEXT64, nullable=False),
        sa.Column("max_file_seq", _BIG, nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.Column("digest", _TEXT64, nullable=False),
        sa.Column("public_key", _TEXT64, nullable=False),
        sa.Column("signature", sa.String(128), nullable=False),
        sa.Column("reopened_at_us", _BIG, nullable=True),
        sa.Column("reopened_by", _EMAIL, nullable=True),
        sa.Column("reopen_reason", sa.String(500), nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "month", "number"),
    )
    op.create_index("ix_month_closes_workspace_id", "month_closes", ["workspace_id"])
    in_force = sa.text("reopened_at_us IS NULL")
    op.create_index(
        "ix_month_closes_in_force",
        "month_closes",
        ["workspace_id", "month"],
        unique=True,
        sqlite_where=in_force,
        postgresql_where=in_force,
    )


def _month_close_totals() -> None:
    op.create_table(
        "month_close_totals",
        sa.Column("close_id", _UUID, nullable=False),
        sa.Column("provider", _TEXT64, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("requests", _BIG, nullable=False),
        sa.Column("unpriced_requests", _BIG, nullable=False),
        sa.Column("logged_picousd", _AMOUNT, nullable=False),
        sa.Column("priced_picousd", _AMOUNT, nullable=False),
        sa.Column("billed_picousd", _AMOUNT, nullable=True),
        sa.Column("variance_picousd", _AMOUNT, nullable=True),
        sa.ForeignKeyConstraint(["close_id"], ["month_closes.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("close_id", "provider"),
    )
    op.create_index("ix_month_close_totals_workspace_id", "month_close_totals", ["workspace_id"])


def _restatement_runs() -> None:
    op.create_table(
        "restatement_runs",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("number", _BIG, nullable=False),
        sa.Column("month", sa.String(10), nullable=False),
        sa.Column("made_at_us", _BIG, nullable=False),
        sa.Column("made_by", _EMAIL, nullable=False),
        sa.Column("build_id", _TEXT64, nullable=False),
        sa.Column("max_file_seq", _BIG, nullable=False),
        sa.Column("rate_book_version", _TEXT64, nullable=True),
        sa.Column("said_at_us", _BIG, nullable=True),
        sa.Column("said_build_id", _TEXT64, nullable=True),
        sa.Column("said_rate_book_version", _TEXT64, nullable=True),
        sa.Column("previous_digest", _TEXT64, nullable=False),
        sa.Column("digest", _TEXT64, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "number"),
    )
    op.create_index("ix_restatement_runs_workspace_id", "restatement_runs", ["workspace_id"])


def _restatement_entries() -> None:
    op.create_table(
        "restatement_entries",
        sa.Column("run_id", _UUID, nullable=False),
        sa.Column("provider", _TEXT64, nullable=False),
        sa.Column("cause", sa.String(32), nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("requests", _BIG, nullable=False),
        sa.Column("unpriced_requests", _BIG, nullable=False),
        sa.Column("said_picousd", _AMOUNT, nullable=False),
        sa.Column("now_picousd", _AMOUNT, nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["restatement_runs.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("run_id", "provider", "cause"),
    )
    op.create_index("ix_restatement_entries_workspace_id", "restatement_entries", ["workspace_id"])
