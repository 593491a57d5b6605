"""Issued reports."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_TEXT64 = sa.String(64)
_TEXT32 = sa.String(32)
_TEXT255 = sa.String(255)
_BIG = sa.BigInteger()


def upgrade() -> None:
    """Add a table; nothing that is there changes."""
    op.create_table(
        "issued_reports",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("kind", _TEXT32, nullable=False),
        sa.Column("title", _TEXT255, nullable=False),
        sa.Column("parameters", sa.Text(), nullable=False),
        sa.Column("requested_by", sa.String(320), nullable=False),
        sa.Column("requested_at_us", _BIG, nullable=False),
        sa.Column("state", _TEXT32, nullable=False),
        sa.Column("done_steps", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer(), nullable=False),
        sa.Column("issued_at_us", _BIG, nullable=True),
        sa.Column("build_id", _TEXT64, nullable=True),
        sa.Column("document", sa.Text(), nullable=True),
        sa.Column("document_sha256", _TEXT64, nullable=True),
        sa.Column("certificate_sha256", _TEXT64, nullable=True),
        sa.Column("sha256", _TEXT64, nullable=True),
        sa.Column("byte_count", _BIG, nullable=True),
        sa.Column("page_count", sa.Integer(), nullable=True),
        sa.Column("failure", _TEXT255, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "number"),
    )
    for column in ("workspace_id", "state", "sha256"):
        op.create_index(f"ix_issued_reports_{column}", "issued_reports", [column])


def downgrade() -> None:
    """Drop it, with what it holds."""
    op.drop_table("issued_reports")
