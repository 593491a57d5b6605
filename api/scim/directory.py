"""A directory's people in a workspace: adding, finding, changing and removing them.

Belongs here: what a SCIM call does, on the services that pages use too. Does not belong here: the wire format
(`resources`, `filters`, `patches`), the paths (`routes`).

A person is added as a Member; somebody who is a member already is taken under the directory's care with the role they
have. Inactive people keep their row here and have no membership. A directory never leaves a workspace without an Owner,
nor makes an Admin one: the only Owner it cannot remove.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4

from sqlalchemy import RowMapping, func, select
from sqlalchemy.orm import Session

from api.access.text import is_id
from api.audit import AuditEvent, Resource, record_event
from api.billing.subscriptions import require_writable
from api.db.models import DirectoryMember, Role, User
from api.db.session import lock_workspace
from api.errors import Refused, not_found
from api.members.acting import Acting
from api.members.removal import remove_member
from api.members.roster import add_member, is_member
from api.people import find_or_create_person, normal_email
from api.scim.answers import bad_request
from api.scim.filters import Equals
from api.scim.patches import Patch
from api.scim.resources import DirectoryUser, Wanted
from pipelines.lake.clock import to_micros

PAGE_MAX: Final = 200


@dataclass(frozen=True, slots=True)
class Directory:
    """One call of a workspace's directory.

    Attributes:
        by: the key it comes with.
    """

    session: Session
    workspace_id: str
    by: Acting
    at: datetime

    def find(self, directory_id: str) -> DirectoryUser:
        """Return one person.

        Raises:
            Refused: 404 not one of this workspace's directory.
        """
        wanted = self._people().where(DirectoryMember.id == directory_id)
        row = self.session.execute(wanted).mappings().one_or_none() if is_id(directory_id) else None
        if row is None:
            raise not_found("user_not_found", "No such user.")
        return _user(row)

    def page(self, wanted: Equals | None, *, start: int, count: int) -> tuple[Sequence[DirectoryUser], int]:
        """Return up to `count` people from the `start`th on (from 1), and how many there are."""
        query = self._people()
        if wanted is not None:
            query = query.where(_COLUMNS[wanted.attribute] == _comparable(wanted))
        total = self.session.execute(select(func.count()).select_from(query.subquery())).scalar_one()
        ordered = query.order_by(DirectoryMember.created_at_us, DirectoryMember.id)
        rows = self.session.execute(ordered.offset(start - 1).limit(min(count, PAGE_MAX))).mappings()
        return [_user(row) for row in rows], int(total)

    def add(self, wanted: Wanted) -> DirectoryUser:
        """Take a person under the directory's care, as a member unless they are inactive.

        Raises:
            Refused: 409 `uniqueness`: the directory has them already; `seat_limit_reached`; 422 no address.
        """
        lock_workspace(self.session, self.workspace_id)
        known = select(User.id).where(User.email == normal_email(wanted.user_name))
        new = self.session.execute(known).first() is None
        person = find_or_create_person(self.session, wanted.user_name, self.at)
        if self.session.execute(self._people().where(DirectoryMember.user_id == person.id)).first() is not None:
            raise Refused(409, "uniqueness", "This person is in the directory already.")
        if new:
            person.display_name = wanted.display_name
        row = DirectoryMember(
            id=str(uuid4()),
            workspace_id=self.workspace_id,
            user_id=person.id,
            external_id=wanted.external_id,
            active=False,
            created_at_us=to_micros(self.at),
            changed_at_us=to_micros(self.at),
        )
        self.session.add(row)
        self.session.flush()
        self._record(AuditEvent.MEMBER_LINKED, person.id, person.email, wanted.external_id)
        self._set_active(row, person, active=wanted.active is not False)
        return self.find(row.id)

    def change(self, directory_id: str, patch: Patch) -> DirectoryUser:
        """Make a person active or inactive, or note another id of theirs.

        Raises:
            Refused: 400 `mutability`: the userName would change; 404 no such user; 409 `last_owner`,
                `seat_limit_reached`.
        """
        lock_workspace(self.session, self.workspace_id)
        row, person = self._locked(directory_id)
        if patch.user_name is not None and _address(patch.user_name) != person.email:
            raise bad_request("mutability", "userName cannot change: add the new address as a person of its own.")
        if patch.external_id is not None and (patch.external_id or None) != row.external_id:
            row.external_id = patch.external_id or None
            row.changed_at_us = to_micros(self.at)
            self._record(AuditEvent.MEMBER_LINKED, person.id, person.email, row.external_id)
        if patch.active is not None:
            self._set_active(row, person, active=patch.active)
        self.session.flush()
        return self.find(directory_id)

    def remove(self, directory_id: str) -> None:
        """End a person's membership, if any, and forget them here.

        Raises:
            Refused: 404 no such user; 409 `last_owner`.
        """
        lock_workspace(self.session, self.workspace_id)
        row, person = self._locked(directory_id)
        self._set_active(row, person, active=False)
        self.session.delete(row)
        self.session.flush()
        self._record(AuditEvent.MEMBER_UNLINKED, person.id, person.email, row.external_id)

    def _set_active(self, row: DirectoryMember, person: User, *, active: bool) -> None:
        """Make membership what the directory says it is."""
        member = is_member(self.session, self.workspace_id, person.id)
        if active and not member:
            require_writable(self.session, self.workspace_id, self.at)
            add_member(self.session, self.workspace_id, person.email, Role.MEMBER, by=self.by, at=self.at)
        elif member and not active:
            remove_member(
                self.session, self.workspace_id, person.id, by=self.by, letters=None, at=self.at, hand_over=False
            )
            self.session.refresh(row)
        if row.active != active:
            row.active = active
            row.changed_at_us = to_micros(self.at)
        self.session.flush()

    def _locked(self, directory_id: str) -> tuple[DirectoryMember, User]:
        mine = DirectoryMember.workspace_id == self.workspace_id, DirectoryMember.id == directory_id
        query = select(DirectoryMember).where(*mine).execution_options(populate_existing=True)
        row = self.session.scalars(query).one_or_none() if is_id(directory_id) else None
        if row is None:
            raise not_found("user_not_found", "No such user.")
        return row, self.session.get_one(User, row.user_id)

    def _people(self):  # noqa: ANN202 - a select of eight columns, named below
        return _PEOPLE.where(DirectoryMember.workspace_id == self.workspace_id)

    def _record(self, event: AuditEvent, user_id: str, email: str, external_id: str | None) -> None:
        record_event(
            self.session,
            self.workspace_id,
            actor=self.by.actor,
            event=event,
            resource=Resource("user", user_id),
            details={"email": email, "external_id": external_id},
            at=self.at,
        )


_PEOPLE: Final = select(
    DirectoryMember.id,
    DirectoryMember.user_id,
    User.email,
    User.display_name,
    DirectoryMember.external_id,
    DirectoryMember.active,
    DirectoryMember.created_at_us,
    DirectoryMember.changed_at_us,
).join(User, User.id == DirectoryMember.user_id)
_COLUMNS: Final = {"user_name": User.email, "external_id": DirectoryMember.external_id, "id": DirectoryMember.id}


def _comparable(wanted: Equals) -> str:
    if wanted.attribute == "user_name":
        return _address(wanted.value)
    return wanted.value if wanted.value.isprintable() else ""


def _address(text: str) -> str:
    """Return an address in its one spelling; what is no address equals nobody's."""
    try:
        return normal_email(text)
    except Refused:
        return ""


def _user(row: RowMapping) -> DirectoryUser:
    return DirectoryUser(**row)
