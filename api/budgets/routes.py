"""HTTP of budgets.

Belongs here: budgets with what was spent, setting and removing them. Does not belong here: rules (`budgets`), pages
(`api.pages.budgets`).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, ReadWorkspace, caller_with
from api.access.permissions import Permission
from api.answers import json_answer, message_body
from api.budgets.budgets import BudgetOf, BudgetScope, remove_budget, set_budget
from api.currencies import amount_of
from api.dashboards.budgets import budget_list
from api.dashboards.filters import Filters
from api.dashboards.models.budgets import BudgetsAnswer
from api.dashboards.models.group_examples import BUDGETS
from api.dashboards.money import usd_from_millicents
from api.dashboards.serving import Call
from api.dashboards.with_analysis import answer_with_analysis
from api.db.dependencies import Work
from api.openapi import describe

router = APIRouter(prefix="/v1/{workspace}", tags=["budgets"])

Editor = Annotated[Caller, Depends(caller_with(Permission.EDIT_POLICIES))]
Scope = Literal["workspace", "project", "cost_centre"]
_OF: Final[dict[str, Any]] = {"scope": "project", "slug": "batch-summariser"}
_BUDGET: Final[dict[str, Any]] = {**_OF, "monthly_usd": "1500.00000", "alert_percents": [80, 100]}
_CHANGING = (400, 401, 403, 404, 409, 413, 422)


class BudgetNamed(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """What a budget is for."""

    scope: Scope
    slug: str = ""
    """Of the project or cost centre; empty for the workspace."""

    def of(self) -> BudgetOf:
        """Return what it is for."""
        return BudgetOf(BudgetScope(self.scope), "" if self.scope == "workspace" else self.slug)


class NewBudget(BudgetNamed, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A budget to set."""

    monthly_usd: str
    alert_percents: list[int] = []


class BudgetSet(msgspec.Struct, kw_only=True, frozen=True, forbid_unknown_fields=True):
    """A budget as it stands now."""

    scope: Scope
    slug: str
    monthly_usd: str | None
    alert_percents: list[int]


@router.get(
    "/budgets",
    **describe(
        "Budgets",
        answer=BudgetsAnswer,
        example=BUDGETS,
        answer_description="The budgets",
        refusals=(403, 404),
        bearer="api_key",
        extra_answers={304: {"description": "Unchanged since the entity tag sent"}},
    ),
)
def get_budgets(request: Request, reader: ReadWorkspace) -> Response:
    """Every budget with what was spent of it in the running month, its forecast, crossing day and risk.

    Filters do not apply. The forecast is made some minutes after new rows, and says of which build.
    """
    return answer_with_analysis(Call(request, reader, Filters()), "budgets", budget_list)


@router.put(
    "/budgets",
    **describe(
        "Set a budget",
        answer=BudgetSet,
        example=_BUDGET,
        message=NewBudget,
        message_example=_BUDGET,
        refusals=_CHANGING,
    ),
)
def put_budget(
    request: Request,
    caller: Editor,
    message: Annotated[NewBudget, Depends(message_body(NewBudget))],
    work: Work,
) -> Response:
    """Set or change the monthly budget of the workspace, a project or a cost centre."""
    millicents = amount_of(message.monthly_usd, what="budget")
    budget = set_budget(
        work,
        caller.workspace_id,
        millicents,
        of=message.of(),
        alert_percents=message.alert_percents,
        actor=caller.actor,
        at=request.app.state.clock.now(),
    )
    percents = [int(one) for one in (budget.alert_percent or "").split(",") if one]
    monthly = usd_from_millicents(millicents)
    return json_answer(
        BudgetSet(scope=message.scope, slug=message.of().slug, monthly_usd=monthly, alert_percents=percents)
    )


@router.post(
    "/budgets/remove",
    **describe(
        "Remove a budget",
        answer=BudgetSet,
        example={**_OF, "monthly_usd": None, "alert_percents": []},
        message=BudgetNamed,
        message_example=_OF,
        refusals=_CHANGING,
    ),
)
def post_remove(
    request: Request,
    caller: Editor,
    message: Annotated[BudgetNamed, Depends(message_body(BudgetNamed))],
    work: Work,
) -> Response:
    """Remove a monthly budget."""
    remove_budget(work, caller.workspace_id, message.of(), actor=caller.actor, at=request.app.state.clock.now())
    return json_answer(BudgetSet(scope=message.scope, slug=message.of().slug, monthly_usd=None, alert_percents=[]))
