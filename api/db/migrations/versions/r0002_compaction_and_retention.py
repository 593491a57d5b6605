"""Compacted files, where each landed file's rows lie now, and how long a workspace keeps requests."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_BIG = sa.BigInteger()
_LOOSE = sa.text("compacted_file_id IS NULL AND dropped_at_us IS NULL")
_LIVE = sa.text("superseded_at_us IS NULL")


def upgrade() -> None:
    """Add the table of compacted files and three columns; every row stays as it is."""
    op.create_table(
        "compacted_files",
        sa.Column("file_id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("relative_path", sa.Text(), nullable=False),
        sa.Column("received_day", sa.String(10), nullable=False),
        sa.Column("row_count", _BIG, nullable=False),
        sa.Column("byte_count", _BIG, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("first_file_seq", _BIG, nullable=False),
        sa.Column("last_file_seq", _BIG, nullable=False),
        sa.Column("compacted_at_us", _BIG, nullable=False),
        sa.Column("superseded_at_us", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("file_id"),
    )
    _partial_index("ix_compacted_files_live", "compacted_files", _LIVE)
    op.add_column("workspaces", sa.Column("retention_days", sa.Integer(), nullable=True))
    op.add_column("landed_files", sa.Column("compacted_file_id", _UUID, nullable=True))
    op.add_column("landed_files", sa.Column("dropped_at_us", _BIG, nullable=True))
    op.create_index("ix_landed_files_compacted_file_id", "landed_files", ["compacted_file_id"])
    _partial_index("ix_landed_files_loose", "landed_files", _LOOSE)


def downgrade() -> None:
    """Forget compaction and retention.

    Raises:
        RuntimeError: there are files that the schema before could not find or miss.
    """
    moved = "SELECT count(*) FROM landed_files WHERE compacted_file_id IS NOT NULL OR dropped_at_us IS NOT NULL"
    if op.get_bind().execute(sa.text(moved)).scalar_one():
        raise RuntimeError("landed files have been compacted or dropped; the schema before cannot tell where they are")
    op.drop_index("ix_landed_files_loose", "landed_files")
    op.drop_index("ix_landed_files_compacted_file_id", "landed_files")
    op.drop_column("landed_files", "dropped_at_us")
    op.drop_column("landed_files", "compacted_file_id")
    op.drop_column("workspaces", "retention_days")
    op.drop_table("compacted_files")


def _partial_index(name: str, table: str, where: sa.TextClause) -> None:
    columns = ["workspace_id", "received_day"]
    op.create_index(name, table, columns, sqlite_where=where, postgresql_where=where)
