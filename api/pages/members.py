"""Pages of members: the list with its invitations, one member, removing, leaving, handing the ownership over.

Belongs here: `/{workspace}/members…`, on the services the JSON routes use. Does not belong here: rules (`api.members`),
the page behind an invitation's link (`api.pages.invitations`).
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.db.dependencies import Look, Work
from api.db.models import Role
from api.errors import Refused, invalid
from api.members.acting import Acting, may_act_on, may_give
from api.members.invitations import invite, is_expired, list_invitations, resend, revoke
from api.members.letters import Letters
from api.members.removal import remove_member
from api.members.roles import change_role, owner_count, transfer_ownership
from api.members.roster import Member, find_member, list_members
from api.members.seats import seats_of
from api.pages.forms import Form, PostedForm
from api.pages.shell import page, see_other

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_MEMBERS))]
Inviter = Annotated[Caller, Depends(caller_with(Permission.INVITE_MEMBERS))]
RoleChanger = Annotated[Caller, Depends(caller_with(Permission.CHANGE_ROLES))]
Remover = Annotated[Caller, Depends(caller_with(Permission.REMOVE_MEMBERS))]
Giver = Annotated[Caller, Depends(caller_with(Permission.TRANSFER_OWNERSHIP))]

DONE: Final = {
    "invited": "The invitation is on its way.",
    "resent": "The invitation was sent again with a new link; the earlier link is dead.",
    "revoked": "The invitation was withdrawn; its link is dead.",
    "role": "The role was changed.",
    "removed": "The member was removed and has no access any more.",
    "handed-over": "The member was removed. The Admin who has been here for longest is Owner now.",
    "transferred": "The ownership was transferred. You are an Admin now.",
}


@router.get("/{workspace}/members")
def members_page(request: Request, caller: Viewer, look: Look, done: str = "") -> Response:
    """Show members, seats and open invitations."""
    return _members(request, caller, look, done=DONE.get(done, ""))


@router.post("/{workspace}/members/invite")
def send_invitation(request: Request, caller: Inviter, form: PostedForm, work: Work) -> Response:
    """Invite an address; a refusal is shown on the form again, with what was typed."""
    form.only("email", "role")
    at = request.app.state.clock.now()
    try:
        letters = Letters.of(request)
        invite(work, caller.workspace_id, form.text("email"), _role(form), by=Acting.of(caller), letters=letters, at=at)
    except Refused as refused:
        work.rollback()
        return _members(request, caller, work, refused=refused, typed=(form.text("email"), form.text("role")))
    return see_other(f"/{caller.slug}/members?done=invited")


@router.post("/{workspace}/members/invitations/{invitation_id}/resend")
def send_again(request: Request, caller: Inviter, invitation_id: str, form: PostedForm, work: Work) -> Response:
    """Send an invitation again."""
    form.only()
    at, letters = request.app.state.clock.now(), Letters.of(request)
    try:
        resend(work, caller.workspace_id, invitation_id, by=Acting.of(caller), letters=letters, at=at)
    except Refused as refused:
        work.rollback()
        return _members(request, caller, work, refused=refused)
    return see_other(f"/{caller.slug}/members?done=resent")


@router.post("/{workspace}/members/invitations/{invitation_id}/revoke")
def take_back(request: Request, caller: Inviter, invitation_id: str, form: PostedForm, work: Work) -> Response:
    """Withdraw an invitation."""
    form.only()
    revoke(work, caller.workspace_id, invitation_id, by=Acting.of(caller), at=request.app.state.clock.now())
    return see_other(f"/{caller.slug}/members?done=revoked")


@router.get("/{workspace}/members/leave")
def leave_page(request: Request, caller: Viewer, look: Look) -> Response:
    """Ask whether somebody really wants to leave."""
    return _ending(request, caller, look, _own_id(caller))


@router.post("/{workspace}/members/leave")
def leave(request: Request, caller: Viewer, form: PostedForm, work: Work) -> Response:
    """End one's own membership."""
    form.only()
    at, letters = request.app.state.clock.now(), Letters.of(request)
    try:
        remove_member(work, caller.workspace_id, _own_id(caller), by=Acting.of(caller), letters=letters, at=at)
    except Refused as refused:
        work.rollback()
        return _ending(request, caller, work, _own_id(caller), refused)
    return see_other("/")


@router.get("/{workspace}/members/{user_id}")
def member_page(request: Request, caller: RoleChanger, user_id: str, look: Look) -> Response:
    """Show one member and what may be done with them."""
    return _member(request, caller, find_member(look, caller.workspace_id, user_id))


