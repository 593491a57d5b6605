"""Devices: the state of a paired machine, the banner over all of them, its name, and ending its access.

Belongs here: deriving states from what the server saw, listing, renaming, revoking, disconnecting. Does not belong
here: making a device (`api.pairing`) or recognising its token (`api.auth`).

The state follows from the server's own observations; a daemon never reports one. First match wins:

    PAUSED          revoked by a person, or its newest call was answered 401
    NOT-CONFIGURED  disconnected by its owner, or never made an authenticated call
    DEGRADED        catching up: its newest batch was a full page whose newest row lags arrival by more than 15 minutes
    DEGRADED        silent for more than 72 hours
    ACTIVE          otherwise
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, cast

from sqlalchemy import CursorResult, select, update
from sqlalchemy.orm import Session

from api.access.text import checked_name
from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.models import Device, PairingSession, PairingStatus, RevokedReason, SyncToken
from api.db.session import lock_workspace
from api.errors import not_found
from api.pairing.instances import live_instances
from pipelines.lake.clock import to_micros

FULL_PAGE_ROWS: Final = 500
"""Daemons send pages of 500: a batch this long means that more is waiting."""
CATCHING_UP_LAG: Final = timedelta(minutes=15)
SILENT_AFTER: Final = timedelta(hours=72)
REVOCATION_SHOWN_FOR: Final = timedelta(days=7)
"""How long a revoked device keeps the banner red; after that it is history."""


class DeviceState(StrEnum):
    """The product's four words for a device."""

    ACTIVE = "ACTIVE"
    DEGRADED = "DEGRADED"
    PAUSED = "PAUSED"
    NOT_CONFIGURED = "NOT-CONFIGURED"


class SyncBanner(StrEnum):
    """Colour of the banner over all devices of a workspace."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


def device_state(device: Device, now: datetime) -> DeviceState:
    """Derive the state of a device at `now`; the rules are in the module's docstring."""
    if device.revoked_at_us is not None and device.revoked_reason == RevokedReason.DISCONNECTED:
        return DeviceState.NOT_CONFIGURED
    if device.revoked_at_us is not None or _refused_last(device):
        return DeviceState.PAUSED
    if device.last_seen_at_us is None:
        return DeviceState.NOT_CONFIGURED
    if _catching_up(device) or to_micros(now - SILENT_AFTER) > device.last_seen_at_us:
        return DeviceState.DEGRADED
    return DeviceState.ACTIVE


def sync_banner(devices: Iterable[Device], now: datetime) -> SyncBanner:
    """Return red when any device is PAUSED (a revocation counts for 7 days), amber when any is DEGRADED, else green."""
    forgotten = to_micros(now - REVOCATION_SHOWN_FOR)
    states = {
        device_state(device, now)
        for device in devices
        if device.revoked_at_us is None or device.revoked_at_us >= forgotten
    }
    if DeviceState.PAUSED in states:
        return SyncBanner.RED
    return SyncBanner.AMBER if DeviceState.DEGRADED in states else SyncBanner.GREEN


def _refused_last(device: Device) -> bool:
    return device.last_rejected_at_us is not None and device.last_rejected_at_us > (device.last_seen_at_us or 0)


def _catching_up(device: Device) -> bool:
    if device.last_batch_at_us is None or device.last_batch_newest_recorded_at_us is None:
        return False
    lag_us = device.last_batch_at_us - device.last_batch_newest_recorded_at_us
    return (device.last_batch_row_count or 0) >= FULL_PAGE_ROWS and timedelta(microseconds=lag_us) > CATCHING_UP_LAG


def list_devices(session: Session, workspace_id: str) -> list[Device]:
    """Return every machine ever paired with the workspace, oldest pairing first."""
    query = select(Device).where(Device.workspace_id == workspace_id)
    return list(session.scalars(query.order_by(Device.paired_at_us, Device.id)))


def revoke_device(session: Session, workspace_id: str, device_id: str, *, actor: Actor, at: datetime) -> Device:
    """End a machine's access from outside: its next call is answered 401. Doing it twice changes nothing.

    Raises:
        Refused: 404 no such device in this workspace.
    """
    return _end_access(session, workspace_id, device_id, RevokedReason.REVOKED, actor=actor, at=at)


