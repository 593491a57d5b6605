"""Messages of the membership routes.

Belongs here: their shapes and examples. Does not belong here: routes (`routes`, `invitation_routes`).
"""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from api.db.models import Invitation
from api.members.invitations import is_expired
from api.members.roster import Member
from api.members.seats import Seats
from pipelines.lake.clock import Clock, from_micros, iso_utc

RoleName = Literal["owner", "admin", "member"]


class MemberShown(msgspec.Struct, frozen=True):
    """One member.

    Attributes:
        by_directory: whether a company's directory manages them.
    """

    user_id: str
    email: str
    display_name: str | None
    role: str
    joined_at: str
    by_directory: bool

    @classmethod
    def of(cls, member: Member) -> MemberShown:
        """Return a member as the API writes one."""
        joined_at = iso_utc(from_micros(member.joined_at_us))
        return cls(member.user_id, member.email, member.display_name, member.role.value, joined_at, member.by_directory)


class SeatsShown(msgspec.Struct, frozen=True):
    """Seats of a workspace; a limit of null means any number."""

    used: int
    limit: int | None

    @classmethod
    def of(cls, seats: Seats) -> SeatsShown:
        """Return seats as the API writes them."""
        return cls(seats.used, seats.limit)


class MembersAnswer(msgspec.Struct, frozen=True):
    """`GET /v1/{workspace}/members`."""

    members: list[MemberShown]
    seats: SeatsShown


class RoleChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`PUT /v1/{workspace}/members/{user_id}/role`."""

    role: RoleName


class OwnershipTransfer(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/{workspace}/ownership`."""

    user_id: str


class MemberGone(msgspec.Struct, frozen=True):
    """A membership ended.

    Attributes:
        new_owner: address of the Admin who became Owner because the only one went; null when nobody had to.
    """

    user_id: str
    new_owner: str | None


class InvitationShown(msgspec.Struct, frozen=True):
    """One open invitation; its link is in the e-mail only.

    Attributes:
        state: `pending`, or `expired`: resending brings it back.
    """

    id: str
    email: str
    role: str
    state: Literal["pending", "expired"]
    invited_by: str
    created_at: str
    expires_at: str
    last_sent_at: str
    sent_count: int

    @classmethod
    def of(cls, invitation: Invitation, clock: Clock) -> InvitationShown:
        """Return an invitation as the API writes one."""
        return cls(
            id=invitation.id,
            email=invitation.email,
            role=invitation.role,
            state="expired" if is_expired(invitation, clock.now()) else "pending",
            invited_by=invitation.invited_by,
            created_at=iso_utc(from_micros(invitation.created_at_us)),
            expires_at=iso_utc(from_micros(invitation.expires_at_us)),
            last_sent_at=iso_utc(from_micros(invitation.last_sent_at_us)),
            sent_count=invitation.sent_count,
        )


class InvitationsAnswer(msgspec.Struct, frozen=True):
    """`GET /v1/{workspace}/invitations`."""

    invitations: list[InvitationShown]


class NewInvitation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/{workspace}/invitations`."""

    email: str
    role: RoleName = "member"


class Acceptance(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`POST /v1/invitations/accept`: the last part of the link."""

    token: str


class Accepted(msgspec.Struct, frozen=True):
    """The person is a member now."""

    workspace: str
    name: str
    role: str


MEMBER: Final[dict[str, Any]] = {
    "user_id": "6f1f5d5e-6a3c-4a53-8f5e-0c9a1f2b3c4d",
    "email": "vk@acme.co",
    "display_name": None,
    "role": "owner",
    "joined_at": "2026-07-01T12:00:00Z",
    "by_directory": False,
}
MEMBERS: Final = {"members": [MEMBER], "seats": {"used": 1, "limit": 10}}
INVITATION: Final = {
    "id": "0e7d4d1c-52a6-4d0a-9f0f-7d3c2b1a0f9e",
    "email": "new@acme.co",
    "role": "member",
    "state": "pending",
    "invited_by": "vk@acme.co",
    "created_at": "2026-07-01T12:00:00Z",
    "expires_at": "2026-07-08T12:00:00Z",
    "last_sent_at": "2026-07-01T12:00:00Z",
    "sent_count": 1,
}
