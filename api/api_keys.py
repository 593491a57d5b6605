"""API keys: what reads a workspace's dashboards as JSON, or manages its directory.

Belongs here: making, listing, rotating and revoking keys, and who may make which. Does not belong here: recognising
them (`api.access.callers`), their format (`api.tokens`).

A secret is returned by the call that makes it and never again; only its digest is kept. Rotating gives a key a new
secret, and the old one dies with the same commit.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import uuid4

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.permissions import KeyScope
from api.access.text import checked_name
from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.models import ApiKey, Plan, Role
from api.db.session import lock_workspace
from api.errors import Refused, conflict, not_found
from api.tokens import SecretKind, new_secret, secret_digest
from pipelines.lake.clock import to_micros


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key and its secret, which is known this once."""

    key: ApiKey
    secret: str


def create_api_key(session: Session, workspace_id: str, *, name: str, actor: Actor, at: datetime) -> str:
    """Make a reading key for the workspace and return its secret.

    Raises:
        Refused: 422 when the name is not usable.
    """
    return issue_api_key(
        session, workspace_id, name=name, scope=KeyScope.READ, role=Role.OWNER, actor=actor, at=at
    ).secret


def issue_api_key(
    session: Session, workspace_id: str, *, name: str, scope: KeyScope, role: Role | None, actor: Actor, at: datetime
) -> IssuedKey:
    """Make a key for the workspace.

    Args:
        session: the open transaction.
        workspace_id: whose data it opens.
        name: what it is for.
        scope: what it is for, to the server.
        role: of whoever makes it; a key for the directory is an Owner's to make.
        actor: the same, by name.
        at: when.

    Raises:
        Refused: 403 the role may not make such a key; 409 `plan_has_no_directory`; 422 the name is not usable.
    """
    name = checked_name(name)
    plan = lock_workspace(session, workspace_id)
    _require_right(scope, role)
    if scope is KeyScope.SCIM and plan is not Plan.ENTERPRISE:
        raise conflict("plan_has_no_directory", "A directory can be connected on the Enterprise plan.")
    secret = new_secret(SecretKind.API)
    key = ApiKey(
        id=str(uuid4()),
        workspace_id=workspace_id,
        name=name,
        key_sha256=secret_digest(secret),
        scope=scope.value,
        created_by=actor.id,
        created_at_us=to_micros(at),
    )
    session.add(key)
    session.flush()
    _record(session, key, AuditEvent.API_KEY_CREATED, actor, at)
    return IssuedKey(key, secret)


def list_api_keys(session: Session, workspace_id: str) -> Sequence[ApiKey]:
    """Return the workspace's keys: those that work, oldest first, then the revoked ones, newest first."""
    keys = session.scalars(
        select(ApiKey).where(ApiKey.workspace_id == workspace_id).order_by(ApiKey.created_at_us, ApiKey.id)
    ).all()
    revoked = [key for key in keys if key.revoked_at_us is not None]
    revoked.sort(key=lambda key: -(key.revoked_at_us or 0))
    return [*(key for key in keys if key.revoked_at_us is None), *revoked]


def find_api_key(session: Session, workspace_id: str, key_id: str) -> ApiKey:
    """Return a key of the workspace, for looking at.

    Raises:
        Refused: 404 no such key in this workspace.
    """
    key = session.scalars(select(ApiKey).where(ApiKey.id == key_id, ApiKey.workspace_id == workspace_id)).one_or_none()
    if key is None:
        raise not_found("api_key_not_found", "No such API key.")
    return key


def rotate_api_key(
    session: Session, workspace_id: str, key_id: str, *, role: Role | None, actor: Actor, at: datetime
) -> IssuedKey:
    """Give a key a new secret; the old one is worth nothing from this commit on.

    Raises:
        Refused: 403 the role may not; 404 no such key in this workspace; 409 `api_key_revoked`.
    """
    key = _locked(session, workspace_id, key_id)
    _require_right(KeyScope(key.scope), role)
    if key.revoked_at_us is not None:
        raise conflict("api_key_revoked", "This key was revoked; make a new one.")
    secret = new_secret(SecretKind.API)
    key.key_sha256, key.rotated_at_us = secret_digest(secret), to_micros(at)
    _record(session, key, AuditEvent.API_KEY_ROTATED, actor, at)
    return IssuedKey(key, secret)


def revoke_api_key(
    session: Session, workspace_id: str, key_id: str, *, role: Role | None, actor: Actor, at: datetime
) -> ApiKey:
    """End a key; doing it twice changes nothing.

    Raises:
        Refused: 403 the role may not; 404 no such key in this workspace.
    """
    key = _locked(session, workspace_id, key_id)
    _require_right(KeyScope(key.scope), role)
    if key.revoked_at_us is None:
        key.revoked_at_us = to_micros(at)
        _record(session, key, AuditEvent.API_KEY_REVOKED, actor, at)
    return key


def _require_right(scope: KeyScope, role: Role | None) -> None:
    """Keep the directory's keys to Owners: whoever holds one adds and removes members."""
    if scope is KeyScope.SCIM and role is not Role.OWNER:
        raise Refused(403, "not_allowed", "Only an Owner looks after keys of the directory.")


def _locked(session: Session, workspace_id: str, key_id: str) -> ApiKey:
    lock_workspace(session, workspace_id)
    return session.get_one(ApiKey, find_api_key(session, workspace_id, key_id).id, with_for_update=True)


def _record(session: Session, key: ApiKey, event: AuditEvent, actor: Actor, at: datetime) -> None:
    resource, details = Resource("api_key", key.id), {"name": key.name, "scope": key.scope}
    record_event(session, key.workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