@router.post("/{workspace}/members/{user_id}/role")
def save_role(request: Request, caller: RoleChanger, user_id: str, form: PostedForm, work: Work) -> Response:
    """Change a role."""
    form.only("role")
    member = find_member(work, caller.workspace_id, user_id)
    at, letters = request.app.state.clock.now(), Letters.of(request)
    try:
        change_role(work, caller.workspace_id, user_id, _role(form), by=Acting.of(caller), letters=letters, at=at)
    except Refused as refused:
        work.rollback()
        return _member(request, caller, member, refused)
    return see_other(f"/{caller.slug}/members?done=role")


@router.get("/{workspace}/members/{user_id}/remove")
def remove_page(request: Request, caller: Remover, user_id: str, look: Look) -> Response:
    """Ask whether a member shall really go."""
    return _ending(request, caller, look, user_id)


@router.post("/{workspace}/members/{user_id}/remove")
def remove(request: Request, caller: Remover, user_id: str, form: PostedForm, work: Work) -> Response:
    """Remove a member."""
    form.only()
    at, letters = request.app.state.clock.now(), Letters.of(request)
    try:
        heir = remove_member(work, caller.workspace_id, user_id, by=Acting.of(caller), letters=letters, at=at)
    except Refused as refused:
        work.rollback()
        return _ending(request, caller, work, user_id, refused)
    if user_id == _own_id(caller):
        return see_other("/")
    return see_other(f"/{caller.slug}/members?done={'handed-over' if heir else 'removed'}")


@router.get("/{workspace}/members/{user_id}/ownership")
def ownership_page(request: Request, caller: Giver, user_id: str, look: Look) -> Response:
    """Ask whether the ownership shall really go over."""
    member = find_member(look, caller.workspace_id, user_id)
    return page(request, "members/ownership.html", caller=caller, member=member)


@router.post("/{workspace}/members/{user_id}/ownership")
def hand_over(request: Request, caller: Giver, user_id: str, form: PostedForm, work: Work) -> Response:
    """Transfer the ownership."""
    form.only()
    at, letters = request.app.state.clock.now(), Letters.of(request)
    transfer_ownership(work, caller.workspace_id, user_id, by=Acting.of(caller), letters=letters, at=at)
    return see_other(f"/{caller.slug}/members?done=transferred")


def _members(
    request: Request,
    caller: Caller,
    session: Session,
    *,
    done: str = "",
    refused: Refused | None = None,
    typed: tuple[str, str] = ("", "member"),
) -> Response:
    now = request.app.state.clock.now()
    return page(
        request,
        "members/list.html",
        caller=caller,
        status=refused.status if refused else 200,
        done=done,
        refused=refused,
        typed_email=typed[0],
        typed_role=typed[1],
        members=list_members(session, caller.workspace_id),
        seats=seats_of(session, caller.workspace_id, now),
        invitations=[(one, is_expired(one, now)) for one in list_invitations(session, caller.workspace_id)],
        roles=_roles(caller),
        may_manage={role.value: may_act_on(caller.role, role) for role in Role},
        now=now,
    )


def _member(request: Request, caller: Caller, member: Member, refused: Refused | None = None) -> Response:
    return page(
        request,
        "members/one.html",
        caller=caller,
        status=refused.status if refused else 200,
        member=member,
        refused=refused,
        roles=_roles(caller),
        may_manage=may_act_on(caller.role, member.role),
        own=member.user_id == _own_id(caller),
    )


def _ending(
    request: Request, caller: Caller, session: Session, user_id: str, refused: Refused | None = None
) -> Response:
    member = find_member(session, caller.workspace_id, user_id)
    only_owner = member.role is Role.OWNER and owner_count(session, caller.workspace_id) == 1
    return page(
        request,
        "members/remove.html",
        caller=caller,
        status=refused.status if refused else 200,
        member=member,
        refused=refused,
        only_owner=only_owner,
        own=user_id == _own_id(caller),
    )


def _roles(caller: Caller) -> list[tuple[str, str]]:
    """Return the roles the caller may give, least privileged first."""
    return [(role.value, role.value.capitalize()) for role in reversed(Role) if may_give(caller.role, role)]


def _role(form: Form) -> Role:
    try:
        return Role(form.text("role"))
    except ValueError:
        raise invalid("Choose a role: Owner, Admin or Member.") from None


def _own_id(caller: Caller) -> str:
    if caller.person is None:
        raise invalid("Only a person can do this.")
    return caller.person.user_id
