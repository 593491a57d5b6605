"""People: sign-in, sessions, invitations, directories, billing events and e-mails owed."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_UUID = sa.String(36)
_TEXT32 = sa.String(32)
_TEXT64 = sa.String(64)
_TEXT255 = sa.String(255)
_EMAIL = sa.String(320)
_BIG = sa.BigInteger()
_TABLES = (
    "user_identities",
    "browser_sessions",
    "sign_in_attempts",
    "oidc_attempts",
    "former_memberships",
    "invitations",
    "directory_members",
    "subscriptions",
    "webhook_events",
    "outbox_messages",
)


def upgrade() -> None:
    """Add tables; every row stays as it is."""
    _user_identities()
    _browser_sessions()
    _sign_in_attempts()
    _oidc_attempts()
    _former_memberships()
    _invitations()
    _directory_members()
    _subscriptions()
    _webhook_events()
    _outbox_messages()


def downgrade() -> None:
    """Drop them, with what they hold."""
    for table in reversed(_TABLES):
        op.drop_table(table)


def _user_identities() -> None:
    op.create_table(
        "user_identities",
        sa.Column("issuer", _TEXT255, nullable=False),
        sa.Column("subject", _TEXT255, nullable=False),
        sa.Column("user_id", _UUID, nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("issuer", "subject"),
    )
    op.create_index("ix_user_identities_user_id", "user_identities", ["user_id"])


def _browser_sessions() -> None:
    op.create_table(
        "browser_sessions",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("token_sha256", _TEXT64, nullable=False),
        sa.Column("user_id", _UUID, nullable=False),
        sa.Column("method", _TEXT32, nullable=False),
        sa.Column("user_agent", _TEXT255, nullable=False),
        sa.Column("remote_address", _TEXT64, nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("last_seen_at_us", _BIG, nullable=False),
        sa.Column("expires_at_us", _BIG, nullable=False),
        sa.Column("revoked_at_us", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_sha256", name="uq_browser_sessions_token_sha256"),
    )
    op.create_index("ix_browser_sessions_expires_at_us", "browser_sessions", ["expires_at_us"])
    op.create_index("ix_browser_sessions_user_id", "browser_sessions", ["user_id"])


def _sign_in_attempts() -> None:
    op.create_table(
        "sign_in_attempts",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("email", _EMAIL, nullable=False),
        sa.Column("browser_sha256", _TEXT64, nullable=False),
        sa.Column("link_sha256", _TEXT64, nullable=False),
        sa.Column("code_sha256", _TEXT64, nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("remote_address", _TEXT64, nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("expires_at_us", _BIG, nullable=False),
        sa.Column("ended_at_us", _BIG, nullable=True),
        sa.Column("wrong_tries", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("link_sha256", name="uq_sign_in_attempts_link_sha256"),
    )
    op.create_index("ix_sign_in_attempts_browser_sha256", "sign_in_attempts", ["browser_sha256"])
    op.create_index("ix_sign_in_attempts_email", "sign_in_attempts", ["email"])
    op.create_index("ix_sign_in_attempts_expires_at_us", "sign_in_attempts", ["expires_at_us"])


def _oidc_attempts() -> None:
    op.create_table(
        "oidc_attempts",
        sa.Column("state_sha256", _TEXT64, nullable=False),
        sa.Column("browser_sha256", _TEXT64, nullable=False),
        sa.Column("nonce_sha256", _TEXT64, nullable=False),
        sa.Column("sealed_verifier", sa.LargeBinary(), nullable=False),
        sa.Column("next_path", sa.Text(), nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("expires_at_us", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("state_sha256"),
    )
    op.create_index("ix_oidc_attempts_expires_at_us", "oidc_attempts", ["expires_at_us"])


def _former_memberships() -> None:
    op.create_table(
        "former_memberships",
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("user_id", _UUID, nullable=False),
        sa.Column("removed_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id", "user_id"),
    )
    op.create_index("ix_former_memberships_user_id", "former_memberships", ["user_id"])


def _invitations() -> None:
    op.create_table(
        "invitations",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("email", _EMAIL, nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("token_sha256", _TEXT64, nullable=False),
        sa.Column("invited_by", _EMAIL, nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("expires_at_us", _BIG, nullable=False),
        sa.Column("sent_count", sa.Integer(), nullable=False),
        sa.Column("last_sent_at_us", _BIG, nullable=False),
        sa.Column("accepted_at_us", _BIG, nullable=True),
        sa.Column("accepted_by_user_id", _UUID, nullable=True),
        sa.Column("revoked_at_us", _BIG, nullable=True),
        sa.CheckConstraint("role IN ('owner', 'admin', 'member')", name=op.f("ck_invitations_role_known")),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("token_sha256", name="uq_invitations_token_sha256"),
    )
    op.create_index("ix_invitations_email", "invitations", ["email"])
    op.create_index("ix_invitations_workspace_id", "invitations", ["workspace_id"])
    op.create_index(
        "uq_invitations_open",
        "invitations",
        ["workspace_id", "email"],
        unique=True,
        sqlite_where=sa.text("accepted_at_us IS NULL AND revoked_at_us IS NULL"),
        postgresql_where=sa.text("accepted_at_us IS NULL AND revoked_at_us IS NULL"),
    )


def _directory_members() -> None:
    op.create_table(
        "directory_members",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("user_id", _UUID, nullable=False),
        sa.Column("external_id", _TEXT255, nullable=True),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("changed_at_us", _BIG, nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"]),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("workspace_id", "user_id", name="uq_directory_members_workspace_id_user_id"),
    )
    op.create_index("ix_directory_members_user_id", "directory_members", ["user_id"])
    op.create_index("ix_directory_members_workspace_id", "directory_members", ["workspace_id"])


def _subscriptions() -> None:
    op.create_table(
        "subscriptions",
        sa.Column("workspace_id", _UUID, nullable=False),
        sa.Column("provider", _TEXT32, nullable=False),
        sa.Column("customer_ref", _TEXT255, nullable=True),
        sa.Column("extra_seats", sa.Integer(), nullable=False),
        sa.Column("contract_seats", sa.Integer(), nullable=True),
        sa.Column("period_starts_at_us", _BIG, nullable=False),
        sa.Column("period_ends_at_us", _BIG, nullable=False),
        sa.Column("cancels_at_us", _BIG, nullable=True),
        sa.Column("payment_method", _TEXT64, nullable=True),
        sa.Column("paid_monthly_millicents", _BIG, nullable=False),
        sa.Column("next_invoice_millicents", _BIG, nullable=False),
        sa.Column("changed_at_us", _BIG, nullable=False),
        sa.Column("provider_event_at_us", _BIG, nullable=True),
        sa.ForeignKeyConstraint(["workspace_id"], ["workspaces.id"]),
        sa.PrimaryKeyConstraint("workspace_id"),
    )
    op.create_index("ix_subscriptions_customer_ref", "subscriptions", ["customer_ref"])


def _webhook_events() -> None:
    op.create_table(
        "webhook_events",
        sa.Column("provider", _TEXT32, nullable=False),
        sa.Column("event_id", _TEXT255, nullable=False),
        sa.Column("kind", _TEXT64, nullable=False),
        sa.Column("occurred_at_us", _BIG, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=True),
        sa.Column("received_at_us", _BIG, nullable=False),
        sa.PrimaryKeyConstraint("provider", "event_id"),
    )


def _outbox_messages() -> None:
    op.create_table(
        "outbox_messages",
        sa.Column("id", _UUID, nullable=False),
        sa.Column("workspace_id", _UUID, nullable=True),
        sa.Column("kind", _TEXT64, nullable=False),
        sa.Column("recipient", _EMAIL, nullable=False),
        sa.Column("subject", _TEXT255, nullable=False),
        sa.Column("sealed_body", sa.LargeBinary(), nullable=True),
        sa.Column("state", _TEXT32, nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("created_at_us", _BIG, nullable=False),
        sa.Column("not_before_us", _BIG, nullable=False),
        sa.Column("expires_at_us", _BIG, nullable=True),
        sa.Column("claimed_at_us", _BIG, nullable=True),
        sa.Column("ended_at_us", _BIG, nullable=True),
        sa.Column("last_failure", _TEXT255, nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("ix_outbox_messages_due", "outbox_messages", ["state", "not_before_us"])
    op.create_index("ix_outbox_messages_workspace_id", "outbox_messages", ["workspace_id"])
