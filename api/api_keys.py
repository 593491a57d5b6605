"""API keys: what reads a workspace's dashboards as JSON.

Belongs here: making keys. Does not belong here: recognising them (`api.auth`), their format (`api.tokens`).
"""

from __future__ import annotations

from datetime import datetime
from uuid import uuid4

from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.models import ApiKey
from api.db.session import lock_workspace
from api.errors import invalid
from api.tokens import SecretKind, new_secret, secret_digest
from pipelines.lake.clock import to_micros

READ_SCOPE = "read"


def create_api_key(session: Session, workspace_id: str, *, name: str, actor: Actor, at: datetime) -> str:
    """Make a reading key for the workspace; the secret is returned this once and only its digest is kept.

    Raises:
        Refused: 422 when the name is not usable.
    """
    name = name.strip()
    if not name or len(name) > 255 or not name.isprintable():  # noqa: PLR2004 - the column's width
        raise invalid("The name must have 1 to 255 printable characters.")
    lock_workspace(session, workspace_id)
    secret = new_secret(SecretKind.API)
    key = ApiKey(
        id=str(uuid4()),
        workspace_id=workspace_id,
        name=name,
        key_sha256=secret_digest(secret),
        scope=READ_SCOPE,
        created_at_us=to_micros(at),
    )
    session.add(key)
    resource = Resource("api_key", key.id)
    event = AuditEvent.API_KEY_CREATED
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details={"name": name}, at=at)
    return secret
