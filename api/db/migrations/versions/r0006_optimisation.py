"""What people decided about recommendations."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_TEXT64 = sa.String(64)
_TEXT255 = sa.String(255)
_EMAIL = sa.String(320)
_BIG = sa.BigInteger()


def upgrade() -> None:
    """Add a table; nothing that is there changes."""
    op.create_table(
        "optimisation_decisions",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("check_id", _TEXT64, nullable=True),
        sa.Column("project", _TEXT255, nullable=True),
        sa.Column("provider", _TEXT64, nullable=True),
        sa.Column("model", _TEXT255, nullable=True),
        sa.Column("other_model", _TEXT255, nullable=True),
        sa.Column("finding_id", _TEXT64, nullable=True),
        sa.Column("quoted_saving_picousd", _BIG, nullable=True),
        sa.Column("reason", _TEXT255, nullable=False),
        sa.Column("decided_by", _EMAIL, nullable=False),
        sa.Column("decided_at_us", _BIG, nullable=False),
        sa.Column("withdrawn_by", _EMAIL, nullable=True),
        sa.Column("withdrawn_at_us", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index(
        "ix_optimisation_decisions_workspace_id", "optimisation_decisions", ["workspace_id", "decided_at_us"]
    )


def downgrade() -> None:
    """Drop it, with what it holds."""
    op.drop_table("optimisation_decisions")
