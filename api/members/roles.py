"""Roles: changing one, and handing the ownership over.

Belongs here: both changes, under the workspace's lock. Does not belong here: who may act on whom (`acting`), the
handing-over that a removal makes necessary (`removal`).
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.audit import Actor, AuditEvent, Resource, record_event
from api.db.models import Membership, Role, Workspace
from api.db.session import lock_workspace
from api.errors import Refused, conflict, invalid
from api.members.acting import Acting, acting_role, require_may_act_on, require_may_give
from api.members.letters import Letters
from api.members.roster import Member, find_member


def change_role(
    session: Session, workspace_id: str, user_id: str, role: Role, *, by: Acting, letters: Letters | None, at: datetime
) -> Member:
    """Give a member another role; the same one again changes nothing.

    Args:
        session: the open transaction.
        workspace_id: where.
        user_id: whose.
        role: the new one.
        by: who decides: Admins over Admins and Members, Owners over everybody.
        letters: tells a new Owner; None sends nothing.
        at: when.

    Raises:
        Refused: 403 not over an Owner, or no Owner made by an Admin; 404 no such member; 409 `last_owner`.
    """
    lock_workspace(session, workspace_id)
    acting = acting_role(session, workspace_id, by, Permission.CHANGE_ROLES)
    member = find_member(session, workspace_id, user_id)
    require_may_act_on(acting, member.role)
    require_may_give(acting, role)
    if member.role is role:
        return member
    if member.role is Role.OWNER and owner_count(session, workspace_id) == 1:
        raise last_owner("The only Owner cannot step down: transfer the ownership first.")
    set_role(session, workspace_id, member, role, actor=by.actor, at=at)
    if role is Role.OWNER and letters is not None:
        letters.ownership(session, session.get_one(Workspace, workspace_id), member.email, by.actor.id, at)
    return find_member(session, workspace_id, user_id)


def transfer_ownership(
    session: Session, workspace_id: str, user_id: str, *, by: Acting, letters: Letters | None, at: datetime
) -> Member:
    """Make another member an Owner and the acting Owner an Admin, in one step; return the new Owner.

    Raises:
        Refused: 403 the acting person is no Owner; 404 no such member; 422 to oneself, or by nobody in particular.
    """
    lock_workspace(session, workspace_id)
    acting_role(session, workspace_id, by, Permission.TRANSFER_OWNERSHIP)
    if by.user_id is None or by.user_id == user_id:
        raise invalid("The ownership is transferred by an Owner to another member.")
    heir = find_member(session, workspace_id, user_id)
    giver = find_member(session, workspace_id, by.user_id)
    _write_role(session, workspace_id, heir.user_id, Role.OWNER)
    _write_role(session, workspace_id, giver.user_id, Role.ADMIN)
    record_event(
        session,
        workspace_id,
        actor=by.actor,
        event=AuditEvent.OWNERSHIP_TRANSFERRED,
        resource=Resource("user", heir.user_id),
        details={"from": giver.email, "to": heir.email, "before": heir.role.value},
        at=at,
    )
    if letters is not None and heir.role is not Role.OWNER:
        letters.ownership(session, session.get_one(Workspace, workspace_id), heir.email, by.actor.id, at)
    return find_member(session, workspace_id, user_id)


def set_role(session: Session, workspace_id: str, member: Member, role: Role, *, actor: Actor, at: datetime) -> None:
    """Write a role and its event; the workspace is locked and the caller has checked that it may be."""
    _write_role(session, workspace_id, member.user_id, role)
    record_event(
        session,
        workspace_id,
        actor=actor,
        event=AuditEvent.MEMBER_ROLE_CHANGED,
        resource=Resource("user", member.user_id),
        details={"email": member.email, "before": member.role.value, "after": role.value},
        at=at,
    )


def owner_count(session: Session, workspace_id: str) -> int:
    """Return how many Owners a workspace has."""
    owners = Membership.workspace_id == workspace_id, Membership.role == Role.OWNER.value
    return int(session.execute(select(func.count()).select_from(Membership).where(*owners)).scalar_one())


def last_owner(message: str) -> Refused:
    """Return the 409 that keeps a workspace from being without an Owner."""
    return conflict("last_owner", message)


def _write_role(session: Session, workspace_id: str, user_id: str, role: Role) -> None:
    whose = Membership.workspace_id == workspace_id, Membership.user_id == user_id
    session.execute(update(Membership).where(*whose).values(role=role.value))
