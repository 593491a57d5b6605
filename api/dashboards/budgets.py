"""Budgets against the running month, and where it is going.

Belongs here: what was spent of each budget, with its forecast. Does not belong here: setting them (`api.budgets`),
making the forecast (`dbt_project`).

A budget is for everything of its scope, whatever a view's filter says. What is spent is of the newest build; forecast
and risk are of the analysis, which says what it was made of, and are left out once the budget was changed since.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any, Final

from sqlalchemy import Engine

from api.budgets.budgets import BudgetScope, StandingBudget, list_budgets
from api.cost_centres.centres import list_cost_centres
from api.dashboards.control import projects
from api.dashboards.filters import Filters
from api.dashboards.measures import NO_MONEY, Money, total
from api.dashboards.models.budgets import BudgetForecast, BudgetsAnswer, BudgetShown, UnpricedRisk
from api.dashboards.money import known_usd_from_millicents, percent, usd_from_millicents
from api.dashboards.periods import days_span, month_start, next_month
from api.dashboards.queries import spend
from api.dashboards.queries.asking import Asking, By
from api.dashboards.queries.marts import Marts
from api.dashboards.shown import build_fields
from api.dashboards.view import View
from api.dashboards.with_analysis import AnalysisRows
from api.db.session import reading

Row = dict[str, Any]
_OF_MONTH: Final = "where workspace_id = $workspace_id and local_month = $month"
_FORECASTS: Final = f"select * from mart_budget_forecast {_OF_MONTH}"  # noqa: S608 - fixed fragments
_STATUS: Final = f"select * from mart_budget_status {_OF_MONTH}"  # noqa: S608 - fixed fragments


def budget_list(view: View, analysed: AnalysisRows) -> BudgetsAnswer:
    """Return every budget with this month's metered spend of its scope, its forecast, crossing day and risk."""
    month = month_start(view.period.today)
    forecasts, statuses = (
        {
            (row["scope"], row["slug"], row["monthly_millicents"]): row
            for row in analysed.of(table, statement, view.workspace_id, {"month": month})
        }
        for table, statement in (("mart_budget_forecast", _FORECASTS), ("mart_budget_status", _STATUS))
    )
    return BudgetsAnswer(
        **build_fields(view),
        **analysed.fields(view.workspace_id),
        month=month,
        budgets=[
            _shown(one, sums, forecasts, statuses)
            for one, sums in budget_sums(view.engine, view.marts, view.workspace_id, view.time_zone, month)
        ],
    )


def budget_sums(
    engine: Engine, marts: Marts, workspace_id: str, time_zone: str, month: date
) -> list[tuple[StandingBudget, Money]]:
    """Return every budget with what its scope cost in a local month, visible requests only.

    Args:
        engine: the app database.
        marts: the snapshot; without one there are no sums.
        workspace_id: whose.
        time_zone: zone of its local days.
        month: first day of the month.
    """
    span = days_span(month, next_month(month), time_zone)
    everything = Asking(workspace_id, time_zone, Filters())
    by_project = {key[0]: sums for key, sums in spend.money(marts, everything, span, By.PROJECT).items()}
    with reading(engine) as session:
        standing = list_budgets(session, workspace_id)
        centres = {centre.id: centre.slug for centre in list_cost_centres(session, workspace_id)}
    centre_of = {
        slug: centres.get(project.cost_centre_id or "") for slug, project in projects(engine, workspace_id).items()
    }

    def counts(budget: StandingBudget, project: str) -> bool:
        if budget.of.scope is BudgetScope.PROJECT:
            return project == budget.of.slug
        return budget.of.scope is BudgetScope.WORKSPACE or centre_of.get(project) == budget.of.slug

    return [
        (one, total((sums for slug, sums in by_project.items() if counts(one, slug)), NO_MONEY)) for one in standing
    ]


_Key = tuple[str, str, int]


def _shown(
    budget: StandingBudget, sums: Money, forecasts: Mapping[_Key, Row], statuses: Mapping[_Key, Row]
) -> BudgetShown:
    spent, monthly = sums.metered_millicents, budget.monthly_millicents
    key = budget.of.scope.value, budget.of.slug, monthly
    return BudgetShown(
        scope=budget.of.scope.value,
        slug=budget.of.slug,
        name=budget.name,
        monthly_usd=usd_from_millicents(monthly),
        spent_usd=usd_from_millicents(spent),
        remaining_usd=usd_from_millicents(monthly - spent),
        used_percent=percent(spent, monthly),
        alert_percents=list(budget.alert_percents),
        # Nothing spent reaches nothing, not even of a budget of zero: as alerts have it.
        reached_percents=[one for one in budget.alert_percents if spent > 0 and spent * 100 >= monthly * one],
        unpriced_requests=sums.unpriced_requests,
        forecast=_forecast(forecasts.get(key)),
        risk=_risk(statuses.get(key)),
    )


def _forecast(row: Row | None) -> BudgetForecast | None:
    if row is None:
        return None
    return BudgetForecast(
        state=row["state"],
        as_of_day=row["as_of_day"],
        history_days=row["history_days"],
        spent_usd=usd_from_millicents(row["spent_millicents"]),
        expected_usd=known_usd_from_millicents(row["expected_millicents"]),
        low_usd=known_usd_from_millicents(row["low_millicents"]),
        high_usd=known_usd_from_millicents(row["high_millicents"]),
        crossing_day=row["crossing_day"],
        earliest_crossing_day=row["earliest_crossing_day"],
    )


def _risk(row: Row | None) -> UnpricedRisk | None:
    if row is None:
        return None
    return UnpricedRisk(
        unpriced_requests=row["unpriced_requests"],
        by_rate_book_usd=usd_from_millicents(row["unpriced_rated_millicents"]),
        unrated_requests=row["unpriced_unrated_requests"],
        risk_usd=known_usd_from_millicents(row["unpriced_risk_millicents"]),
    )
