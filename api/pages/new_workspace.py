"""`/new`: a further workspace.

Belongs here: the form and what becomes of it. Does not belong here: who may create one on which plan
(`api.workspaces.creation`), a newcomer's first one (`home`, `api.sign_in.first_workspace`).
"""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter, Request, Response
from sqlalchemy.orm import Session

from api.access.browser_sessions import SignedIn
from api.access.callers import Person
from api.billing.prices import Billing
from api.db.dependencies import Look, Work
from api.errors import Refused
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other
from api.plans import PLAN_LIMITS
from api.workspaces.creation import create_further_workspace, offered_plans
from api.workspaces.routes import plan_named
from api.workspaces.zones import time_zones

router = APIRouter(include_in_schema=False)
_FIELDS = ("name", "slug", "plan", "time_zone")


@router.get("/new")
def new_page(request: Request, person: Person, look: Look) -> Response:
    """Ask for name, slug and plan."""
    return _new(request, person, look)


@router.post("/new")
def create(request: Request, person: Person, form: PostedForm, work: Work) -> Response:
    """Create the workspace and go there; a refusal is shown on the form again, with what was typed."""
    form.only(*_FIELDS)
    billing: Billing = request.app.state.billing
    try:
        workspace = create_further_workspace(
            work,
            person.user_id,
            name=form.text("name"),
            plan=plan_named(form.text("plan")),
            time_zone=form.text("time_zone") or "UTC",
            sold_here=billing.self_service,
            at=request.app.state.clock.now(),
            slug=form.text("slug") or None,
        )
    except Refused as refused:
        work.rollback()
        return _new(request, person, work, refused, {name: form.text(name) for name in _FIELDS})
    return see_other(f"/{workspace.slug}/overview")


def _new(
    request: Request,
    person: SignedIn,
    session: Session,
    refused: Refused | None = None,
    typed: Mapping[str, str] | None = None,
) -> Response:
    billing: Billing = request.app.state.billing
    at = request.app.state.clock.now()
    offered = offered_plans(session, person.user_id, sold_here=billing.self_service, at=at)
    return page(
        request,
        "settings/new.html",
        person=person,
        status=refused.status if refused else 200,
        refused=refused,
        typed=typed or {},
        offered=[(plan, PLAN_LIMITS[plan], billing.prices.monthly.get(plan)) for plan in offered],
        prices=billing.prices,
        zones=[(zone, zone.replace("_", " ")) for zone in time_zones()],
    )
