"""Tables of the audit log: its events, and the daily signed digest of each chain."""

from __future__ import annotations

from sqlalchemy import ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import (
    Base,
    Id,
    InstantUs,
    Position,
    Sha256,
    Text64,
)


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


class AuditDigest(Base):
    """One row per workspace and UTC day on which a chain of it had grown: both heads, signed (Ed25519).

    `public_key` is the signing key's, hex, so that a digest says by itself who is to have signed it.
    """

    __tablename__ = "audit_digests"

    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), primary_key=True)
    utc_day: Mapped[str] = mapped_column(String(10), primary_key=True)
    position: Mapped[Position]
    head: Mapped[Sha256]
    batch_position: Mapped[Position]
    batch_head: Mapped[Sha256]
    public_key: Mapped[Text64]
    signature: Mapped[bytes] = mapped_column(LargeBinary)
    signed_at_us: Mapped[InstantUs]
