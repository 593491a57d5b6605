"""Budgets against the running month.

Belongs here: what was spent of each budget. Does not belong here: setting them (`api.budgets`).

A budget is for everything of its scope, whatever a view's filter says.
"""

from __future__ import annotations

from api.budgets.budgets import BudgetScope, StandingBudget, list_budgets
from api.cost_centres.centres import list_cost_centres
from api.dashboards.control import projects
from api.dashboards.filters import Filters
from api.dashboards.measures import NO_MONEY, Money, total
from api.dashboards.models.budgets import BudgetsAnswer, BudgetShown
from api.dashboards.money import percent, usd_from_millicents
from api.dashboards.periods import days_span, month_start, next_month
from api.dashboards.queries import spend
from api.dashboards.queries.asking import Asking, By
from api.dashboards.shown import build_fields
from api.dashboards.view import View
from api.db.session import reading


def budget_list(view: View) -> BudgetsAnswer:
    """Return every budget with this month's metered spend of its scope."""
    month = month_start(view.period.today)
    span = days_span(month, next_month(month), view.time_zone)
    everything = Asking(view.workspace_id, view.time_zone, Filters())
    by_project = {key[0]: sums for key, sums in spend.money(view.marts, everything, span, By.PROJECT).items()}
    with reading(view.engine) as session:
        standing = list_budgets(session, view.workspace_id)
        centres = {centre.id: centre.slug for centre in list_cost_centres(session, view.workspace_id)}
    centre_of = {
        slug: centres.get(project.cost_centre_id or "")
        for slug, project in projects(view.engine, view.workspace_id).items()
    }

    def counts(budget: StandingBudget, project: str) -> bool:
        if budget.of.scope is BudgetScope.PROJECT:
            return project == budget.of.slug
        return budget.of.scope is BudgetScope.WORKSPACE or centre_of.get(project) == budget.of.slug

    return BudgetsAnswer(
        **build_fields(view),
        month=month,
        budgets=[
            _shown(one, total((sums for slug, sums in by_project.items() if counts(one, slug)), NO_MONEY))
            for one in standing
        ],
    )


def _shown(budget: StandingBudget, sums: Money) -> BudgetShown:
    spent, monthly = sums.metered_millicents, budget.monthly_millicents
    return BudgetShown(
        scope=budget.of.scope.value,
        slug=budget.of.slug,
        name=budget.name,
        monthly_usd=usd_from_millicents(monthly),
        spent_usd=usd_from_millicents(spent),
        remaining_usd=usd_from_millicents(monthly - spent),
        used_percent=percent(spent, monthly),
        alert_percents=list(budget.alert_percents),
        reached_percents=[one for one in budget.alert_percents if spent * 100 >= monthly * one],
        unpriced_requests=sums.unpriced_requests,
    )
