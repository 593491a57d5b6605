"""Tables of machines: devices, their tokens, pairings under way, and keys that read."""

from __future__ import annotations

from sqlalchemy import BigInteger, ForeignKey, LargeBinary, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from api.db.models.base import (
    Base,
    Email,
    Id,
    InstantUs,
    Sha256,
    Text64,
    Text255,
)


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


class DeviceInstance(Base):
    """One row per machine seen under a device's identity: more than one when a `machine.json` was copied."""

    __tablename__ = "device_instances"

    device_id: Mapped[Id] = mapped_column(ForeignKey("devices.id"), primary_key=True)
    instance: Mapped[Text64] = mapped_column(primary_key=True)
    hostname: Mapped[Text255]
    remote_address: Mapped[Text64]
    first_seen_at_us: Mapped[InstantUs]
    last_seen_at_us: Mapped[InstantUs]


class SyncToken(Base):
    """One row per device token ever issued; only its SHA-256 is kept.

    `instance` says which of the machines behind the device's identity it was given to; tokens of old have none.
    """

    __tablename__ = "sync_tokens"

    id: Mapped[Id] = mapped_column(primary_key=True)
    token_sha256: Mapped[Sha256] = mapped_column(unique=True)
    device_id: Mapped[Id] = mapped_column(ForeignKey("devices.id"), index=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    instance: Mapped[Text64 | None]
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
    """One row per key that reads a workspace's dashboards as JSON, or manages its directory; only its SHA-256 is kept.

    `created_by` is the e-mail address of whoever made it; keys of old have none.
    """

    __tablename__ = "api_keys"

    id: Mapped[Id] = mapped_column(primary_key=True)
    workspace_id: Mapped[Id] = mapped_column(ForeignKey("workspaces.id"), index=True)
    name: Mapped[Text255]
    key_sha256: Mapped[Sha256] = mapped_column(unique=True)
    scope: Mapped[str] = mapped_column(String(16))
    created_by: Mapped[Email | None]
    created_at_us: Mapped[InstantUs]
    rotated_at_us: Mapped[InstantUs | None]
    last_used_at_us: Mapped[InstantUs | None]
    revoked_at_us: Mapped[InstantUs | None]
