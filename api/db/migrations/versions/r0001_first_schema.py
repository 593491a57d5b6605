"""First schema: people, machines, projects, negotiated prices, audit log and the landing ledger."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_TEXT64 = sa.String(64)
_TEXT255 = sa.String(255)
_BIG = sa.BigInteger()
_KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TABLES = (
    "users",
    "workspaces",
    "memberships",
    "api_keys",
    "budgets",
    "devices",
    "sync_tokens",
    "pairing_sessions",
    "projects",
    "rate_overrides",
    "audit_events",
    "landing_sequence",
    "landed_files",
    "landed_batches",
    "quarantined_rows",
)


def upgrade() -> None:
    """Create every table, and the one row of the landing counter."""
    _users()
    _workspaces()
    _memberships()
    _api_keys()
    _budgets()
    _devices()
    _sync_tokens()
    _pairing_sessions()
    _projects()
    _rate_overrides()
    _audit_events()
    _landing_sequence()
    _landed_files()
    _landed_batches()
    _quarantined_rows()
    op.execute("INSERT INTO landing_sequence (id, value) VALUES (1, 0)")


def downgrade() -> None:
    """Drop every table."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _column(name: str, kind: Any, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False, **options)


def _null(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=True)


def _users() -> None:
    op.create_table(
        "users",
        _column("id", _UUID),
        _column("email", sa.String(320)),
        _null("display_name", _TEXT255),
        _column("created_at_us", _BIG),
        sa.UniqueConstraint("email"),
        sa.PrimaryKeyConstraint("id"),
    )


def _workspaces() -> None:
    op.create_table(
        "workspaces",
        _column("id", _UUID),
        _column("slug", _TEXT64),
        _column("name", _TEXT255),
        _column("plan", sa.String(16)),
        _column("time_zone", _TEXT64),
        _column("created_at_us", _BIG),
        _null("deletion_requested_at_us", _BIG),
        _column("audit_position", _BIG),
        _column("audit_head", _TEXT64),
        _column("batch_chain_position", _BIG),
        _column("batch_chain_head", _TEXT64),
        sa.CheckConstraint("plan IN ('solo', 'team', 'business', 'enterprise')", name="plan_known"),
        sa.UniqueConstraint("slug"),
        sa.PrimaryKeyConstraint("id"),
    )


