"""Removal: taking somebody out of a workspace, or leaving it, at once.

Belongs here: ending a membership and, where it was the only Owner's, the handing-over. Does not belong here: what an
ended membership answers (`api.access.callers`), devices, which belong to the workspace and stay.

Membership is read with every call, so the very next one is a 403: no session has to be hunted down.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.audit import AuditEvent, Resource, record_event
from api.db.models import DirectoryMember, FormerMembership, Membership, Role, User, Workspace
from api.db.session import lock_workspace
from api.members.acting import Acting, acting_role, require_may_act_on
from api.members.letters import Letters
from api.members.roles import last_owner, owner_count, set_role
from api.members.roster import Member, find_member
from pipelines.lake.clock import to_micros


def remove_member(
    session: Session,
    workspace_id: str,
    user_id: str,
    *,
    by: Acting,
    letters: Letters | None,
    at: datetime,
    hand_over: bool = True,
) -> str | None:
    """End a membership; anybody may end their own.

    Args:
        session: the open transaction.
        workspace_id: where.
        user_id: whose.
        by: who decides: Admins over Admins and Members, Owners over everybody, everybody over themselves.
        letters: tells a new Owner; None sends nothing.
        at: when.
        hand_over: whether the longest-serving Admin becomes Owner when the only Owner goes.

    Returns:
        Address of the Admin who became Owner; None when nobody had to.

    Raises:
        Refused: 403 over somebody above; 404 no such member; 409 `last_owner`: nobody could be Owner after that.
    """
    lock_workspace(session, workspace_id)
    leaving = by.user_id == user_id
    acting = acting_role(session, workspace_id, by, None if leaving else Permission.REMOVE_MEMBERS)
    member = find_member(session, workspace_id, user_id)
    require_may_act_on(acting, member.role)
    heir = _heir(session, workspace_id, member, hand_over=hand_over)
    _end(session, workspace_id, member.user_id, at)
    record_event(
        session,
        workspace_id,
        actor=by.actor,
        event=AuditEvent.MEMBER_LEFT if leaving else AuditEvent.MEMBER_REMOVED,
        resource=Resource("user", member.user_id),
        details={"email": member.email, "role": member.role.value},
        at=at,
    )
    if heir is None:
        return None
    set_role(session, workspace_id, heir, Role.OWNER, actor=by.actor, at=at)
    if letters is not None:
        letters.ownership(session, session.get_one(Workspace, workspace_id), heir.email, by.actor.id, at)
    return heir.email


def _heir(session: Session, workspace_id: str, leaving: Member, *, hand_over: bool) -> Member | None:
    """Return the Admin who has to become Owner, None when other Owners stay."""
    if leaving.role is not Role.OWNER or owner_count(session, workspace_id) > 1:
        return None
    admins = (
        select(Membership.user_id)
        .join(User, User.id == Membership.user_id)
        .where(Membership.workspace_id == workspace_id, Membership.role == Role.ADMIN.value)
        .order_by(Membership.joined_at_us, User.email)
        .limit(1)
    )
    heir = session.execute(admins).scalar_one_or_none() if hand_over else None
    if heir is None:
        raise last_owner("The workspace needs an Owner: transfer the ownership, or delete the workspace, first.")
    return find_member(session, workspace_id, heir)


def _end(session: Session, workspace_id: str, user_id: str, at: datetime) -> None:
    whose = Membership.workspace_id == workspace_id, Membership.user_id == user_id
    session.execute(delete(Membership).where(*whose))
    session.merge(FormerMembership(workspace_id=workspace_id, user_id=user_id, removed_at_us=to_micros(at)))
    managed = DirectoryMember.workspace_id == workspace_id, DirectoryMember.user_id == user_id
    inactive = {"active": False, "changed_at_us": to_micros(at)}
    session.execute(update(DirectoryMember).where(*managed).values(**inactive))
    session.flush()
