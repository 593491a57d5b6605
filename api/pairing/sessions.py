"""Pairing as a service: start, approve or deny, poll.

Belongs here: the life of one pairing, from the daemon's question to the collected token. Does not belong here: HTTP
(`routes`), the format of codes and seals (`codes`, `sealing`), ending a device's access (`api.devices`).

    pending --approve--> approved --first poll--> approved, token sealed --first authenticated call--> consumed
       |--deny--> denied          |--device revoked--> consumed
       |--5 wrong tries--> burned (polls as expired)
       `--10 minutes--> expired   (an approval may be collected for 10 more minutes)

The token is made when the daemon collects it, because only then the poll token, which seals it, is at hand.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import Engine, delete, or_, select, update
from sqlalchemy.orm import Session

from api.access.text import clipped
from api.audit import Actor, ActorType, AuditEvent, Resource, record_event
from api.db.models import Device, PairingSession, PairingStatus, RevokedReason, SyncToken, Workspace
from api.db.session import lock_workspace, reading, transaction
from api.errors import workspace_not_found
from api.pairing.codes import code_digest, locator_digest, new_code, read_code
from api.pairing.instances import note_instance
from api.pairing.open_codes import pending_pairing
from api.pairing.sealing import seal, unseal
from api.tokens import SecretKind, new_secret, secret_digest
from daemon.wire.pairing import PairingPoll, PairingStart, PairingState
from pipelines.lake.clock import Clock, to_micros

CODE_LIFETIME: Final = timedelta(minutes=10)
COLLECT_WITHIN: Final = timedelta(minutes=10)
KEPT_FOR: Final = timedelta(days=1)
_EXPIRED: Final = PairingState(status="expired")
_CONSUMED: Final = PairingState(status="consumed")
_PENDING: Final = PairingState(status="pending")
_DENIED: Final = PairingState(status="denied")
_STANDING: Final[Mapping[str, PairingState]] = {
    PairingStatus.PENDING: _PENDING,
    PairingStatus.DENIED: _DENIED,
    PairingStatus.CONSUMED: _CONSUMED,
    PairingStatus.BURNED: _EXPIRED,
}


@dataclass(frozen=True, slots=True)
class Started:
    """What the daemon is told: the code to show and the secret to poll with."""

    code: str
    poll_token: str
    expires_at: datetime


def start_pairing(session: Session, message: PairingStart, *, address: str, at: datetime) -> Started:
    """Open a pairing for a machine that asks from `address`, and sweep the ended ones.

    What the machine says of itself is kept without characters that turn the direction of text: people will read it.
    """
    _sweep(session, at)
    code = _unused_code(session, at)
    poll_token = secrets.token_urlsafe(32)
    expires_at = at + CODE_LIFETIME
    session.add(
        PairingSession(
            id=str(uuid4()),
            code_hash=code_digest(code),
            locator_hash=locator_digest(code),
            poll_token_hash=secret_digest(poll_token),
            hostname=clipped(message.hostname, 255),
            platform=clipped(message.platform, 64),
            daemon_version=clipped(message.daemon_version, 64),
            fingerprint=message.fingerprint or None,
            remote_address=address,
            created_at_us=to_micros(at),
            expires_at_us=to_micros(expires_at),
            state=PairingStatus.PENDING.value,
            wrong_tries=0,
        )
    )
    return Started(code=code, poll_token=poll_token, expires_at=expires_at)


def approve_pairing(session: Session, code: str, workspace_id: str, *, approver: Actor, at: datetime) -> Device:
    """Let the machine that shows `code` into the workspace.

    The caller has made sure that the approver may do so. A fingerprint known in this workspace gets its device back;
    the older tokens of the same machine die when the new one is collected (`instances` tells it from a copy).

    Raises:
        Refused: 404 `pairing_code_not_found` (wrong, expired, burned or used; the try is counted), 404 no workspace.
    """
    pairing = _open_pairing(session, code, workspace_id, at)
    device = _known_device(session, workspace_id, pairing.fingerprint)
    event = AuditEvent.DEVICE_PAIRED if device is None else AuditEvent.DEVICE_REPAIRED
    if device is None:
        device = Device(id=str(uuid4()), workspace_id=workspace_id, fingerprint=pairing.fingerprint)
        session.add(device)
    device.hostname, device.platform = pairing.hostname, pairing.platform
    device.daemon_version = pairing.daemon_version
    device.paired_at_us = to_micros(at)
    device.revoked_at_us = device.revoked_reason = device.last_rejected_at_us = None
    session.flush()
    pairing.state = PairingStatus.APPROVED.value
    pairing.workspace_id, pairing.device_id = workspace_id, device.id
    pairing.approved_by = approver.id
    pairing.expires_at_us = to_micros(at + COLLECT_WITHIN)
    asked = {"hostname": pairing.hostname, "platform": pairing.platform, "address": pairing.remote_address}
    for what, thing in (
        (AuditEvent.PAIRING_APPROVED, Resource("pairing", pairing.id)),
        (event, Resource("device", device.id)),
    ):
        record_event(session, workspace_id, actor=approver, event=what, resource=thing, details=asked, at=at)
    return device


def deny_pairing(session: Session, code: str, workspace_id: str, *, approver: Actor, at: datetime) -> None:
    """Turn the machine that shows `code` away; recorded in the workspace it would have joined.

    Raises:
        Refused: as `approve_pairing`.
    """
    pairing = _open_pairing(session, code, workspace_id, at)
    pairing.state = PairingStatus.DENIED.value
    resource = Resource("pairing", pairing.id)
    details = {"hostname": pairing.hostname, "platform": pairing.platform, "address": pairing.remote_address}
    event = AuditEvent.PAIRING_DENIED
    record_event(session, workspace_id, actor=approver, event=event, resource=resource, details=details, at=at)


def poll_pairing(engine: Engine, message: PairingPoll, clock: Clock) -> PairingState:
    """Tell a waiting daemon how its pairing stands, and hand it its token once approved.

    Until the token's first authenticated call the same token is handed out again. An unknown code, or another poll
    token, is `expired`. Blocks on the database: call it in a thread.
    """
    now_us = to_micros(clock.now())
    with reading(engine) as session:
        pairing = _polled(session, message)
        answer = _EXPIRED if pairing is None else _answer(session, pairing, message.poll_token, now_us)
        workspace_id = None if pairing is None else pairing.workspace_id
    if answer is not None or workspace_id is None:
        return answer or _EXPIRED
    with transaction(engine) as session:
        lock_workspace(session, workspace_id)
        pairing = _polled(session, message, lock=True)
        if pairing is None:
            return _EXPIRED
        return _answer(session, pairing, message.poll_token, now_us) or _collect(
            session, pairing, message.poll_token, clock.now()
        )


def _answer(session: Session, pairing: PairingSession, poll_token: str, now_us: int) -> PairingState | None:
    """Return how the pairing stands, or None when its token is yet to be made."""
    expired = now_us >= pairing.expires_at_us
    if pairing.state != PairingStatus.APPROVED:
        return _EXPIRED if expired and pairing.state == PairingStatus.PENDING else _STANDING[pairing.state]
    if pairing.sync_token_id is None:
        return _EXPIRED if expired else None
    if expired or pairing.sealed_token is None:
        return _CONSUMED
    token = unseal(pairing.sealed_token, poll_token=poll_token, session_id=pairing.id)
    return _approved(session, pairing, token)


def _collect(session: Session, pairing: PairingSession, poll_token: str, at: datetime) -> PairingState:
    device = session.get_one(Device, pairing.device_id)
    if session.get_one(Workspace, device.workspace_id).deletion_requested_at_us is not None:
        return _DENIED
    token = new_secret(SecretKind.SYNC)
    token_id = str(uuid4())
    instance = note_instance(session, device.id, pairing, at)
    _end_older_tokens(session, device.id, instance, pairing, at)
    session.add(
        SyncToken(
            id=token_id,
            token_sha256=secret_digest(token),
            device_id=device.id,
            workspace_id=device.workspace_id,
            instance=instance,
            created_at_us=to_micros(at),
        )
    )
    session.flush()
    pairing.sync_token_id = token_id
    pairing.sealed_token = seal(token, poll_token=poll_token, session_id=pairing.id)
    record_event(
        session,
        device.workspace_id,
        actor=Actor(ActorType.DEVICE, device.id),
        event=AuditEvent.TOKEN_ISSUED,
        resource=Resource("device", device.id),
        at=at,
    )
    return _approved(session, pairing, token)


def _end_older_tokens(session: Session, device_id: str, instance: str, pairing: PairingSession, at: datetime) -> None:
    """End what this machine held before: live tokens, and approvals it never collected; not those of a copy."""
    session.execute(
        update(SyncToken)
        .where(SyncToken.device_id == device_id, SyncToken.revoked_at_us.is_(None))
        .where(or_(SyncToken.instance == instance, SyncToken.instance.is_(None)))
        .values(revoked_at_us=to_micros(at), revoked_reason=RevokedReason.REPAIRED.value)
    )
    session.execute(
        update(PairingSession)
        .where(PairingSession.device_id == device_id, PairingSession.state == PairingStatus.APPROVED)
        .where(PairingSession.id != pairing.id)
        .where(PairingSession.hostname == pairing.hostname, PairingSession.platform == pairing.platform)
        .values(state=PairingStatus.CONSUMED.value, sealed_token=None)
    )


def _approved(session: Session, pairing: PairingSession, token: str) -> PairingState:
    workspace = session.get_one(Workspace, pairing.workspace_id)
    return PairingState(
        status="approved",
        api_key=token,
        workspace_id=workspace.id,
        workspace_name=workspace.name,
        machine_id=pairing.device_id,
        approved_by=pairing.approved_by,
    )


def _polled(session: Session, message: PairingPoll, *, lock: bool = False) -> PairingSession | None:
    query = select(PairingSession).where(PairingSession.poll_token_hash == secret_digest(message.poll_token))
    pairing = session.scalars(query.with_for_update() if lock else query).one_or_none()
    code = read_code(message.pairing_code)
    if pairing is None or code is None or pairing.code_hash != code_digest(code):
        return None
    return pairing


def _open_pairing(session: Session, code: str, workspace_id: str, at: datetime) -> PairingSession:
    lock_workspace(session, workspace_id)
    if session.get_one(Workspace, workspace_id).deletion_requested_at_us is not None:
        raise workspace_not_found()
    return pending_pairing(session, code, at)


def _known_device(session: Session, workspace_id: str, fingerprint: str | None) -> Device | None:
    if fingerprint is None:
        return None
    query = select(Device).where(Device.workspace_id == workspace_id, Device.fingerprint == fingerprint)
    return session.scalars(query.with_for_update()).one_or_none()


def _unused_code(session: Session, at: datetime) -> str:
    while True:
        code = new_code()
        query = select(PairingSession.id).where(
            PairingSession.locator_hash == locator_digest(code), PairingSession.expires_at_us > to_micros(at)
        )
        if session.scalars(query).first() is None:
            return code


def _sweep(session: Session, at: datetime) -> None:
    """Forget pairings that ended a day ago, and seals nobody broke in time."""
    session.execute(delete(PairingSession).where(PairingSession.expires_at_us < to_micros(at - KEPT_FOR)))
    session.execute(
        update(PairingSession)
        .where(PairingSession.sealed_token.is_not(None), PairingSession.expires_at_us < to_micros(at))
        .values(state=PairingStatus.CONSUMED.value, sealed_token=None)
    )
