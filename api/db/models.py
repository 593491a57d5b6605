"""Tables of the app database that people and devices live in.

Belongs here: columns, keys and the words a column may hold. Does not belong here: the landing ledger
(`pipelines.lake.ledger`, same `MetaData`), rules over these rows (`api.plans`, `api.devices`, `api.projects`), queries.

Ids are lower-case UUID text. Instants are microseconds since 1970-01-01 UTC in columns ending in `_us`. Money is
millicents (1 USD = 100,000), prices are picodollars per token.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from pipelines.lake.ledger import Uuid36, metadata

GENESIS_HASH = "0" * 64
"""What the first link of every hash chain names as its predecessor."""

Id = Annotated[str, mapped_column(Uuid36)]
InstantUs = Annotated[int, mapped_column(BigInteger)]
Position = Annotated[int, mapped_column(BigInteger)]
Sha256 = Annotated[str, mapped_column(String(64))]
PicousdPerToken = Annotated[int, mapped_column(BigInteger)]
Text64 = Annotated[str, mapped_column(String(64))]
Text255 = Annotated[str, mapped_column(String(255))]


class Plan(StrEnum):
    """What a workspace pays for; its limits are in `api.plans`."""

    SOLO = "solo"
    TEAM = "team"
    BUSINESS = "business"
    ENTERPRISE = "enterprise"


class Role(StrEnum):
    """What a member may do in one workspace, most privileged first."""

    OWNER = "owner"
    ADMIN = "admin"
    MEMBER = "member"


class RevokedReason(StrEnum):
    """Why a device's token stopped working."""

    REVOKED = "revoked"
    DISCONNECTED = "disconnected"
    REPAIRED = "repaired"


class PairingStatus(StrEnum):
    """How far a pairing has come. Expiry is not stored: it follows from `expires_at_us`."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    CONSUMED = "consumed"
    BURNED = "burned"


class Base(DeclarativeBase):
    """Every mapped table, on the same metadata as the ledger's."""

    metadata = metadata


