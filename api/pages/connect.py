"""`/connect`: where a person answers the code their machine shows.

Belongs here: typing a code, seeing who asks, choosing the workspace, approving or denying. Does not belong here: rules
(`api.pairing`), the daemon's side.

Looking never approves: that takes a posted form. Every naming of a code counts against the address, the account and
everybody together, and a miss counts against the codes it nearly named, so that guessing leads nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter, Request, Response
from sqlalchemy import select
from sqlalchemy.orm import Session

from api.access.browser_sessions import SignedIn
from api.access.callers import Person, by_membership, require_still
from api.access.permissions import ROLE_PERMISSIONS, Permission
from api.access.same_site import public_url
from api.db.dependencies import Work
from api.db.models import Membership, PairingSession, Role, Workspace
from api.errors import Refused, invalid
from api.pages.forms import PostedForm
from api.pages.shell import WORKSPACE_COOKIE, page, see_other
from api.pairing.approval_routes import admit_code
from api.pairing.open_codes import pending_pairing
from api.pairing.sessions import approve_pairing, deny_pairing

router = APIRouter(include_in_schema=False)
DONE: Final = {"denied": "The machine was turned away; its terminal says so."}
_NOT_FOUND: Final = "pairing_code_not_found"
_SLUG: Final = re.compile(r"[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True)
class Choice:
    """A workspace the machine may be let into."""

    id: str
    slug: str
    name: str


@router.get("/connect")
def connect_page(
    request: Request, person: Person, work: Work, code: str = "", workspace: str = "", done: str = ""
) -> Response:
    """Ask for a code, or show who asks with it."""
    if not code:
        return _ask(request, person, workspace=workspace, done=DONE.get(done, ""))
    admit_code(request, person.email)
    try:
        pairing = pending_pairing(work, code[:64], request.app.state.clock.now())
    except Refused as refused:
        if refused.code != _NOT_FOUND:
            raise
        return _not_found(request, person, workspace)
    return _show(request, person, work, pairing, code[:64], workspace)


@router.post("/connect")
def answer(request: Request, person: Person, form: PostedForm, work: Work) -> Response:
    """Approve or deny, for the chosen workspace."""
    form.only("code", "workspace", "decision")
    admit_code(request, person.email)
    state = request.app.state
    decide = {"approve": approve_pairing, "deny": deny_pairing}.get(form.text("decision"))
    if decide is None:
        raise invalid("Choose to approve or to deny.")
    caller = by_membership(state.engine, person, form.text("workspace"), state.clock)
    caller.require(Permission.PAIR_DEVICES)
    require_still(work, caller, Permission.PAIR_DEVICES, state.clock)
    try:
        decide(work, form.text("code"), caller.workspace_id, approver=caller.actor, at=state.clock.now())
    except Refused as refused:
        if refused.code != _NOT_FOUND:
            raise
        return _not_found(request, person, caller.slug)
    if decide is deny_pairing:
        return see_other("/connect?done=denied")
    return see_other(f"/{caller.slug}/settings/devices?done=paired")


def _ask(request: Request, person: SignedIn, *, workspace: str, done: str) -> Response:
    return page(
        request,
        "connect/ask.html",
        person=person,
        workspace=workspace if _SLUG.fullmatch(workspace) else "",
        base_url=public_url(request),
        done=done,
    )


def _show(
    request: Request, person: SignedIn, session: Session, pairing: PairingSession, code: str, wanted: str
) -> Response:
    choices = _choices(session, person.user_id)
    by_slug = {choice.slug: choice for choice in choices}
    last = {choice.id: choice.slug for choice in choices}.get(request.cookies.get(WORKSPACE_COOKIE, ""), "")
    asked_for = wanted if _SLUG.fullmatch(wanted) else ""
    return page(
        request,
        "connect/answer.html",
        person=person,
        pairing=pairing,
        code=code,
        choices=choices,
        chosen=asked_for if asked_for in by_slug else last,
        foreign=asked_for if asked_for and asked_for not in by_slug else "",
        now=request.app.state.clock.now(),
    )


def _not_found(request: Request, person: SignedIn, workspace: str) -> Response:
    return page(
        request,
        "connect/not_found.html",
        person=person,
        status=404,
        workspace=workspace if _SLUG.fullmatch(workspace) else "",
    )


def _choices(session: Session, user_id: str) -> Sequence[Choice]:
    """Return the workspaces the person may let machines into, by name."""
    query = (
        select(Workspace.id, Workspace.slug, Workspace.name, Membership.role)
        .join(Membership, Membership.workspace_id == Workspace.id)
        .where(Membership.user_id == user_id, Workspace.deletion_requested_at_us.is_(None))
        .order_by(Workspace.name, Workspace.slug)
    )
    return [
        Choice(id_, slug, name)
        for id_, slug, name, role in session.execute(query)
        if Permission.PAIR_DEVICES in ROLE_PERMISSIONS[Role(role)]
    ]
