"""Which people go with a workspace.

Belongs here: deciding that, and deleting what is kept of them. Does not belong here: rows that name the workspace
(`rows`).

Whoever belonged to the purged workspace and neither belongs nor ever belonged to another one goes: account, sign-ins,
sessions, identities, e-mails owed. Somebody who was removed from another workspace stays: that workspace's audit log
names them, and their next call there is a 403.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from sqlalchemy import Connection, delete, or_, select, union

from api.db.models import (
    BrowserSession,
    DirectoryMember,
    FormerMembership,
    Invitation,
    Membership,
    OutboxMessage,
    SignInAttempt,
    User,
    UserIdentity,
)

_BELONGING: Final = (Membership, FormerMembership, DirectoryMember)


class Person(NamedTuple):
    """Somebody who goes."""

    id: str
    email: str


def people_who_go(connection: Connection, workspace_id: str) -> list[Person]:
    """Return the people of a workspace who belong to no other one and never did, by address."""
    here = union(
        *(select(table.user_id).where(table.workspace_id == workspace_id) for table in _BELONGING),
        select(Invitation.accepted_by_user_id).where(Invitation.workspace_id == workspace_id),
    )
    elsewhere = or_(
        *(
            select(table.user_id).where(table.user_id == User.id, table.workspace_id != workspace_id).exists()
            for table in _BELONGING
        )
    )
    query = select(User.id, User.email).where(User.id.in_(here), ~elsewhere).order_by(User.email)
    return [Person(*row) for row in connection.execute(query)]


def delete_people(connection: Connection, people: list[Person]) -> None:
    """Delete people with everything that is theirs alone; rows that say where they belonged must be gone."""
    for person in people:
        for table in (UserIdentity, BrowserSession):
            connection.execute(delete(table).where(table.user_id == person.id))
        connection.execute(delete(SignInAttempt).where(SignInAttempt.email == person.email))
        connection.execute(delete(OutboxMessage).where(OutboxMessage.recipient == person.email))
        connection.execute(delete(User).where(User.id == person.id))
