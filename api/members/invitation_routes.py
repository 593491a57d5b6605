"""HTTP of invitations.

Belongs here: `/v1/{workspace}/invitations…` and `/v1/invitations/accept`, thin over the services. Does not belong here:
rules (`invitations`, `acceptance`), pages (`api.pages.invitations`).
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request, Response

from api.access.callers import Caller, Person, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.db.dependencies import Look, Work
from api.db.models import Role
from api.members.acceptance import accept
from api.members.acting import Acting
from api.members.invitations import invite, list_invitations, resend, revoke
from api.members.letters import Letters
from api.members.messages import (
    INVITATION,
    Acceptance,
    Accepted,
    InvitationsAnswer,
    InvitationShown,
    NewInvitation,
)
from api.openapi import describe

router = APIRouter(prefix="/v1", tags=["members"])

Inviter = Annotated[Caller, Depends(caller_with(Permission.INVITE_MEMBERS))]
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_MEMBERS))]
InvitationId = Annotated[str, Path(description="Id of the invitation.", examples=[INVITATION["id"]])]


@router.post(
    "/invitations/accept",
    **describe(
        "Accept an invitation",
        answer=Accepted,
        example={"workspace": "acme-co", "name": "Acme Co", "role": "member"},
        message=Acceptance,
        message_example={"token": "kq3V0dZzX2v8w1yJ5s7Tn4cB6mE9rA0uGfHhLpQiYtM"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def post_acceptance(
    request: Request, person: Person, message: Annotated[Acceptance, Depends(message_body(Acceptance))], work: Work
) -> Response:
    """Join the workspace an invitation is to; only the invited address can, once, within seven days."""
    behind = accept(work, message.token, person, request.app.state.clock.now())
    return json_answer(Accepted(behind.slug, behind.name, behind.role.value))


@router.get(
    "/{workspace}/invitations",
    **describe(
        "Open invitations",
        answer=InvitationsAnswer,
        example={"invitations": [INVITATION]},
        answer_description="Newest first",
        refusals=(401, 403, 404),
    ),
)
def get_invitations(request: Request, caller: Viewer, look: Look) -> Response:
    """List the invitations neither accepted nor revoked; those that ran out say so."""
    clock = request.app.state.clock
    found = [InvitationShown.of(one, clock) for one in list_invitations(look, caller.workspace_id)]
    return json_answer(InvitationsAnswer(found))


@router.post(
    "/{workspace}/invitations",
    **describe(
        "Invite somebody",
        answer=InvitationShown,
        example=INVITATION,
        status=201,
        answer_description="Invited: the e-mail with the link is on its way",
        message=NewInvitation,
        message_example={"email": "new@acme.co", "role": "member"},
        refusals=(400, 401, 403, 404, 409, 413, 422),
    ),
)
def post_invitation(
    request: Request,
    caller: Inviter,
    message: Annotated[NewInvitation, Depends(message_body(NewInvitation))],
    work: Work,
) -> Response:
    """Invite an e-mail address in a role. Refused with `seat_limit_reached` while members fill all seats; pending
    invitations hold none.
    """  # noqa: D205 - one paragraph in the document
    state = request.app.state
    invitation = invite(
        work,
        caller.workspace_id,
        message.email,
        Role(message.role),
        by=Acting.of(caller),
        letters=Letters.of(request),
        at=state.clock.now(),
    )
    return json_answer(InvitationShown.of(invitation, state.clock), status=201)


@router.post(
    "/{workspace}/invitations/{invitation_id}/resend",
    **describe(
        "Send an invitation again",
        answer=InvitationShown,
        example={**INVITATION, "sent_count": 2},
        refusals=(401, 403, 404, 409, 429),
    ),
)
def post_resend(request: Request, caller: Inviter, invitation_id: InvitationId, work: Work) -> Response:
    """Send a new link, good for seven days; the earlier link is dead."""
    state = request.app.state
    letters = Letters.of(request)
    invitation = resend(
        work, caller.workspace_id, invitation_id, by=Acting.of(caller), letters=letters, at=state.clock.now()
    )
    return json_answer(InvitationShown.of(invitation, state.clock))


@router.delete(
    "/{workspace}/invitations/{invitation_id}",
    **describe("Revoke an invitation", answer=InvitationShown, example=INVITATION, refusals=(401, 403, 404, 409)),
)
def delete_invitation(request: Request, caller: Inviter, invitation_id: InvitationId, work: Work) -> Response:
    """Take an invitation back; its link is dead."""
    state = request.app.state
    invitation = revoke(work, caller.workspace_id, invitation_id, by=Acting.of(caller), at=state.clock.now())
    return json_answer(InvitationShown.of(invitation, state.clock))
