"""The page for whoever pays: `/{workspace}/executive`.

Belongs here: showing a few numbers large, and how far they can be trusted. Does not belong here: the numbers
(`api.dashboards.executive`), the signed PDF (`api.reports`).
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.dashboards.executive import executive
from api.dashboards.forecast import forecast
from api.dashboards.models.budgets import ScopeForecast
from api.dashboards.models.executive import ExecutiveAnswer, ReconciledMonth, SpendOfDays, TopShare
from api.dashboards.serving import viewing
from api.dashboards.view import View
from api.dashboards.with_analysis import AnalysisRows, analysis_of
from api.pages.dashboard import Asked, dashboard_page, table_source
from api.pages.overview import requests_path
from api.pages.rail import PageFilters, RailShown
from api.pages.spend_columns import requests_column, share_column, spend_columns
from api.pages.tables import Column, Table, TableShown

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]

TRUST: Final = {
    "green": ("good", "The log and the bill agree: less than 0.5\u00a0% apart."),
    "amber": ("warn", "The log and the bill are between 0.5\u00a0% and 2\u00a0% apart."),
    "red": ("bad", "The log and the bill are more than 2\u00a0% apart. Worth a look before these numbers are used."),
}
"""What a variance's colour means."""
SUSPECT: Final = {
    "x100": "The bill is about a hundred times the log: it may have been entered in cents.",
    "x0.01": "The bill is about a hundredth of the log: it may have been entered in dollars where cents were meant.",
}
DEAREST: Final = Table(
    "dearest-projects",
    "Largest projects",
    (
        Column(
            "project",
            "Project",
            lambda one: one.display_name or one.project,
            link=lambda one: one.path,
            also={"slug": lambda one: one.project},
        ),
        *spend_columns(),
        share_column(),
        requests_column(),
    ),
    "No requests in this period.",
)


MONTHS: Final = Table(
    "executive-months",
    "Logged and billed",
    (
        Column("month", "Month", lambda one: f"{one.month:%Y-%m}", "month"),
        Column("logged_usd", "Logged", lambda one: one.logged_usd, "money"),
        Column("awaiting_usd", "Not billed yet", lambda one: one.awaiting_usd, "money"),
        Column("billed_usd", "Billed", lambda one: one.billed_usd, "money"),
        Column("variance_usd", "Variance", lambda one: one.variance_usd, "change_money"),
        Column("variance_percent", "Variance", lambda one: one.variance_percent, "change"),
        Column("colour", "Colour", lambda one: one.colour),
        Column("unit_suspect", "Unit", lambda one: one.unit_suspect),
    ),
)


@router.get("/{workspace}/executive")
def executive_page(request: Request, caller: Viewer, rail: PageFilters) -> Response:
    """Show what was spent, how that changes, on what, and whether the bills say the same."""
    with viewing(rail.call(request, caller)) as view, analysis_of(request.app) as analysed:
        answer = executive(view, analysed)

        def spent_path(part: SpendOfDays) -> str:
            return requests_path(caller.slug, rail.filters, part.from_day, part.to_day)

        def tables(shown: RailShown) -> dict[str, TableShown]:
            return {"dearest": DEAREST.shown(answer.top_projects, shown)}

        return dashboard_page(
            request,
            "executive/page.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            tables=tables,
            spent_path=spent_path,
            trusted=_trusted(answer),
            trust=TRUST,
            suspect=_suspect,
            month_end=None if rail.filters.narrows else _month_end(view, analysed),
            has_figures=any(one.requests for one in (answer.this_month, answer.last_month, answer.year_to_date))
            or answer.data_as_of is not None,
            top_percent=_top_percent(answer.top_projects),
        )


def _trusted(answer: ExecutiveAnswer) -> ReconciledMonth | None:
    """Return the newest month with a bill."""
    return next((one for one in answer.reconciliation if one.colour is not None), None)


def _suspect(one: ReconciledMonth) -> str | None:
    return SUSPECT.get(one.unit_suspect) if one.unit_suspect else None


def _month_end(view: View, analysed: AnalysisRows) -> ScopeForecast | None:
    """Return the workspace's forecast, where there is one."""
    found = (one for one in forecast(view, analysed).forecasts if one.scope == "workspace" and one.expected_usd)
    return next(found, None)


def _top_percent(rows: Sequence[TopShare]) -> Decimal | None:
    known = [Decimal(one.share_percent) for one in rows if one.share_percent is not None]
    return sum(known, Decimal(0)) if known else None


@table_source(DEAREST)
def dearest(asked: Asked) -> Sequence[TopShare]:
    """Return the three dearest projects."""
    with asked.viewing() as view, analysis_of(asked.request.app) as analysed:
        return executive(view, analysed).top_projects


@table_source(MONTHS)
def months(asked: Asked) -> Sequence[ReconciledMonth]:
    """Return the months that can be held against a bill, of all spend whatever the filter says."""
    with asked.viewing() as view, analysis_of(asked.request.app) as analysed:
        return executive(view, analysed).reconciliation
