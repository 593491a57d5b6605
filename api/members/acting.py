"""Who acts on members, and on whom they may: the rules that depend on the other person.

Belongs here: pure rules over roles, and reading the acting person's role again under the workspace's lock. Does not
belong here: what each role may do at all (`api.access.permissions`).

The role a call came in with may be gone when its transaction gets the lock: two Owners who remove each other at once
must not both succeed. So every service asks `acting_role` after locking.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.caller import Caller
from api.access.permissions import ROLE_PERMISSIONS, Permission
from api.audit import Actor
from api.db.models import Membership, Role
from api.errors import Refused

_RANK: Final = {Role.OWNER: 2, Role.ADMIN: 1, Role.MEMBER: 0}


@dataclass(frozen=True, slots=True)
class Acting:
    """Whoever asks for a change.

    Attributes:
        actor: who the audit log names.
        user_id: the member; None for the operator and for a directory, whom no role holds back.
    """

    actor: Actor
    user_id: str | None = None

    @classmethod
    def of(cls, caller: Caller) -> Acting:
        """Return a caller of a route."""
        return cls(caller.actor, caller.person.user_id if caller.person else None)


def acting_role(session: Session, workspace_id: str, by: Acting, permission: Permission | None = None) -> Role | None:
    """Return the acting member's present role; None for the operator and a directory.

    Args:
        session: the open transaction, which holds the workspace's lock.
        workspace_id: where.
        by: who acts.
        permission: what they need; None when every member may.

    Raises:
        Refused: 403 `membership_removed` or `not_allowed`: it was taken away since the call came in.
    """
    if by.user_id is None:
        return None
    query = select(Membership.role).where(Membership.workspace_id == workspace_id, Membership.user_id == by.user_id)
    found = session.execute(query).scalar_one_or_none()
    if found is None:
        raise Refused(403, "membership_removed", "You were removed from this workspace.")
    role = Role(found)
    if permission is not None and permission not in ROLE_PERMISSIONS[role]:
        raise not_allowed("Your role in this workspace does not allow this.")
    return role


def may_act_on(acting: Role | None, other: Role) -> bool:
    """Tell whether somebody may remove a member or change their role: nobody acts on a role above their own."""
    return acting is None or _RANK[acting] >= _RANK[other]


def may_give(acting: Role | None, role: Role) -> bool:
    """Tell whether somebody may give a role: only an Owner makes Owners."""
    return acting is None or _RANK[acting] >= _RANK[role]


def require_may_act_on(acting: Role | None, other: Role) -> None:
    """Refuse acting on a member of a higher role.

    Raises:
        Refused: 403 `not_allowed`.
    """
    if not may_act_on(acting, other):
        raise not_allowed("Only an Owner can do this to an Owner.")


def require_may_give(acting: Role | None, role: Role) -> None:
    """Refuse giving a role above one's own.

    Raises:
        Refused: 403 `not_allowed`.
    """
    if not may_give(acting, role):
        raise not_allowed("Only an Owner can make somebody an Owner.")


def not_allowed(message: str) -> Refused:
    """Return the 403 of something the acting person's role does not allow."""
    return Refused(403, "not_allowed", message)
