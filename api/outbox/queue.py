"""Owing an e-mail: queued in the transaction of the change that owes it.

Belongs here: messages and their queue. Does not belong here: sending (`sender`), what an e-mail says (`letters`).

Bodies hold links that sign people in, so they are sealed with a key of the home and erased once the message has ended.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import uuid4

import msgspec
from cryptography.fernet import Fernet
from sqlalchemy.orm import Session

from api.access.text import clipped
from api.db.models import OutboxMessage
from api.server_keys import server_key
from pipelines.lake.clock import to_micros
from pipelines.lake.paths import Home

_KEY_NAME = "outbox"
QUEUED_MARK = "mail_queued"
"""Set in the `info` of a session that queued something: its commit wakes the sender of this process."""


class MailKind(StrEnum):
    """What an e-mail is about."""

    SIGN_IN = "sign_in"
    INVITATION = "invitation"
    OWNERSHIP = "ownership"
    DELETION = "deletion"
    BUDGET_ALERT = "budget_alert"
    ANOMALY_ALERT = "anomaly_alert"
    REGRESSION_ALERT = "regression_alert"


class MailState(StrEnum):
    """How far a message has come."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


@dataclass(frozen=True, slots=True)
class Mail:
    """An e-mail as it will be read.

    Attributes:
        recipient: one address.
        subject: one line.
        text: the body as plain text; links stand on lines of their own.
        html: the same as HTML, escaped by its template; None sends plain text alone.
    """

    kind: MailKind
    recipient: str
    subject: str
    text: str
    html: str | None = None


class Body(msgspec.Struct, frozen=True):
    """What is sealed of a message."""

    text: str
    html: str | None


class Seal:
    """Seals and opens bodies with the home's key."""

    def __init__(self, home: Home) -> None:
        """The key is read or made with the first message."""
        self._home = home
        self._fernet: Fernet | None = None

    def seal(self, body: Body) -> bytes:
        """Return the body sealed."""
        return self._opened().encrypt(msgspec.json.encode(body))

    def open(self, sealed: bytes) -> Body:
        """Return what was sealed.

        Raises:
            cryptography.fernet.InvalidToken: it was sealed with another key, or changed.
        """
        return msgspec.json.decode(self._opened().decrypt(sealed), type=Body)

    def _opened(self) -> Fernet:
        if self._fernet is None:
            self._fernet = Fernet(base64.urlsafe_b64encode(server_key(self._home, _KEY_NAME)))
        return self._fernet


def queue_mail(
    session: Session,
    seal: Seal,
    mail: Mail,
    *,
    at: datetime,
    workspace_id: str | None = None,
    expires_at: datetime | None = None,
) -> str:
    """Owe an e-mail from the moment the caller's transaction commits, and return the message's id.

    Args:
        session: the open transaction.
        seal: of the home.
        mail: what to send.
        at: when it is owed.
        workspace_id: the workspace it is about, if any.
        expires_at: when it is worth nothing any more: it is not sent after that.
    """
    message = OutboxMessage(
        id=str(uuid4()),
        workspace_id=workspace_id,
        kind=mail.kind.value,
        recipient=mail.recipient,
        subject=clipped(mail.subject, 255),
        sealed_body=seal.seal(Body(mail.text, mail.html)),
        state=MailState.QUEUED.value,
        attempts=0,
        created_at_us=to_micros(at),
        not_before_us=to_micros(at),
        expires_at_us=None if expires_at is None else to_micros(expires_at),
    )
    session.add(message)
    session.flush()
    session.info[QUEUED_MARK] = True
    return message.id
