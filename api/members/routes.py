"""HTTP of members: the list, roles, removal, leaving, ownership.

Belongs here: `/v1/{workspace}/members…` and `/ownership`, thin over the services. Does not belong here: rules
(`roles`, `removal`), invitations (`invitation_routes`), pages (`api.pages.members`).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.db.dependencies import Look, Work
from api.db.models import Role
from api.errors import invalid
from api.members.acting import Acting
from api.members.letters import Letters
from api.members.messages import (
    MEMBER,
    MEMBERS,
    MemberGone,
    MembersAnswer,
    MemberShown,
    OwnershipTransfer,
    RoleChange,
    SeatsShown,
)
from api.members.removal import remove_member
from api.members.roles import change_role, transfer_ownership
from api.members.roster import list_members
from api.members.seats import seats_of
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}", tags=["members"])

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_MEMBERS))]
RoleChanger = Annotated[Caller, Depends(caller_with(Permission.CHANGE_ROLES))]
Remover = Annotated[Caller, Depends(caller_with(Permission.REMOVE_MEMBERS))]
Giver = Annotated[Caller, Depends(caller_with(Permission.TRANSFER_OWNERSHIP))]
UserId = Annotated[str, Path(description="Id of the person.", examples=[MEMBER["user_id"]])]


@router.get(
    "/members",
    **describe(
        "Members and seats",
        answer=MembersAnswer,
        example=MEMBERS,
        answer_description="Owners first, then by e-mail address",
        refusals=(401, 403, 404),
    ),
)
def get_members(request: Request, caller: Viewer, look: Look) -> Response:
    """List the members of the workspace with their roles, and how many seats are taken."""
    members = [MemberShown.of(member) for member in list_members(look, caller.workspace_id)]
    seats = SeatsShown.of(seats_of(look, caller.workspace_id, request.app.state.clock.now()))
    return json_answer(MembersAnswer(members, seats))


@router.put(
    "/members/{user_id}/role",
    **describe(
        "Change a role",
        answer=MemberShown,
        example=MEMBER,
        message=RoleChange,
        message_example={"role": "admin"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def put_role(
    request: Request,
    caller: RoleChanger,
    user_id: UserId,
    message: Annotated[RoleChange, Depends(message_body(RoleChange))],
    work: Work,
) -> Response:
    """Give a member another role: an Admin among Admins and Members, an Owner among all. One Owner always stays."""
    member = change_role(
        work,
        caller.workspace_id,
        user_id,
        Role(message.role),
        by=Acting.of(caller),
        letters=Letters.of(request),
        at=request.app.state.clock.now(),
    )
    return json_answer(MemberShown.of(member))


@router.delete(
    "/members/{user_id}",
    **describe(
        "Remove a member",
        answer=MemberGone,
        example={"user_id": MEMBER["user_id"], "new_owner": None},
        refusals=(401, 403, 404, 409),
    ),
)
def delete_member(request: Request, caller: Remover, user_id: UserId, work: Work) -> Response:
    """Remove a member at once: their next call here is a 403. When it was the only Owner, the Admin who has been a
    member for longest becomes Owner; without an Admin the removal is refused. Devices stay.
    """  # noqa: D205 - one paragraph in the document
    return _end(request, caller, user_id, work)


@router.post(
    "/members/leave",
    **describe(
        "Leave the workspace",
        answer=MemberGone,
        example={"user_id": MEMBER["user_id"], "new_owner": None},
        refusals=(401, 403, 404, 409),
    ),
)
def leave(request: Request, caller: Viewer, work: Work) -> Response:
    """End one's own membership, whatever one's role; the only Owner hands over as on a removal."""
    if caller.person is None:
        raise invalid("Only a person can leave.")
    return _end(request, caller, caller.person.user_id, work)


@router.post(
    "/ownership",
    **describe(
        "Transfer the ownership",
        answer=MemberShown,
        example=MEMBER,
        message=OwnershipTransfer,
        message_example={"user_id": MEMBER["user_id"]},
        refusals=(400, 401, 403, 404, 413, 422),
    ),
)
def post_ownership(
    request: Request,
    caller: Giver,
    message: Annotated[OwnershipTransfer, Depends(message_body(OwnershipTransfer))],
    work: Work,
) -> Response:
    """Make another member an Owner and oneself an Admin."""
    heir = transfer_ownership(
        work,
        caller.workspace_id,
        message.user_id,
        by=Acting.of(caller),
        letters=Letters.of(request),
        at=request.app.state.clock.now(),
    )
    return json_answer(MemberShown.of(heir))


def _end(request: Request, caller: Caller, user_id: str, work: Work) -> Response:
    new_owner = remove_member(
        work,
        caller.workspace_id,
        user_id,
        by=Acting.of(caller),
        letters=Letters.of(request),
        at=request.app.state.clock.now(),
    )
    return json_answer(MemberGone(user_id, new_owner))
