"""Tables of workspaces: what they are called, what they pay for, how they end."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import (
    GENESIS_HASH,
    Base,
    Email,
    Id,
    InstantUs,
    Position,
    Sha256,
    Text32,
    Text64,
    Text255,
)


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
    currency_note: Mapped[Text255 | None]
    audit_position: Mapped[Position] = mapped_column(default=0)
    audit_head: Mapped[Sha256] = mapped_column(default=GENESIS_HASH)
    batch_chain_position: Mapped[Position] = mapped_column(default=0)
    batch_chain_head: Mapped[Sha256] = mapped_column(default=GENESIS_HASH)


class RetiredSlug(Base):
    """One row per slug a workspace once had: pages go on to the present one, and nobody else gets it."""

    __tablename__ = "retired_slugs"

    slug: Mapped[Text64] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    retired_at_us: Mapped[InstantUs]


class WorkspaceLogo(Base):
    """One row per workspace with a logo: a PNG this server encoded itself, never the bytes that were uploaded."""

    __tablename__ = "workspace_logos"

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    png: Mapped[bytes] = mapped_column(LargeBinary)
    sha256: Mapped[Sha256]
    width_px: Mapped[int]
    height_px: Mapped[int]
    uploaded_at_us: Mapped[InstantUs]


class WorkspaceExport(Base):
    """One row per export of everything a workspace holds; the ZIP lies in the home until `expires_at_us`."""

    __tablename__ = "workspace_exports"

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    requested_by: Mapped[Email]
    requested_at_us: Mapped[InstantUs]
    state: Mapped[Text32]
    done_steps: Mapped[int] = mapped_column(default=0)
    total_steps: Mapped[int] = mapped_column(default=0)
    finished_at_us: Mapped[InstantUs | None]
    expires_at_us: Mapped[InstantUs | None]
    byte_count: Mapped[int | None] = mapped_column(BigInteger)
    sha256: Mapped[Sha256 | None]
    failure: Mapped[Text255 | None]


class Purge(Base):
    """One row per workspace whose every byte is being, or was, removed; it outlives the workspace and names nobody."""

    __tablename__ = "purges"

    workspace_id: Mapped[Id] = mapped_column(primary_key=True)
    started_at_us: Mapped[InstantUs]
    done_step: Mapped[Text64 | None]
    finished_at_us: Mapped[InstantUs | None]
