"""Accepting an invitation: what stands behind a link, and joining by it.

Belongs here: looking a link up and accepting it, once, by the invited person. Does not belong here: sending
(`invitations`), the page (`api.pages.invitations`).

A link that is unknown, used, revoked, replaced or run out is one and the same: dead. Only its own person learns more.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import RowMapping, select
from sqlalchemy.orm import Session

from api.access.browser_sessions import SignedIn
from api.audit import Actor, ActorType, AuditEvent, Resource, record_event
from api.billing.subscriptions import require_writable
from api.db.models import Invitation, Role, User, Workspace
from api.db.session import lock_workspace
from api.errors import Refused, not_found
from api.members.invitations import token_digest
from api.members.roster import is_member, join
from pipelines.lake.clock import to_micros

_TOKEN_LENGTH_MAX: Final = 128


@dataclass(frozen=True, slots=True)
class Behind:
    """What stands behind a living link.

    Attributes:
        email: the only address that may accept it.
    """

    invitation_id: str
    workspace_id: str
    slug: str
    name: str
    email: str
    role: Role
    invited_by: str
    expires_at_us: int


def look_behind(session: Session, token: str, at: datetime) -> Behind:
    """Return what a link invites to.

    Raises:
        Refused: 404 `invitation_dead`.
    """
    row = _find(session, token)
    if row is None or row["accepted_at_us"] is not None or row["revoked_at_us"] is not None:
        raise dead_invitation()
    if to_micros(at) >= row["expires_at_us"]:
        raise dead_invitation()
    return Behind(
        invitation_id=row["id"],
        workspace_id=row["workspace_id"],
        slug=row["slug"],
        name=row["name"],
        email=row["email"],
        role=Role(row["role"]),
        invited_by=row["invited_by"],
        expires_at_us=row["expires_at_us"],
    )


def joined_by(session: Session, token: str, person: SignedIn) -> str | None:
    """Return the slug of the workspace a person joined by a link they used before, if they are still a member."""
    row = _find(session, token)
    if row is None or row["accepted_by_user_id"] != person.user_id:
        return None
    return row["slug"] if is_member(session, row["workspace_id"], person.user_id) else None


def accept(session: Session, token: str, person: SignedIn, at: datetime) -> Behind:
    """Make the person a member; the link works no more.

    Args:
        session: the open transaction.
        token: of the link.
        person: who is signed in.
        at: when.

    Raises:
        Refused: 403 `other_address`: it is somebody else's; 404 `invitation_dead`; 409 `seat_limit_reached`,
            `already_member`, `workspace_read_only`.
    """
    workspace_id = look_behind(session, token, at).workspace_id
    lock_workspace(session, workspace_id)
    behind = look_behind(session, token, at)  # again: it may have been used while this waited for the lock
    if behind.email != person.email:
        raise Refused(403, "other_address", "This invitation is for another e-mail address.")
    require_writable(session, workspace_id, at)
    # Written before joining, which ends all open invitations of the person: this one is accepted, not revoked.
    invitation = session.get_one(Invitation, behind.invitation_id, populate_existing=True)
    invitation.accepted_at_us = to_micros(at)
    invitation.accepted_by_user_id = person.user_id
    session.flush()
    join(session, workspace_id, session.get_one(User, person.user_id), behind.role, at=at)
    record_event(
        session,
        workspace_id,
        actor=Actor(ActorType.USER, person.email),
        event=AuditEvent.INVITATION_ACCEPTED,
        resource=Resource("invitation", behind.invitation_id),
        details={"email": person.email, "role": behind.role.value, "invited_by": behind.invited_by},
        at=at,
    )
    return behind


def dead_invitation() -> Refused:
    """Return the 404 of a link that does not work, whatever the reason."""
    return not_found(
        "invitation_dead",
        "This invitation does not work any more: it was used, withdrawn, replaced by a newer e-mail, or is older than "
        "7 days. Ask whoever invited you for a new one.",
    )


def _find(session: Session, token: str) -> RowMapping | None:
    if not token or len(token) > _TOKEN_LENGTH_MAX:
        return None
    query = select(*Invitation.__table__.c, Workspace.slug, Workspace.name).join(
        Workspace, Workspace.id == Invitation.workspace_id
    )
    return session.execute(query.where(Invitation.token_sha256 == token_digest(token))).mappings().one_or_none()
