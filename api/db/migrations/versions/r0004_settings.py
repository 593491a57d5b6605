"""Settings: old slugs, logos, cost centres, re-attributions, audit digests, exports and purges."""

from __future__ import annotations

import hashlib

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_TEXT32 = sa.String(32)
_TEXT64 = sa.String(64)
_TEXT255 = sa.String(255)
_EMAIL = sa.String(320)
_BIG = sa.BigInteger()
_TABLES = (
    "retired_slugs",
    "workspace_logos",
    "workspace_exports",
    "purges",
    "cost_centres",
    "reattributions",
    "audit_digests",
    "device_instances",
)


def upgrade() -> None:
    """Add tables and nullable columns; every row stays as it is, and live tokens are told whose they are."""
    _retired_slugs()
    _workspace_logos()
    _workspace_exports()
    _purges()
    _cost_centres()
    _reattributions()
    _audit_digests()
    _device_instances()
    op.add_column("budgets", sa.Column("alert_percent", _TEXT64, nullable=True))
    op.add_column("projects", sa.Column("hourly_rate_millicents", _BIG, nullable=True))
    op.add_column("projects", sa.Column("hourly_rate_currency", sa.String(length=3), nullable=True))
    op.add_column("projects", sa.Column("cost_centre_id", _UUID, nullable=True))
    op.add_column("sync_tokens", sa.Column("instance", _TEXT64, nullable=True))
    op.add_column("api_keys", sa.Column("created_by", sa.String(length=320), nullable=True))
    op.add_column("api_keys", sa.Column("rotated_at_us", _BIG, nullable=True))
    op.add_column("workspaces", sa.Column("currency_note", _TEXT255, nullable=True))
    _note_machines_of_old_tokens()


def downgrade() -> None:
    """Drop them, with what they hold."""
    op.drop_column("workspaces", "currency_note")
    op.drop_column("api_keys", "rotated_at_us")
    op.drop_column("api_keys", "created_by")
    op.drop_column("sync_tokens", "instance")
    op.drop_column("projects", "cost_centre_id")
    op.drop_column("projects", "hourly_rate_currency")
    op.drop_column("projects", "hourly_rate_millicents")
    op.drop_column("budgets", "alert_percent")
    for table in reversed(_TABLES):
        op.drop_table(table)


