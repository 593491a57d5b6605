"""The page of cost centres.

Belongs here: `/{workspace}/cost-centers`, on the services and the view the JSON routes use. Does not belong here: rules
(`api.cost_centres`), assigning a project (its own page).
"""

from __future__ import annotations

from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, ReadWorkspace, caller_with
from api.access.permissions import Permission
from api.cost_centres.centres import (
    archive_cost_centre,
    create_cost_centre,
    rename_cost_centre,
    restore_cost_centre,
)
from api.dashboards.chargeback import chargeback
from api.dashboards.cost_centres import cost_centre_list
from api.dashboards.serving import viewing
from api.db.dependencies import Work
from api.errors import Refused, invalid
from api.pages.cost_centre_figures import CHARGEBACK, COST_CENTRES, centres_summary, charged
from api.pages.dashboard import dashboard_page
from api.pages.forms import PostedForm
from api.pages.rail import EVERYTHING, PageFilters, Rail, RailShown
from api.pages.shell import see_other
from api.pages.tables import TableShown

router = APIRouter(include_in_schema=False)

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_PROJECTS))]
DONE: Final = {
    "created": "The cost centre was created. Assign projects to it on their pages.",
    "renamed": "The cost centre was renamed.",
    "archived": "The cost centre is archived: it takes no further projects and keeps those it has.",
    "restored": "The cost centre takes projects again.",
}
_CHANGES: Final = {"archived": archive_cost_centre, "restored": restore_cost_centre}


@router.get("/{workspace}/cost-centers")
def cost_centres_page(request: Request, caller: ReadWorkspace, rail: PageFilters, done: str = "") -> Response:
    """Show spend per cost centre, what is unassigned, and what projects are charged on at."""
    return _page(request, caller, rail, done=DONE.get(done, ""))


@router.post("/{workspace}/cost-centers")
def create(request: Request, caller: Editor, form: PostedForm, work: Work) -> Response:
    """Create a cost centre; a refusal is shown on the form again."""
    form.only("name")
    at = request.app.state.clock.now()
    try:
        create_cost_centre(work, caller.workspace_id, form.text("name"), actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return _page(request, caller, EVERYTHING, refused=refused, typed=form.text("name"))
    return see_other(f"/{caller.slug}/cost-centers?done=created")


@router.post("/{workspace}/cost-centers/{cost_centre}")
def change(request: Request, caller: Editor, cost_centre: str, form: PostedForm, work: Work) -> Response:
    """Rename, archive or restore a cost centre, as the form's field `action` says."""
    form.only("action", "name")
    at, action = request.app.state.clock.now(), form.text("action")
    if action != "renamed" and action not in _CHANGES:
        raise invalid("The form does not say what to do.")
    try:
        if action == "renamed":
            name = form.text("name")
            rename_cost_centre(work, caller.workspace_id, cost_centre, name, actor=caller.actor, at=at)
        else:
            _CHANGES[action](work, caller.workspace_id, cost_centre, actor=caller.actor, at=at)
    except Refused as refused:
        work.rollback()
        return _page(request, caller, EVERYTHING, refused=refused, renaming=cost_centre, typed=form.text("name"))
    return see_other(f"/{caller.slug}/cost-centers?done={action}")


def _page(
    request: Request,
    caller: Caller,
    rail: Rail,
    *,
    done: str = "",
    refused: Refused | None = None,
    renaming: str = "",
    typed: str = "",
) -> Response:
    with viewing(rail.call(request, caller)) as view:
        answer, charges = cost_centre_list(view), chargeback(view)
        unassigned = next((one for one in answer.cost_centres if one.cost_centre is None), None)

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {
                "centres": COST_CENTRES.shown(answer.cost_centres, shown),
                "chargeback": CHARGEBACK.shown(charged(charges), shown),
            }

        return dashboard_page(
            request,
            "cost_centres/list.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            tables=tables,
            status=refused.status if refused else 200,
            done=done,
            refused=refused,
            renaming=renaming,
            typed=typed,
            charges=charges,
            unassigned=unassigned,
            clients=sorted({one.client_name for _, one in charged(charges) if one.client_name}),
            summary=centres_summary(answer.cost_centres),
        )
