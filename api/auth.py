"""Which machine is calling: turning an `Authorization` header into a device.

Belongs here: recognising sync tokens, the reasons of a 401, and remembering that a token was used or refused. Does not
belong here: making tokens (`api.tokens`, `api.pairing`), people and API keys (`api.access`).

Reasons of a 401 on daemon calls: `token_unknown` (missing, malformed, never issued), `token_revoked`,
`workspace_deleted` (deletion was requested).

What is remembered here commits on its own, before the call's own transaction: a refusal must leave its trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Final

from fastapi import Depends, Request
from sqlalchemy import Engine, RowMapping, and_, bindparam, or_, select, update

from api.db.models import (
    Device,
    DeviceInstance,
    PairingSession,
    PairingStatus,
    Plan,
    RevokedReason,
    Subscription,
    SyncToken,
    Workspace,
)
from api.db.session import transaction
from api.errors import Refused, unauthorised
from api.tokens import SecretKind, bearer_secret, secret_digest
from daemon.wire.errors import TOKEN_REVOKED, TOKEN_UNKNOWN, WORKSPACE_DELETED
from pipelines.lake.clock import Clock, to_micros

_NOTED_EVERY_US: Final = timedelta(minutes=1) // timedelta(microseconds=1)
"""A use or refusal is written down at most this often, so that a busy or stubborn client costs no write per call."""


INSTANCE_NOTED_EVERY_US: Final = timedelta(minutes=10) // timedelta(microseconds=1)
_ENDED_ALONE: Final = frozenset({RevokedReason.REPAIRED.value, RevokedReason.DISCONNECTED.value})
"""A token that was replaced, or given back by one of several machines, says nothing about its device."""


@dataclass(frozen=True, slots=True)
class AuthenticatedDevice:
    """The machine a sync token stands for, as it was when the call arrived.

    Attributes:
        subscription_ended: its workspace takes no uploads until the subscription goes on.
    """

    device_id: str
    instance: str | None
    workspace_id: str
    workspace_slug: str
    workspace_name: str
    plan: Plan
    hostname: str
    platform: str
    daemon_version: str
    paired_at_us: int
    subscription_ended: bool = False


def authenticate_device(
    engine: Engine, authorization: str | None, clock: Clock, *, note_seen: bool = True
) -> AuthenticatedDevice:
    """Return the device behind an `Authorization` header. Blocks on the database: call it in a thread.

    The first call ends the redelivery of the token by pairing.

    Args:
        engine: the app database.
        authorization: the header as it came, None when absent.
        clock: tells when the call arrived.
        note_seen: also remember the sighting, at most once a minute; False when the caller records one itself.

    Raises:
        Refused: 401 `token_unknown`, `token_revoked` or `workspace_deleted`.
    """
    token = bearer_secret(authorization, SecretKind.SYNC)
    row = None if token is None else _find_token(engine, token)
    if row is None:
        raise unauthorised(TOKEN_UNKNOWN, "This token is not known here; run cloud connect.")
    now_us = to_micros(clock.now())
    refusal = _token_refusal(row)
    if refusal is not None:
        if row["token_reason"] not in _ENDED_ALONE:
            _note_rejection(engine, row["device_id"], now_us)
        raise refusal
    if row["first_used_at_us"] is None:
        _note_first_use(engine, row["token_id"], row["device_id"], now_us)
    elif note_seen and now_us - (row["last_seen_at_us"] or 0) > _NOTED_EVERY_US:
        _note_seen(engine, row["device_id"], now_us)
    if row["instance_seen_at_us"] is not None and _instance_unseen(row, now_us):
        _note_instance(engine, row["device_id"], row["instance"], now_us)
    return _device(row, now_us)


def authenticated_device(request: Request) -> AuthenticatedDevice:
    """FastAPI dependency: the device that calls."""
    state = request.app.state
    return authenticate_device(state.engine, request.headers.get("authorization"), state.clock)


CallingDevice = Annotated[AuthenticatedDevice, Depends(authenticated_device)]


# Put together once: the batch path asks it with every upload, and building it took longer than the database does.
_TOKEN: Final = (
    select(
        SyncToken.id.label("token_id"),
        SyncToken.first_used_at_us,
        SyncToken.revoked_at_us.label("token_revoked_at_us"),
        SyncToken.revoked_reason.label("token_reason"),
        SyncToken.instance,
        DeviceInstance.last_seen_at_us.label("instance_seen_at_us"),
        Device.id.label("device_id"),
        Device.hostname,
        Device.platform,
        Device.daemon_version,
        Device.paired_at_us,
        Device.last_seen_at_us,
        Device.revoked_at_us.label("device_revoked_at_us"),
        Workspace.id.label("workspace_id"),
        Workspace.slug,
        Workspace.name,
        Workspace.plan,
        Workspace.deletion_requested_at_us,
        Subscription.cancels_at_us,
    )
    .join(Device, Device.id == SyncToken.device_id)
    .join(Workspace, Workspace.id == SyncToken.workspace_id)
    .outerjoin(Subscription, Subscription.workspace_id == Workspace.id)
    .outerjoin(
        DeviceInstance,
        and_(DeviceInstance.device_id == SyncToken.device_id, DeviceInstance.instance == SyncToken.instance),
    )
    .where(SyncToken.token_sha256 == bindparam("digest"))
)


def _find_token(engine: Engine, token: str) -> RowMapping | None:
    with engine.connect().execution_options(read_only=True) as connection:
        return connection.execute(_TOKEN, {"digest": secret_digest(token)}).mappings().one_or_none()


def _token_refusal(row: RowMapping) -> Refused | None:
    if row["deletion_requested_at_us"] is not None:
        return unauthorised(WORKSPACE_DELETED, "The workspace of this token is being deleted.")
    if row["token_revoked_at_us"] is not None or row["device_revoked_at_us"] is not None:
        return unauthorised(TOKEN_REVOKED, "This token was revoked; run cloud connect.")
    return None


def _device(row: RowMapping, now_us: int) -> AuthenticatedDevice:
    return AuthenticatedDevice(
        device_id=row["device_id"],
        instance=row["instance"],
        workspace_id=row["workspace_id"],
        workspace_slug=row["slug"],
        workspace_name=row["name"],
        plan=Plan(row["plan"]),
        hostname=row["hostname"],
        platform=row["platform"],
        daemon_version=row["daemon_version"],
        paired_at_us=row["paired_at_us"],
        subscription_ended=row["cancels_at_us"] is not None and now_us >= row["cancels_at_us"],
    )


def _note_first_use(engine: Engine, token_id: str, device_id: str, now_us: int) -> None:
    with transaction(engine) as session:
        session.execute(update(Device).where(Device.id == device_id).values(last_seen_at_us=now_us))
        session.execute(
            update(SyncToken)
            .where(SyncToken.id == token_id, SyncToken.first_used_at_us.is_(None))
            .values(first_used_at_us=now_us)
        )
        session.execute(
            update(PairingSession)
            .where(PairingSession.sync_token_id == token_id)
            .values(state=PairingStatus.CONSUMED.value, sealed_token=None)
        )


def _note_seen(engine: Engine, device_id: str, now_us: int) -> None:
    with transaction(engine) as session:
        session.execute(update(Device).where(Device.id == device_id).values(last_seen_at_us=now_us))


def _instance_unseen(row: RowMapping, now_us: int) -> bool:
    """Tell whether the machine was not noted lately, or not since the newest pairing under its device's identity."""
    seen_at_us = row["instance_seen_at_us"]
    return now_us - seen_at_us > INSTANCE_NOTED_EVERY_US or seen_at_us <= row["paired_at_us"] < now_us


def _note_instance(engine: Engine, device_id: str, instance: str, now_us: int) -> None:
    whose = and_(DeviceInstance.device_id == device_id, DeviceInstance.instance == instance)
    with transaction(engine) as session:
        session.execute(update(DeviceInstance).where(whose).values(last_seen_at_us=now_us))


def _note_rejection(engine: Engine, device_id: str, now_us: int) -> None:
    stale = or_(Device.last_rejected_at_us.is_(None), Device.last_rejected_at_us < now_us - _NOTED_EVERY_US)
    with transaction(engine) as session:
        session.execute(update(Device).where(Device.id == device_id, stale).values(last_rejected_at_us=now_us))