def _memberships() -> None:
    op.create_table(
        "memberships",
        _column("workspace_id", _UUID),
        _column("user_id", _UUID),
        _column("role", sa.String(16)),
        _column("joined_at_us", _BIG),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name="role_known"),
        sa.PrimaryKeyConstraint("workspace_id", "user_id"),
    )
    op.create_index("ix_memberships_user_id", "memberships", ["user_id"])


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        _column("id", _UUID),
        _column("workspace_id", _UUID),
        _column("name", _TEXT255),
        _column("key_sha256", _TEXT64),
        _column("scope", sa.String(16)),
        _column("created_at_us", _BIG),
        _null("last_used_at_us", _BIG),
        _null("revoked_at_us", _BIG),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.UniqueConstraint("key_sha256"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_api_keys_workspace_id", "api_keys", ["workspace_id"])


def _budgets() -> None:
    op.create_table(
        "budgets",
        _column("id", _UUID),
        _column("workspace_id", _UUID),
        _column("scope", sa.String(16)),
        _column("scope_id", _UUID),
        _column("monthly_millicents", _BIG),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.UniqueConstraint("workspace_id", "scope", "scope_id", name="uq_budgets_workspace_id_scope"),
        sa.PrimaryKeyConstraint("id"),
    )


def _devices() -> None:
    op.create_table(
        "devices",
        _column("id", _UUID),
        _column("workspace_id", _UUID),
        _column("hostname", _TEXT255),
        _null("display_name", _TEXT255),
        _column("platform", _TEXT64),
        _column("daemon_version", _TEXT64),
        _null("fingerprint", sa.String(128)),
        _column("paired_at_us", _BIG),
        _null("revoked_at_us", _BIG),
        _null("revoked_reason", sa.String(16)),
        _null("last_seen_at_us", _BIG),
        _null("last_batch_at_us", _BIG),
        _null("last_batch_newest_recorded_at_us", _BIG),
        _null("last_batch_row_count", _BIG),
        _null("last_rejected_at_us", _BIG),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.UniqueConstraint("workspace_id", "fingerprint", name="uq_devices_workspace_id_fingerprint"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_devices_workspace_id", "devices", ["workspace_id"])


def _sync_tokens() -> None:
    op.create_table(
        "sync_tokens",
        _column("id", _UUID),
        _column("token_sha256", _TEXT64),
        _column("device_id", _UUID),
        _column("workspace_id", _UUID),
        _column("created_at_us", _BIG),
        _null("first_used_at_us", _BIG),
        _null("revoked_at_us", _BIG),
        _null("revoked_reason", sa.String(16)),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.UniqueConstraint("token_sha256"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_sync_tokens_device_id", "sync_tokens", ["device_id"])
    op.create_index("ix_sync_tokens_workspace_id", "sync_tokens", ["workspace_id"])


def _pairing_sessions() -> None:
    op.create_table(
        "pairing_sessions",
        _column("id", _UUID),
        _column("code_hash", _TEXT64),
        _column("locator_hash", _TEXT64),
        _column("poll_token_hash", _TEXT64),
        _column("hostname", _TEXT255),
        _column("platform", _TEXT64),
        _column("daemon_version", _TEXT64),
        _null("fingerprint", sa.String(128)),
        _column("remote_address", _TEXT64),
        _column("created_at_us", _BIG),
        _column("expires_at_us", _BIG),
        _column("state", sa.String(16)),
        _column("wrong_tries", sa.Integer()),
        _null("workspace_id", _UUID),
        _null("device_id", _UUID),
        _null("approved_by", sa.String(320)),
        _null("sync_token_id", _UUID),
        _null("sealed_token", sa.LargeBinary()),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"]),
        sa.ForeignKeyConstraint(["sync_token_id"], ["sync_tokens.id"]),
        sa.UniqueConstraint("poll_token_hash"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_pairing_sessions_expires_at_us", "pairing_sessions", ["expires_at_us"])
    op.create_index("ix_pairing_sessions_locator_hash", "pairing_sessions", ["locator_hash"])
    op.create_index("ix_pairing_sessions_sync_token_id", "pairing_sessions", ["sync_token_id"])


def _projects() -> None:
    op.create_table(
        "projects",
        _column("id", _UUID),
        _column("workspace_id", _UUID),
        _column("slug", _TEXT255),
        _null("display_name", _TEXT255),
        _null("client_name", _TEXT255),
        _column("first_seen_at_us", _BIG),
        _null("archived_at_us", _BIG),
        _column("over_ceiling", sa.Boolean()),
        _column("visibility_version", sa.Integer()),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.UniqueConstraint("workspace_id", "slug", name="uq_projects_workspace_id_slug"),
        sa.PrimaryKeyConstraint("id"),
    )


def _rate_overrides() -> None:
    op.create_table(
        "rate_overrides",
        _column("id", _UUID),
        _column("workspace_id", _UUID),
        _column("provider", _TEXT64),
        _column("model_ref", _TEXT255),
        _column("service_tier", _TEXT64),
        _column("context_over_tokens", _BIG),
        _column("valid_from_us", _BIG),
        _null("valid_to_us", _BIG),
        _column("known_from_us", _BIG),
        _null("withdrawn_at_us", _BIG),
        _null("uncached_input_picousd_per_token", _BIG),
        _null("cache_read_picousd_per_token", _BIG),
        _null("cache_write_5m_picousd_per_token", _BIG),
        _null("cache_write_1h_picousd_per_token", _BIG),
        _null("output_picousd_per_token", _BIG),
        _column("note", sa.Text()),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_rate_overrides_workspace_id", "rate_overrides", ["workspace_id"])


def _audit_events() -> None:
    op.create_table(
        "audit_events",
        _column("id", _UUID),
        _column("workspace_id", _UUID),
        _column("position", _BIG),
        _column("actor_type", sa.String(16)),
        _column("actor_id", sa.String(320)),
        _column("event", _TEXT64),
        _column("resource_type", _TEXT64),
        _column("resource_id", sa.String(320)),
        _column("at_us", _BIG),
        _column("details", sa.Text()),
        _column("previous_hash", _TEXT64),
        _column("hash", _TEXT64),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.UniqueConstraint("workspace_id", "position", name="uq_audit_events_workspace_id_position"),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_audit_events_workspace_id_at_us", "audit_events", ["workspace_id", "at_us"])


def _landing_sequence() -> None:
    op.create_table(
        "landing_sequence",
        _column("id", sa.Integer(), autoincrement=False),
        _column("value", _BIG),
        sa.PrimaryKeyConstraint("id"),
    )


def _landed_files() -> None:
    op.create_table(
        "landed_files",
        _column("file_seq", _BIG, autoincrement=False),
        _column("file_id", _UUID),
        _column("workspace_id", _UUID),
        _column("relative_path", sa.Text()),
        _column("received_day", sa.String(10)),
        _column("row_count", _BIG),
        _column("byte_count", _BIG),
        _column("sha256", _TEXT64),
        _column("input_tokens", _BIG),
        _column("output_tokens", _BIG),
        _column("thinking_tokens", _BIG),
        _column("cached_tokens", _BIG),
        _column("cache_write_tokens", _BIG),
        _column("cost_logged_millicents", _BIG),
        _column("unpriced_rows", _BIG),
        _column("first_requested_at_us", _BIG),
        _column("last_requested_at_us", _BIG),
        _column("committed_at_us", _BIG),
        _column("schema_version", sa.Integer()),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.UniqueConstraint("file_id"),
        sa.PrimaryKeyConstraint("file_seq"),
    )
    op.create_index("ix_landed_files_workspace_id", "landed_files", ["workspace_id"])


def _landed_batches() -> None:
    op.create_table(
        "landed_batches",
        _column("batch_key", _UUID),
        _column("batch_id", _TEXT64),
        _column("workspace_id", _UUID),
        _column("device_id", _UUID),
        _null("file_seq", _BIG),
        _column("received_at_us", _BIG),
        _column("received_count", _BIG),
        _column("landed_count", _BIG),
        _column("duplicate_count", _BIG),
        _column("quarantined_count", _BIG),
        _column("withheld_count", _BIG),
        _column("records_sha256", _TEXT64),
        _column("chain_position", _BIG),
        _column("previous_chain_hash", _TEXT64),
        _column("chain_hash", _TEXT64),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"]),
        sa.ForeignKeyConstraint(["file_seq"], ["landed_files.file_seq"]),
        sa.PrimaryKeyConstraint("batch_key"),
    )
    op.create_index("ix_landed_batches_device_id", "landed_batches", ["device_id"])
    op.create_index("ix_landed_batches_file_seq", "landed_batches", ["file_seq"])
    op.create_index("ix_landed_batches_records_sha256", "landed_batches", ["records_sha256"])
    op.create_index("ix_landed_batches_workspace_id", "landed_batches", ["workspace_id"])


def _quarantined_rows() -> None:
    op.create_table(
        "quarantined_rows",
        _column("id", _KEY, autoincrement=True),
        _column("batch_key", _UUID),
        _column("workspace_id", _UUID),
        _column("device_id", _UUID),
        _column("row_index", sa.Integer()),
        _null("request_id", _TEXT64),
        _column("code", _TEXT64),
        _column("detail", sa.Text()),
        _column("raw_bytes", sa.LargeBinary()),
        _column("received_at_us", _BIG),
        sa.ForeignKeyConstraint(["batch_key"], ["landed_batches.batch_key"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_quarantined_rows_batch_key", "quarantined_rows", ["batch_key"])
    op.create_index("ix_quarantined_rows_workspace_id", "quarantined_rows", ["workspace_id"])
