"""Invitations: asking somebody in, again, or not after all.

Belongs here: sending, resending, revoking and listing. Does not belong here: what happens behind the link
(`acceptance`), the e-mail's words (`letters`).

A link holds 256 random bits, of which the SHA-256 is kept. It works once, for seven days, for the invited address only.
Resending makes a new link and the old one dies. An invitation that ran out makes way for the next one to its address.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import uuid4

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.access.text import is_id
from api.audit import AuditEvent, Resource, record_event
from api.db.models import Invitation, Membership, Role, User, Workspace
from api.db.session import lock_workspace
from api.errors import conflict, not_found, too_many
from api.members.acting import Acting, acting_role, require_may_act_on, require_may_give
from api.members.letters import Letters
from api.members.seats import require_free_seat
from api.people import normal_email
from pipelines.lake.clock import from_micros, to_micros

LIFETIME: Final = timedelta(days=7)
PENDING_MAX: Final = 500
"""Pending at the same time, so that no workspace becomes a way to send e-mails to everybody."""
RESEND_AFTER: Final = timedelta(minutes=1)
_TOKEN_BYTES: Final = 32


def token_digest(token: str) -> str:
    """Return what is stored of a link's token."""
    return hashlib.sha256(token.encode()).hexdigest()


def invite(
    session: Session, workspace_id: str, email: str, role: Role, *, by: Acting, letters: Letters, at: datetime
) -> Invitation:
    """Invite an address and owe it the e-mail with the link.

    Args:
        session: the open transaction.
        workspace_id: into which workspace.
        email: whom; brought to its one spelling.
        role: what they become.
        by: who invites.
        letters: writes the e-mail.
        at: when.

    Raises:
        Refused: 403 the role is above one's own; 409 `already_member`, `already_invited`, `seat_limit_reached`,
            `too_many_invitations`; 422 no address.
    """
    email = normal_email(email)
    lock_workspace(session, workspace_id)
    require_may_give(acting_role(session, workspace_id, by, Permission.INVITE_MEMBERS), role)
    _require_stranger(session, workspace_id, email)
    require_free_seat(session, workspace_id, at)
    _make_way(session, workspace_id, email, at)
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    invitation = Invitation(
        id=str(uuid4()),
        workspace_id=workspace_id,
        email=email,
        role=role.value,
        token_sha256=token_digest(token),
        invited_by=by.actor.id,
        created_at_us=to_micros(at),
        expires_at_us=to_micros(at + LIFETIME),
        sent_count=1,
        last_sent_at_us=to_micros(at),
    )
    session.add(invitation)
    session.flush()
    _record(session, invitation, AuditEvent.INVITATION_SENT, by, at)
    letters.invitation(session, session.get_one(Workspace, workspace_id), invitation, token, at)
    return invitation


def resend(
    session: Session, workspace_id: str, invitation_id: str, *, by: Acting, letters: Letters, at: datetime
) -> Invitation:
    """Send a pending invitation again with a new link and seven new days; the old link is dead.

    One that ran out comes back this way.

    Raises:
        Refused: 403 to a role above one's own; 404 none pending with this id; 409 `seat_limit_reached`; 429 it was sent
            less than a minute ago.
    """
    lock_workspace(session, workspace_id)
    acting = acting_role(session, workspace_id, by, Permission.INVITE_MEMBERS)
    invitation = _open(session, workspace_id, invitation_id)
    require_may_act_on(acting, Role(invitation.role))
    require_free_seat(session, workspace_id, at)
    wait_us = invitation.last_sent_at_us + RESEND_AFTER // timedelta(microseconds=1) - to_micros(at)
    if wait_us > 0:
        raise too_many(-(-wait_us // 1_000_000))
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    invitation.token_sha256 = token_digest(token)
    invitation.expires_at_us = to_micros(at + LIFETIME)
    invitation.last_sent_at_us = to_micros(at)
    invitation.sent_count += 1
    session.flush()
    _record(session, invitation, AuditEvent.INVITATION_RESENT, by, at)
    letters.invitation(session, session.get_one(Workspace, workspace_id), invitation, token, at)
    return invitation


def revoke(session: Session, workspace_id: str, invitation_id: str, *, by: Acting, at: datetime) -> Invitation:
    """Take a pending invitation back: its link is dead.

    Raises:
        Refused: 403 to a role above one's own; 404 none pending with this id.
    """
    lock_workspace(session, workspace_id)
    acting = acting_role(session, workspace_id, by, Permission.INVITE_MEMBERS)
    invitation = _open(session, workspace_id, invitation_id)
    require_may_act_on(acting, Role(invitation.role))
    invitation.revoked_at_us = to_micros(at)
    session.flush()
    _record(session, invitation, AuditEvent.INVITATION_REVOKED, by, at)
    return invitation


def list_invitations(session: Session, workspace_id: str) -> Sequence[Invitation]:
    """Return the invitations neither accepted nor revoked, newest first; those that ran out are among them."""
    query = select(Invitation).where(*_opened(workspace_id))
    return session.scalars(query.order_by(Invitation.created_at_us.desc(), Invitation.email)).all()


def is_expired(invitation: Invitation, at: datetime) -> bool:
    """Tell whether an invitation has run out."""
    return to_micros(at) >= invitation.expires_at_us


def _opened(workspace_id: str) -> tuple[ColumnElement[bool], ...]:
    return (
        Invitation.workspace_id == workspace_id,
        Invitation.accepted_at_us.is_(None),
        Invitation.revoked_at_us.is_(None),
    )


def _open(session: Session, workspace_id: str, invitation_id: str) -> Invitation:
    query = select(Invitation).where(*_opened(workspace_id), Invitation.id == invitation_id)
    found = session.scalars(query.execution_options(populate_existing=True)) if is_id(invitation_id) else None
    invitation = found.one_or_none() if found is not None else None
    if invitation is None:
        raise not_found("invitation_not_found", "No such pending invitation.")
    return invitation


def _require_stranger(session: Session, workspace_id: str, email: str) -> None:
    query = select(Membership.user_id).join(User, User.id == Membership.user_id)
    if session.execute(query.where(Membership.workspace_id == workspace_id, User.email == email)).first() is not None:
        raise conflict("already_member", "This person is a member of the workspace already.")


def _make_way(session: Session, workspace_id: str, email: str, at: datetime) -> None:
    """End an invitation to this address that ran out; refuse a second one while it has not."""
    mine = (*_opened(workspace_id), Invitation.email == email)
    pending = session.scalars(select(Invitation).where(*mine)).one_or_none()
    if pending is not None and not is_expired(pending, at):
        raise conflict("already_invited", "This address is invited already: resend or revoke that invitation.")
    session.execute(update(Invitation).where(*mine).values(revoked_at_us=to_micros(at)))
    count = session.execute(select(func.count()).select_from(Invitation).where(*_opened(workspace_id))).scalar_one()
    if count >= PENDING_MAX:
        raise conflict("too_many_invitations", f"There are {PENDING_MAX} invitations already: revoke some first.")


def _record(session: Session, invitation: Invitation, event: AuditEvent, by: Acting, at: datetime) -> None:
    record_event(
        session,
        invitation.workspace_id,
        actor=by.actor,
        event=event,
        resource=Resource("invitation", invitation.id),
        details={
            "email": invitation.email,
            "role": invitation.role,
            "expires_at": from_micros(invitation.expires_at_us).isoformat(),
        },
        at=at,
    )