class Workspace(Base):
    """One row per workspace; also holds the heads of its two hash chains (audit events, batches).

    Requests older than `retention_days` whole UTC days are no longer kept; null keeps them for ever.
    """

    __tablename__ = "workspaces"
    __table_args__ = (CheckConstraint("plan IN ('solo', 'team', 'business', 'enterprise')", name="plan_known"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    slug: Mapped[Text64] = mapped_column(unique=True)
    name: Mapped[Text255]
    plan: Mapped[str] = mapped_column(String(16))
    time_zone: Mapped[Text64]
    created_at_us: Mapped[InstantUs]
    deletion_requested_at_us: Mapped[InstantUs | None]
    retention_days: Mapped[int | None]
    audit_position: Mapped[Position] = mapped_column(default=0)
    audit_head: Mapped[Sha256] = mapped_column(default=GENESIS_HASH)
    batch_chain_position: Mapped[Position] = mapped_column(default=0)
    batch_chain_head: Mapped[Sha256] = mapped_column(default=GENESIS_HASH)


class User(Base):
    """One row per person, known by one lower-case e-mail address."""

    __tablename__ = "users"

    id: Mapped[Id] = mapped_column(primary_key=True)
    email: Mapped[str] = mapped_column(String(320), unique=True)
    display_name: Mapped[Text255 | None]
    created_at_us: Mapped[InstantUs]


class Membership(Base):
    """One row per person and workspace."""

    __tablename__ = "memberships"
    __table_args__ = (CheckConstraint("role IN ('owner', 'admin', 'member')", name="role_known"),)

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    user_id: Mapped[Id] = mapped_column(ForeignKey("users.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    joined_at_us: Mapped[InstantUs]


class Device(Base):
    """One row per paired machine of a workspace; its id is the daemon's `machine_id`.

    The `last_batch_*` columns describe the newest batch and feed the derived state. All instants are the server's
    clock, except `last_batch_newest_recorded_at_us`, the daemon's.
    """

    __tablename__ = "devices"
    __table_args__ = (UniqueConstraint("workspace_id", "fingerprint", name="uq_devices_workspace_id_fingerprint"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    hostname: Mapped[Text255]
    display_name: Mapped[Text255 | None]
    platform: Mapped[Text64]
    daemon_version: Mapped[Text64]
    fingerprint: Mapped[str | None] = mapped_column(String(128))
    paired_at_us: Mapped[InstantUs]
    revoked_at_us: Mapped[InstantUs | None]
    revoked_reason: Mapped[str | None] = mapped_column(String(16))
    last_seen_at_us: Mapped[InstantUs | None]
    last_batch_at_us: Mapped[InstantUs | None]
    last_batch_newest_recorded_at_us: Mapped[InstantUs | None]
    last_batch_row_count: Mapped[int | None] = mapped_column(BigInteger)
    last_rejected_at_us: Mapped[InstantUs | None]


class SyncToken(Base):
    """One row per device token ever issued; only its SHA-256 is kept."""

    __tablename__ = "sync_tokens"

    id: Mapped[Id] = mapped_column(primary_key=True)
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    device_id: Mapped[Id] = mapped_column(ForeignKey("devices.id"), index=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    created_at_us: Mapped[InstantUs]
    first_used_at_us: Mapped[InstantUs | None]
    revoked_at_us: Mapped[InstantUs | None]
    revoked_reason: Mapped[str | None] = mapped_column(String(16))


class PairingSession(Base):
    """One row per pairing asked for; swept a day after it ended.

    `code_hash` is of the whole code, `locator_hash` of its first half: a wrong approval whose first half matches
    counts against this code. `sealed_token` is the token under a key only the poll token yields.
    """

    __tablename__ = "pairing_sessions"

    id: Mapped[Id] = mapped_column(primary_key=True)
    code_hash: Mapped[Sha256]
    locator_hash: Mapped[Sha256] = mapped_column(index=True)
    poll_token_hash: Mapped[Sha256] = mapped_column(unique=True)
    hostname: Mapped[Text255]
    platform: Mapped[Text64]
    daemon_version: Mapped[Text64]
    fingerprint: Mapped[str | None] = mapped_column(String(128))
    remote_address: Mapped[Text64]
    created_at_us: Mapped[InstantUs]
    expires_at_us: Mapped[InstantUs] = mapped_column(index=True)
    state: Mapped[str] = mapped_column(String(16))
    wrong_tries: Mapped[int] = mapped_column(default=0)
    workspace_id: Mapped[Id | None] = mapped_column(ForeignKey("workspaces.id"))
    device_id: Mapped[Id | None] = mapped_column(ForeignKey("devices.id"))
    approved_by: Mapped[str | None] = mapped_column(String(320))
    sync_token_id: Mapped[Id | None] = mapped_column(ForeignKey("sync_tokens.id"), index=True)
    sealed_token: Mapped[bytes | None] = mapped_column(LargeBinary)


class ApiKey(Base):
    """One row per key that reads a workspace's dashboards as JSON; only its SHA-256 is kept."""

    __tablename__ = "api_keys"

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    name: Mapped[Text255]
    key_sha256: Mapped[Sha256] = mapped_column(unique=True)
    scope: Mapped[str] = mapped_column(String(16))
    created_at_us: Mapped[InstantUs]
    last_used_at_us: Mapped[InstantUs | None]
    revoked_at_us: Mapped[InstantUs | None]


class Project(Base):
    """One row per project slug ever seen in a workspace.

    Rows of a project with `over_ceiling`, or received after `archived_at_us`, land and are withheld from dashboards.
    `visibility_version` rises with every change of either, so that the warehouse knows what to roll up again.
    """

    __tablename__ = "projects"
    __table_args__ = (UniqueConstraint("workspace_id", "slug", name="uq_projects_workspace_id_slug"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    slug: Mapped[Text255]
    display_name: Mapped[Text255 | None]
    client_name: Mapped[Text255 | None]
    first_seen_at_us: Mapped[InstantUs]
    archived_at_us: Mapped[InstantUs | None]
    over_ceiling: Mapped[bool] = mapped_column(default=False)
    visibility_version: Mapped[int] = mapped_column(default=1)


class Budget(Base):
    """One row per monthly budget; `scope_id` is empty for the workspace as a whole."""

    __tablename__ = "budgets"
    __table_args__ = (UniqueConstraint("workspace_id", "scope", "scope_id", name="uq_budgets_workspace_id_scope"),)

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    scope: Mapped[str] = mapped_column(String(16))
    scope_id: Mapped[str] = mapped_column(Uuid36, default="")
    monthly_millicents: Mapped[int] = mapped_column(BigInteger)


class RateOverride(Base):
    """One row per price a workspace negotiated; a newer one of the same key, or a withdrawal, sets `withdrawn_at_us`.

    The key is (provider, model_ref, service_tier, context_over_tokens, valid_from_us). Prices are picodollars per token
    (1 USD per million tokens = 1,000,000); null where the kind has no known price.
    """

    __tablename__ = "rate_overrides"

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    provider: Mapped[Text64]
    model_ref: Mapped[Text255]
    service_tier: Mapped[Text64] = mapped_column(default="standard")
    context_over_tokens: Mapped[int] = mapped_column(BigInteger, default=0)
    valid_from_us: Mapped[InstantUs]
    valid_to_us: Mapped[InstantUs | None]
    known_from_us: Mapped[InstantUs]
    withdrawn_at_us: Mapped[InstantUs | None]
    uncached_input_picousd_per_token: Mapped[PicousdPerToken | None]
    cache_read_picousd_per_token: Mapped[PicousdPerToken | None]
    cache_write_5m_picousd_per_token: Mapped[PicousdPerToken | None]
    cache_write_1h_picousd_per_token: Mapped[PicousdPerToken | None]
    output_picousd_per_token: Mapped[PicousdPerToken | None]
    note: Mapped[str] = mapped_column(Text, default="")


class AuditRecord(Base):
    """One row per thing that was done, hash-chained per workspace; written only by `api.audit`."""

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint("workspace_id", "position", name="uq_audit_events_workspace_id_position"),
        Index("ix_audit_events_workspace_id_at_us", "workspace_id", "at_us"),
    )

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"))
    position: Mapped[Position]
    actor_type: Mapped[str] = mapped_column(String(16))
    actor_id: Mapped[str] = mapped_column(String(320))
    event: Mapped[Text64]
    resource_type: Mapped[Text64]
    resource_id: Mapped[str] = mapped_column(String(320))
    at_us: Mapped[InstantUs]
    details: Mapped[str] = mapped_column(Text)
    previous_hash: Mapped[Sha256]
    hash: Mapped[Sha256]
