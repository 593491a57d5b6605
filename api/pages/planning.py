"""Pages of planning: budgets with where the month is going, and hours that cost far more than usual.

Belongs here: `/{workspace}/budgets` and `/{workspace}/anomalies`. Does not belong here: setting budgets
(`/{workspace}/settings/budgets`, `budgets`), alerts (`alerts`), figures (`api.dashboards`).

A budget is for everything of its scope: its page keeps the filter for other pages, and is not narrowed by it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.dashboards.anomalies import anomaly_list
from api.dashboards.budgets import budget_list
from api.dashboards.cursor import parse_anomaly_cursor
from api.dashboards.filters import FilterError, Filters
from api.dashboards.forecast import forecast
from api.dashboards.queries.anomalies import AnomalyPage
from api.dashboards.serving import Call, viewing
from api.dashboards.with_analysis import analysis_of
from api.pages.anomaly_figures import ANOMALIES, anomaly_row
from api.pages.budget_words import Bar, budget_words, crossing_is_past, of_everything, scope_path
from api.pages.dashboard import dashboard_page
from api.pages.planning_figures import BUDGETS, FORECASTS, month_drawn, month_rows, month_summary
from api.pages.rail import PageFilters, RailShown
from api.pages.tables import TableShown

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]


@router.get("/{workspace}/budgets")
def budgets_page(request: Request, caller: Viewer, rail: PageFilters) -> Response:
    """Show every budget, what is spent of it, and where the month is going."""
    with viewing(Call(request, caller, Filters())) as view, analysis_of(request.app) as analysed:
        answer = budget_list(view, analysed)
        forecasts = forecast(view, analysed)
        month = month_rows(request, caller)
        whole = of_everything(answer)

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {
                "budgets": BUDGETS.shown([(caller.slug, one) for one in answer.budgets], shown),
                "forecasts": FORECASTS.shown([(caller.slug, one) for one in forecasts.forecasts], shown),
            }

        return dashboard_page(
            request,
            "planning/budgets.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            tables=tables,
            bars=[
                (one, Bar.of(one), scope_path(caller.slug, one.scope, one.slug), budget_words(one, answer.month))
                for one in answer.budgets
            ],
            whole=whole,
            is_crossed=whole is not None and crossing_is_past(whole),
            month_end=next((one for one in forecasts.forecasts if one.scope == "workspace"), None),
            drawn=bool(month_drawn(month, forecasts, whole)),
            summary=month_summary(month, forecasts, whole),
            today=view.period.today,
        )


@router.get("/{workspace}/anomalies")
def anomalies_page(request: Request, caller: Viewer, rail: PageFilters) -> Response:
    """Show hours that stand out of the same hours before, with the requests behind each, a page of them at a time."""
    refusal = ""
    try:
        page = AnomalyPage(after=parse_anomaly_cursor(request.query_params.get("cursor")))
    except FilterError as error:
        page, refusal = AnomalyPage(), str(error)
    with viewing(rail.call(request, caller)) as view, analysis_of(request.app) as analysed:
        answer = anomaly_list(view, analysed, page)
        rows = [anomaly_row(caller.slug, one, view.time_zone) for one in answer.anomalies]

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {
                "anomalies": ANOMALIES.shown(
                    rows, shown, zone=answer.time_zone, is_all=page.after is None and answer.next_cursor is None
                )
            }

        return dashboard_page(
            request,
            "planning/anomalies.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            tables=tables,
            refusal=refusal,
            is_first=page.after is None,
        )
