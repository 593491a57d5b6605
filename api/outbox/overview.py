"""What became of queued messages, and sending one again on a person's word.

Belongs here: looking at the outbox and the one decision left to people. Does not belong here: sending (`sender`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.models import OutboxMessage, Workspace
from api.db.session import lock_workspace
from api.errors import conflict, not_found
from api.outbox.queue import QUEUED_MARK, MailState
from pipelines.lake.clock import to_micros


def list_messages(session: Session, *, state: MailState | None = None, limit: int = 100) -> Sequence[OutboxMessage]:
    """Return the newest messages, newest first; those that were sent or given up are kept for 30 days."""
    query = select(OutboxMessage).order_by(OutboxMessage.created_at_us.desc(), OutboxMessage.id).limit(limit)
    if state is not None:
        query = query.where(OutboxMessage.state == state.value)
    return session.scalars(query).all()


def count_by_state(session: Session) -> Mapping[str, int]:
    """Return how many messages are in each state."""
    query = select(OutboxMessage.state, func.count()).group_by(OutboxMessage.state)
    return {state: count for state, count in session.execute(query)}  # noqa: C416 - rows are not tuples to pyright


def resend_message(session: Session, message_id: str, *, actor: Actor, at: datetime) -> OutboxMessage:
    """Send an uncertain message again, or one whose next attempt is still to come at once.

    It keeps its `Message-ID` and idempotency key: whoever knows the first one can tell that this is the same.

    Raises:
        Refused: 404 no such message; 409 `mail_ended`: it was sent or given up, and its body is erased; 409
            `mail_sending`: it is on its way right now.
    """
    known = session.get(OutboxMessage, message_id)
    if known is None:
        raise not_found("mail_not_found", "No such message.")
    workspace_id = known.workspace_id
    if workspace_id is not None and session.get(Workspace, workspace_id) is not None:
        lock_workspace(session, workspace_id)
        resource = Resource("mail", message_id)
        details = {"kind": known.kind, "before": known.state}
        event = AuditEvent.MAIL_RESENT
        record_event(session, workspace_id, actor=actor, event=event, resource=resource, details=details, at=at)
    message = session.get_one(OutboxMessage, message_id, with_for_update=True, populate_existing=True)
    if message.state == MailState.SENDING:
        raise conflict("mail_sending", "The message is on its way; look again in ten minutes.")
    if message.sealed_body is None:
        raise conflict("mail_ended", "The message was sent or given up, and its text is erased; ask for a new one.")
    message.state = MailState.QUEUED.value
    message.attempts = 0
    message.not_before_us = to_micros(at)
    message.ended_at_us = message.last_failure = None
    session.info[QUEUED_MARK] = True
    return message
