"""The page behind an invitation's link.

Belongs here: `/invitations/{token}`. Does not belong here: rules (`api.members.acceptance`), the inviting side
(`api.pages.members`).

Looking never accepts: e-mail scanners and previews open links too. Whoever is not signed in learns the workspace's name
and is led to the sign-in and back; whoever is signed in as somebody else is told so, and as whom, but not whose it is.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import quote

from fastapi import APIRouter, Request, Response

from api.access.browser_sessions import SignedIn
from api.access.callers import MaybePerson, Person
from api.db.dependencies import Look, Work
from api.errors import Refused
from api.members.acceptance import Behind, accept, joined_by, look_behind
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other

router = APIRouter(include_in_schema=False)
_OTHER_ADDRESS: Final = "other_address"


@router.get("/invitations/{token}")
def invitation_page(request: Request, token: str, person: MaybePerson, look: Look) -> Response:
    """Show what somebody is invited to, and the button that accepts it."""
    at = request.app.state.clock.now()
    joined = joined_by(look, token, person) if person else None
    if joined is not None:  # they came back by the link they used
        return see_other(f"/{joined}/overview")
    behind = look_behind(look, token, at)
    if person is not None and person.email != behind.email:
        return _shown(request, token, behind, person, status=403, code=_OTHER_ADDRESS)
    return _shown(request, token, behind, person)


@router.post("/invitations/{token}")
def accept_invitation(request: Request, token: str, person: Person, form: PostedForm, work: Work) -> Response:
    """Join the workspace."""
    form.only()
    at = request.app.state.clock.now()
    try:
        behind = accept(work, token, person, at)
    except Refused as refused:
        work.rollback()
        joined = joined_by(work, token, person)
        if joined is not None:  # pressed twice
            return see_other(f"/{joined}/overview")
        behind = look_behind(work, token, at)
        return _shown(request, token, behind, person, status=refused.status, code=refused.code, message=refused.message)
    return see_other(f"/{behind.slug}/overview")


def _shown(
    request: Request,
    token: str,
    behind: Behind,
    person: SignedIn | None,
    *,
    status: int = 200,
    code: str = "",
    message: str = "",
) -> Response:
    path = f"/invitations/{token}"
    return page(
        request,
        "invitations/page.html",
        person=person,
        status=status,
        behind=behind,
        code=code,
        message=message,
        path=path,
        sign_in=f"/signin?next={quote(path, safe='')}",
    )
