"""A workspace's webhook: setting and removing it, and the secret its calls are signed with.

Belongs here: the row, its audit, and the secret. Does not belong here: calling it (`calls`), which URLs may be
(`addresses`).

The secret is made here, told once, and kept sealed under a key of the home that no backup holds: after a restore the
webhook is set again.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, update
from sqlalchemy.orm import Session

from api.alerts.addresses import Network, Target, checked_target
from api.audit import Actor, AuditEvent, Detail, Resource, record_event
from api.db.models import AlertDelivery, AlertWebhook
from api.db.session import lock_workspace
from api.errors import not_found
from api.server_keys import server_key
from pipelines.lake.clock import to_micros
from pipelines.lake.paths import Home

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what secrets begin with
_SECRET_BYTES: Final = 32
_KEY_NAME: Final = "alert-webhooks"
_WHO_LENGTH: Final = 320


class SecretLostError(Exception):
    """The secret was sealed with a key this home does not have."""


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook that was just set, with the one sight of its secret."""

    row: AlertWebhook
    secret: str


class WebhookVault:
    """Seals and opens secrets with the home's key, each for its workspace alone."""

    def __init__(self, home: Home) -> None:
        """The key is read or made with the first secret."""
        self._home = home

    def seal(self, workspace_id: str, secret: bytes) -> str:
        """Return a secret sealed."""
        return self._fernet().encrypt(workspace_id.encode() + b"\0" + secret).decode()

    def open(self, workspace_id: str, sealed: str) -> bytes:
        """Return what was sealed for a workspace.

        Raises:
            SecretLostError: it was sealed with another key, or for another workspace.
        """
        try:
            whose, _, secret = self._fernet().decrypt(sealed.encode()).partition(b"\0")
        except (InvalidToken, ValueError):
            raise SecretLostError from None
        if whose != workspace_id.encode():
            raise SecretLostError
        return secret

    def _fernet(self) -> Fernet:
        return Fernet(base64.urlsafe_b64encode(server_key(self._home, _KEY_NAME)))


def set_webhook(
    session: Session,
    vault: WebhookVault,
    workspace_id: str,
    url: str,
    *,
    networks: Iterable[Network],
    actor: Actor,
    at: datetime,
) -> NewWebhook:
    """Set the webhook, or another one in its place, with a new secret.

    Raises:
        Refused: 404 no such workspace; 422 `webhook_url` it may not be called.
    """
    lock_workspace(session, workspace_id)
    target = checked_target(url, networks)
    secret = secrets.token_bytes(_SECRET_BYTES)
    row = session.merge(
        AlertWebhook(
            workspace_id=workspace_id,
            url=url,
            sealed_secret=vault.seal(workspace_id, secret),
            created_at_us=to_micros(at),
            created_by=actor.id[:_WHO_LENGTH],
        )
    )
    _record(session, workspace_id, AuditEvent.ALERT_WEBHOOK_SET, target, actor, at)
    return NewWebhook(row, SECRET_PREFIX + base64.b64encode(secret).decode())


def remove_webhook(session: Session, workspace_id: str, *, actor: Actor, at: datetime) -> None:
    """Remove the webhook; calls that are still owed are given up.

    Raises:
        Refused: 404 no such workspace, or it has none.
    """
    lock_workspace(session, workspace_id)
    row = session.get(AlertWebhook, workspace_id)
    if row is None:
        raise not_found("webhook_not_found", "There is no webhook.")
    session.execute(delete(AlertWebhook).where(AlertWebhook.workspace_id == workspace_id))
    owed = update(AlertDelivery).where(
        AlertDelivery.workspace_id == workspace_id, AlertDelivery.state.in_(("queued", "sending"))
    )
    session.execute(owed.values(state="failed", ended_at_us=to_micros(at), last_failure="the webhook was removed"))
    _record(session, workspace_id, AuditEvent.ALERT_WEBHOOK_REMOVED, None, actor, at)


def _record(
    session: Session, workspace_id: str, event: AuditEvent, target: Target | None, actor: Actor, at: datetime
) -> None:
    # Its host alone: paths of such URLs often are secrets.
    details: dict[str, Detail] = {} if target is None else {"host": target.host}
    resource = Resource("workspace", workspace_id)
    record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
