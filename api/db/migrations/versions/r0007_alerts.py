"""Alerts: who is told, what was crossed, calls of webhooks that are owed; and projects' mark-ups."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_TEXT32 = sa.String(32)
_TEXT64 = sa.String(64)
_TEXT255 = sa.String(255)
_EMAIL = sa.String(320)
_BIG = sa.BigInteger()
_TABLES = ("alert_settings", "alert_webhooks", "alerts", "alert_deliveries")


def upgrade() -> None:
    """Add tables and a nullable column; every row stays as it is."""
    _alert_settings()
    _alert_webhooks()
    _alerts()
    _alert_deliveries()
    op.add_column("projects", sa.Column("markup_basis_points", sa.Integer(), nullable=True))


def downgrade() -> None:
    """Drop them, with what they hold."""
    op.drop_column("projects", "markup_basis_points")
    for table in reversed(_TABLES):
        op.drop_table(table)


def _alert_settings() -> None:
    op.create_table(
        "alert_settings",
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("mail_to", _TEXT32, nullable=False),
        sa.Column("addresses", sa.Text(), nullable=False),
        sa.Column("tells_anomalies", sa.Boolean(), nullable=False),
        sa.Column("changed_at_us", _BIG, nullable=False),
        sa.Column("changed_by", _EMAIL, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id"),
    )


def _alert_webhooks() -> None:
    op.create_table(
        "alert_webhooks",
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("url", sa.String(2_000), nullable=False),
        sa.Column("sealed_secret", sa.Text(), nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("created_by", _EMAIL, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id"),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("crossing", _TEXT64, nullable=False),
        sa.Column("kind", _TEXT32, nullable=False),
        sa.Column("noticed_at_us", _BIG, nullable=False),
        sa.Column("build_id", _TEXT64, nullable=False),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.Column("spent_millicents", _BIG, nullable=False),
        sa.Column("limit_millicents", _BIG, nullable=False),
        sa.Column("scope", _TEXT32, nullable=True),
        sa.Column("slug", _TEXT255, nullable=True),
        sa.Column("month", sa.String(10), nullable=True),
        sa.Column("percent", sa.Integer(), nullable=True),
        sa.Column("anomaly_id", _TEXT64, nullable=True),
        sa.Column("project", _TEXT255, nullable=True),
        sa.Column("provider", _TEXT64, nullable=True),
        sa.Column("model", _TEXT255, nullable=True),
        sa.Column("hour_starts_at_us", _BIG, nullable=True),
        sa.Column("expected_millicents", _BIG, nullable=True),
        sa.Column("decision_id", _UUID, nullable=True),
        sa.Column("check_id", _TEXT64, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "crossing", name="uq_alerts_workspace_id_crossing"),
    )
    op.create_index("ix_alerts_newest", "alerts", ["workspace_id", "noticed_at_us"])


def _alert_deliveries() -> None:
    op.create_table(
        "alert_deliveries",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("alert_id", _UUID, nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", _TEXT32, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("not_before_us", _BIG, nullable=False),
        sa.Column("ended_at_us", _BIG, nullable=True),
        sa.Column("last_failure", _TEXT255, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.ForeignKeyConstraint(["alert_id"], ["alerts.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_alert_deliveries_workspace_id", "alert_deliveries", ["workspace_id"])
    op.create_index("ix_alert_deliveries_due", "alert_deliveries", ["state", "not_before_us"])
