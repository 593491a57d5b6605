"""The page of budgets.

Belongs here: `/{workspace}/settings/budgets`, on the services and the view the JSON routes use. Does not belong here:
rules (`api.budgets`).
"""

from __future__ import annotations

import re
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response
from sqlalchemy.orm import Session

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.budgets.budgets import BudgetOf, BudgetScope, remove_budget, set_budget
from api.cost_centres.centres import list_cost_centres
from api.currencies import amount_of
from api.dashboards.budgets import budget_list
from api.dashboards.filters import Filters
from api.dashboards.serving import Call, viewing
from api.dashboards.with_analysis import analysis_of
from api.db.dependencies import Look, Work
from api.errors import Refused, invalid
from api.pages.forms import PostedForm
from api.pages.shell import page, see_other
from api.projects.visibility import list_projects

router = APIRouter(include_in_schema=False)

Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_SETTINGS))]
Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_POLICIES))]
DONE: Final = {"set": "The budget was set.", "removed": "The budget was removed."}
_FIELDS: Final = ("of", "monthly_usd", "alert_percents")
_WHOLE_NUMBERS: Final = re.compile(r"[0-9]{1,4}(%|\s)*(,(%|\s)*[0-9]{1,4}(%|\s)*)*")


@router.get("/{workspace}/settings/budgets")
def budgets_page(request: Request, caller: Viewer, look: Look, done: str = "") -> Response:
    """Show every budget with what was spent of it this month."""
    return _page(request, caller, look, done=DONE.get(done, ""))


@router.post("/{workspace}/settings/budgets")
def save(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Set or change a budget; a refusal is shown on the form again."""
    form.only(*_FIELDS)
    try:
        set_budget(
            work,
            caller.workspace_id,
            amount_of(form.text("monthly_usd"), what="budget"),
            of=_of(form.text("of")),
            alert_percents=_percents(form.text("alert_percents")),
            actor=caller.actor,
            at=request.app.state.clock.now(),
        )
    except Refused as refused:
        work.rollback()
        return _page(request, caller, work, refused=refused, typed={name: form.text(name) for name in _FIELDS})
    return see_other(f"/{caller.slug}/settings/budgets?done=set")


@router.post("/{workspace}/settings/budgets/remove")
def remove(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Remove a budget."""
    form.only("of")
    at = request.app.state.clock.now()
    remove_budget(work, caller.workspace_id, _of(form.text("of")), actor=caller.actor, at=at)
    return see_other(f"/{caller.slug}/settings/budgets?done=removed")


def _page(
    request: Request,
    caller: Caller,
    session: Session,
    *,
    done: str = "",
    refused: Refused | None = None,
    typed: dict[str, str] | None = None,
) -> Response:
    with viewing(Call(request, caller, Filters())) as view, analysis_of(request.app) as analysed:
        answer = budget_list(view, analysed)
    centres = [one for one in list_cost_centres(session, caller.workspace_id) if one.archived_at_us is None]
    projects = [one for one in list_projects(session, caller.workspace_id) if one.archived_at_us is None]
    return page(
        request,
        "budgets/list.html",
        caller=caller,
        status=refused.status if refused else 200,
        done=done,
        refused=refused,
        typed=typed or {"of": "workspace", "monthly_usd": "", "alert_percents": "80, 100"},
        answer=answer,
        choices=[
            ("workspace", "The whole workspace"),
            *((f"cost_centre:{one.slug}", f"Cost centre: {one.name}") for one in centres),
            *((f"project:{one.slug}", f"Project: {one.display_name or one.slug}") for one in projects),
        ],
    )


def _of(text: str) -> BudgetOf:
    scope, _, slug = text.partition(":")
    try:
        return BudgetOf(BudgetScope(scope), slug)
    except ValueError:
        raise invalid("Choose what the budget is for.") from None


def _percents(text: str) -> list[int]:
    if not text:
        return []
    if not _WHOLE_NUMBERS.fullmatch(text):
        raise invalid("Give alerts as whole percents, such as 80, 100.")
    return [int(one) for one in re.findall(r"[0-9]+", text)]