def rename_device(
    session: Session, workspace_id: str, device_id: str, name: str, *, actor: Actor, at: datetime
) -> Device:
    """Give a machine a name of its own; an empty one brings its host name back.

    Raises:
        Refused: 404 no such device in this workspace; 422 the name is not usable.
    """
    name = checked_name(name, optional=True)
    lock_workspace(session, workspace_id)
    device = _found(session, workspace_id, device_id)
    before, device.display_name = device.display_name, name or None
    if device.display_name != before:
        record_event(
            session,
            workspace_id,
            actor=actor,
            event=AuditEvent.DEVICE_RENAMED,
            resource=Resource("device", device_id),
            details={"name": device.display_name, "before": before, "hostname": device.hostname},
            at=at,
        )
    return device


def disconnect_device(
    session: Session, workspace_id: str, device_id: str, *, actor: Actor, at: datetime, instance: str | None = None
) -> Device:
    """End a machine's access at its own wish. Doing it twice changes nothing.

    Args:
        session: the open transaction.
        workspace_id: whose device.
        device_id: which.
        actor: the machine.
        at: when.
        instance: which of the machines behind the device asks; others that are at work keep their access.

    Raises:
        Refused: 404 no such device in this workspace.
    """
    lock_workspace(session, workspace_id)
    others = set(live_instances(session, workspace_id).get(device_id, {})) - {instance}
    if instance is None or not others:
        return _end_access(session, workspace_id, device_id, RevokedReason.DISCONNECTED, actor=actor, at=at)
    device = _found(session, workspace_id, device_id)
    ended = cast(
        "CursorResult[Any]",
        session.execute(
            update(SyncToken)
            .where(SyncToken.device_id == device_id, SyncToken.instance == instance)
            .where(SyncToken.revoked_at_us.is_(None))
            .values(revoked_at_us=to_micros(at), revoked_reason=RevokedReason.DISCONNECTED.value)
        ),
    )
    if ended.rowcount:
        resource, details = Resource("device", device_id), {"instance": instance, "instances_left": len(others)}
        event = AuditEvent.DEVICE_DISCONNECTED
        record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
    return device


def find_device(session: Session, workspace_id: str, device_id: str) -> Device:
    """Return a machine of the workspace, for looking at.

    Raises:
        Refused: 404 no such device in this workspace.
    """
    device = session.scalars(
        select(Device).where(Device.id == device_id, Device.workspace_id == workspace_id)
    ).one_or_none()
    if device is None:
        raise not_found("device_not_found", "No such device.")
    return device


def _end_access(
    session: Session, workspace_id: str, device_id: str, reason: RevokedReason, *, actor: Actor, at: datetime
) -> Device:
    lock_workspace(session, workspace_id)
    device = _found(session, workspace_id, device_id)
    if device.revoked_at_us is None:
        device.revoked_at_us = to_micros(at)
        device.revoked_reason = reason.value
        _end_tokens(session, device_id, reason, at)
        event = AuditEvent.DEVICE_REVOKED if reason is RevokedReason.REVOKED else AuditEvent.DEVICE_DISCONNECTED
        resource = Resource("device", device_id)
        record_event(session, workspace_id, actor=actor, event=event, resource=resource, at=at)
    return device


def _end_tokens(session: Session, device_id: str, reason: RevokedReason, at: datetime) -> None:
    """Kill every live token of a device, and its approved pairings not collected yet."""
    session.execute(
        update(SyncToken)
        .where(SyncToken.device_id == device_id, SyncToken.revoked_at_us.is_(None))
        .values(revoked_at_us=to_micros(at), revoked_reason=reason.value)
    )
    session.execute(
        update(PairingSession)
        .where(PairingSession.device_id == device_id, PairingSession.state == PairingStatus.APPROVED)
        .values(state=PairingStatus.CONSUMED.value, sealed_token=None)
    )


def _found(session: Session, workspace_id: str, device_id: str) -> Device:
    query = select(Device).where(Device.id == device_id, Device.workspace_id == workspace_id)
    device = session.scalars(query.with_for_update()).one_or_none()
    if device is None:
        raise not_found("device_not_found", "No such device.")
    return device
