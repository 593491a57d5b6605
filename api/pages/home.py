"""`/`: to the workspace a person looked at last, or to the sign-in; and the page of who belongs to none.

Belongs here: where a person without a destination goes. Does not belong here: the overview itself (`overview`), further
workspaces (`/new`).
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response
from sqlalchemy import select

from api.access.callers import MaybePerson, Person
from api.db.dependencies import Look, Work
from api.db.models import Membership, Workspace
from api.pages.forms import PostedForm
from api.pages.shell import WORKSPACE_COOKIE, page, see_other
from api.sign_in.first_workspace import start_own_workspace, workspace_name

router = APIRouter(include_in_schema=False)


@router.get("/")
def home(request: Request, person: MaybePerson, look: Look) -> Response:
    """Lead to the workspace looked at last, else to the one joined first, else to the sign-in."""
    if person is None:
        return see_other("/signin")
    query = (
        select(Workspace.id, Workspace.slug)
        .join(Membership, Membership.workspace_id == Workspace.id)
        .where(Membership.user_id == person.user_id)
        .order_by(Membership.joined_at_us, Workspace.slug)
    )
    own = {row.id: row.slug for row in look.execute(query)}
    if not own:
        return page(request, "no_workspace.html", person=person, name=workspace_name(person.email))
    last = request.cookies.get(WORKSPACE_COOKIE, "")
    return see_other(f"/{own.get(last) or next(iter(own.values()))}/overview")


@router.post("/signup")
def start_workspace(request: Request, person: Person, form: PostedForm, work: Work) -> Response:
    """Make a person who belongs to no workspace the Owner of one."""
    form.only()
    workspace = start_own_workspace(work, person.user_id, request.app.state.clock.now())
    return see_other(f"/{workspace.slug}/overview")
