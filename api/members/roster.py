"""The roster: who is a member, and making somebody one.

Belongs here: listing, finding, adding. Does not belong here: removing (`removal`), roles (`roles`), invitations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, delete, exists, select, update
from sqlalchemy.orm import Session

from api.access.permissions import Permission
from api.access.text import is_id
from api.audit import AuditEvent, Resource, record_event
from api.db.models import DirectoryMember, FormerMembership, Invitation, Membership, Role, User
from api.db.session import lock_workspace
from api.errors import Refused, conflict, not_found
from api.members.acting import Acting, acting_role, require_may_give
from api.members.seats import require_free_seat
from api.people import find_or_create_person
from pipelines.lake.clock import to_micros


@dataclass(frozen=True, slots=True)
class Member:
    """One member.

    Attributes:
        by_directory: whether a company's directory manages them.
    """

    user_id: str
    email: str
    display_name: str | None
    role: Role
    joined_at_us: int
    by_directory: bool


def list_members(session: Session, workspace_id: str) -> Sequence[Member]:
    """Return the members, Owners first, then by e-mail address."""
    wanted = _MEMBERS.where(Membership.workspace_id == workspace_id)
    found = [_member(row) for row in session.execute(wanted).mappings()]
    order = {role: number for number, role in enumerate(Role)}
    return sorted(found, key=lambda member: (order[member.role], member.email))


def find_member(session: Session, workspace_id: str, user_id: str) -> Member:
    """Return one member.

    Raises:
        Refused: 404 `member_not_found`: no member of this workspace.
    """
    wanted = _MEMBERS.where(Membership.workspace_id == workspace_id, Membership.user_id == user_id)
    row = session.execute(wanted).mappings().one_or_none() if is_id(user_id) else None
    if row is None:
        raise member_not_found()
    return _member(row)


def find_member_by_email(session: Session, workspace_id: str, email: str) -> Member:
    """Return the member with an address in its one spelling.

    Raises:
        Refused: 404 `member_not_found`.
    """
    wanted = _MEMBERS.where(Membership.workspace_id == workspace_id, User.email == email)
    row = session.execute(wanted).mappings().one_or_none()
    if row is None:
        raise member_not_found()
    return _member(row)


def add_member(session: Session, workspace_id: str, email: str, role: Role, *, by: Acting, at: datetime) -> Member:
    """Make the person with an address a member at once, without an invitation; an open one to them is used up.

    Raises:
        Refused: 403 the role is above one's own; 404 no such workspace; 409 `already_member`, `seat_limit_reached`;
            422 no address.
    """
    lock_workspace(session, workspace_id)
    require_may_give(acting_role(session, workspace_id, by, Permission.INVITE_MEMBERS), role)
    person = find_or_create_person(session, email, at)
    join(session, workspace_id, person, role, at=at)
    record_event(
        session,
        workspace_id,
        actor=by.actor,
        event=AuditEvent.MEMBER_ADDED,
        resource=Resource("user", person.id),
        details={"email": person.email, "role": role.value},
        at=at,
    )
    return find_member(session, workspace_id, person.id)


def join(session: Session, workspace_id: str, person: User, role: Role, *, at: datetime) -> None:
    """Write a membership, if there is a seat; the workspace is locked and the caller records the event.

    Open invitations of the person end: they have what they were invited to.

    Raises:
        Refused: 409 `already_member`, `seat_limit_reached`.
    """
    if is_member(session, workspace_id, person.id):
        raise conflict("already_member", "This person is a member of the workspace already.")
    require_free_seat(session, workspace_id, at)
    former = FormerMembership.workspace_id == workspace_id, FormerMembership.user_id == person.id
    session.execute(delete(FormerMembership).where(*former))
    opened = Invitation.accepted_at_us.is_(None), Invitation.revoked_at_us.is_(None)
    invited = update(Invitation).where(Invitation.workspace_id == workspace_id, Invitation.email == person.email)
    session.execute(invited.where(*opened).values(revoked_at_us=to_micros(at)))
    session.add(Membership(workspace_id=workspace_id, user_id=person.id, role=role.value, joined_at_us=to_micros(at)))
    session.flush()


def is_member(session: Session, workspace_id: str, user_id: str) -> bool:
    """Tell whether a person is a member."""
    query = select(Membership.role).where(Membership.workspace_id == workspace_id, Membership.user_id == user_id)
    return session.execute(query).first() is not None


def member_not_found() -> Refused:
    """Return the 404 of a person who is no member, whether they exist or not."""
    return not_found("member_not_found", "No such member.")


_MEMBERS = select(
    Membership.user_id,
    User.email,
    User.display_name,
    Membership.role,
    Membership.joined_at_us,
    exists()
    .where(
        DirectoryMember.workspace_id == Membership.workspace_id,
        DirectoryMember.user_id == Membership.user_id,
        DirectoryMember.active.is_(True),
    )
    .label("by_directory"),
).join(User, User.id == Membership.user_id)


def _member(row: RowMapping) -> Member:
    return Member(
        user_id=row["user_id"],
        email=row["email"],
        display_name=row["display_name"],
        role=Role(row["role"]),
        joined_at_us=row["joined_at_us"],
        by_directory=bool(row["by_directory"]),
    )