def _retired_slugs() -> None:
    op.create_table(
        "retired_slugs",
        sa.Column("slug", _TEXT64, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("retired_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("slug"),
    )
    op.create_index("ix_retired_slugs_workspace_id", "retired_slugs", ["workspace_id"])


def _workspace_logos() -> None:
    op.create_table(
        "workspace_logos",
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("png", sa.LargeBinary(), nullable=False),
        sa.Column("sha256", _TEXT64, nullable=False),
        sa.Column("width_px", sa.Integer(), nullable=False),
        sa.Column("height_px", sa.Integer(), nullable=False),
        sa.Column("uploaded_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id"),
    )


def _workspace_exports() -> None:
    op.create_table(
        "workspace_exports",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("requested_by", _EMAIL, nullable=False),
        sa.Column("requested_at_us", _BIG, nullable=False),
        sa.Column("state", _TEXT32, nullable=False),
        sa.Column("done_steps", sa.Integer(), nullable=False),
        sa.Column("total_steps", sa.Integer(), nullable=False),
        sa.Column("finished_at_us", _BIG, nullable=True),
        sa.Column("expires_at_us", _BIG, nullable=True),
        sa.Column("byte_count", _BIG, nullable=True),
        sa.Column("sha256", _TEXT64, nullable=True),
        sa.Column("failure", _TEXT255, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_workspace_exports_workspace_id", "workspace_exports", ["workspace_id"])


def _purges() -> None:
    op.create_table(
        "purges",
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("started_at_us", _BIG, nullable=False),
        sa.Column("done_step", _TEXT64, nullable=True),
        sa.Column("finished_at_us", _BIG, nullable=True),
        sa.PrimaryKeyConstraint("workspace_id"),
    )


def _cost_centres() -> None:
    op.create_table(
        "cost_centres",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("slug", _TEXT64, nullable=False),
        sa.Column("name", _TEXT255, nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("archived_at_us", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "slug", name="uq_cost_centres_workspace_id_slug"),
    )
    op.create_index("ix_cost_centres_workspace_id", "cost_centres", ["workspace_id"])


def _reattributions() -> None:
    op.create_table(
        "reattributions",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("from_slug", _TEXT255, nullable=False),
        sa.Column("to_slug", _TEXT255, nullable=False),
        sa.Column("from_us", _BIG, nullable=True),
        sa.Column("until_us", _BIG, nullable=True),
        sa.Column("device_id", _UUID, nullable=True),
        sa.Column("reason", _TEXT255, nullable=False),
        sa.Column("decided_by", _EMAIL, nullable=False),
        sa.Column("decided_at_us", _BIG, nullable=False),
        sa.Column("withdrawn_at_us", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "position", name="uq_reattributions_workspace_id_position"),
    )


def _audit_digests() -> None:
    op.create_table(
        "audit_digests",
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("utc_day", sa.String(length=10), nullable=False),
        sa.Column("position", _BIG, nullable=False),
        sa.Column("head", _TEXT64, nullable=False),
        sa.Column("batch_position", _BIG, nullable=False),
        sa.Column("batch_head", _TEXT64, nullable=False),
        sa.Column("public_key", _TEXT64, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("signed_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id", "utc_day"),
    )


def _device_instances() -> None:
    op.create_table(
        "device_instances",
        sa.Column("device_id", _UUID, nullable=False),
        sa.Column("instance", _TEXT64, nullable=False),
        sa.Column("hostname", _TEXT255, nullable=False),
        sa.Column("remote_address", _TEXT64, nullable=False),
        sa.Column("first_seen_at_us", _BIG, nullable=False),
        sa.Column("last_seen_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"]),
        sa.PrimaryKeyConstraint("device_id", "instance"),
    )


def _note_machines_of_old_tokens() -> None:
    """Note the machine behind every live token: the one its device was last paired as.

    Without it a copied `machine.json` that pairs after the upgrade would end the token of the laptop it was copied
    from. The previous version left at most one live token per device; where there are several all the same (after a
    downgrade), they count as one machine, and end together when it pairs again.
    """
    connection = op.get_bind()
    live = sa.text(
        "SELECT t.id AS token_id, t.created_at_us, d.id AS device_id, d.hostname, d.platform, d.last_seen_at_us,"
        " (SELECT max(p.remote_address) FROM pairing_sessions p WHERE p.sync_token_id = t.id) AS remote_address"
        " FROM sync_tokens t JOIN devices d ON d.id = t.device_id WHERE t.revoked_at_us IS NULL"
        " ORDER BY t.created_at_us"
    )
    machines: dict[tuple[str, str], dict[str, object]] = {}
    tokens: list[dict[str, str]] = []
    for row in connection.execute(live):
        # As `api.pairing.instances` tells machines apart at this revision.
        told = hashlib.sha256(f"{row.hostname.lower()}\0{row.platform.lower()}".encode()).hexdigest()[:32]
        first_seen_at_us = machines.get((row.device_id, told), {}).get("first_seen_at_us", row.created_at_us)
        machines[row.device_id, told] = {
            "device_id": row.device_id,
            "instance": told,
            "hostname": row.hostname,
            "remote_address": row.remote_address or "",  # of a pairing long ago nobody knows it any more
            "first_seen_at_us": first_seen_at_us,
            "last_seen_at_us": max(row.created_at_us, row.last_seen_at_us or 0),
        }
        tokens.append({"token_id": row.token_id, "told": told})
    if tokens:
        connection.execute(
            sa.text(
                "INSERT INTO device_instances"
                " (device_id, instance, hostname, remote_address, first_seen_at_us, last_seen_at_us) VALUES"
                " (:device_id, :instance, :hostname, :remote_address, :first_seen_at_us, :last_seen_at_us)"
            ),
            list(machines.values()),
        )
        connection.execute(sa.text("UPDATE sync_tokens SET instance = :told WHERE id = :token_id"), tokens)
