"""What the page of budgets shows: tables of budgets and forecasts, and the chart of the month.

Belongs here: columns, and the rows behind tables and charts. Does not belong here: words (`budget_words`),
routes (`planning`), anomalies (`anomaly_figures`), figures (`api.dashboards`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from decimal import Decimal
from typing import Any, Final

from fastapi import Request

from api.access.callers import Caller
from api.dashboards.budgets import budget_list
from api.dashboards.filters import Filters
from api.dashboards.forecast import forecast
from api.dashboards.models.budgets import BudgetShown, ForecastAnswer, ScopeForecast
from api.dashboards.models.overview import ChartPoint
from api.dashboards.overview import overview
from api.dashboards.periods import RangeName
from api.dashboards.serving import Call, viewing
from api.dashboards.with_analysis import analysis_of
from api.pages.budget_words import (
    NO_FORECAST,
    SCOPES,
    crossing_is_past,
    interval_words,
    of_everything,
    scope_name,
    scope_path,
)
from api.pages.dashboard import Asked, Drawn, chart_source, table_source
from api.pages.tables import Column, Table
from api.pages.words import moment_words, usd

_Row = tuple[str, BudgetShown]


def _of_forecast(name: str) -> Callable[[_Row], Any]:
    def read(row: _Row) -> Any:
        return getattr(row[1].forecast, name) if row[1].forecast else None

    return read


def _of_risk(name: str) -> Callable[[_Row], Any]:
    def read(row: _Row) -> Any:
        return getattr(row[1].risk, name) if row[1].risk else None

    return read


def _crossing_note(row: _Row) -> str | None:
    if row[1].forecast is None or row[1].forecast.crossing_day is None:
        return None
    return "crossed" if crossing_is_past(row[1]) else "expected"


BUDGETS: Final = Table(
    "budgets",
    "Budgets of the month",
    (
        Column(
            "name",
            "For",
            lambda row: scope_name(row[1].scope, row[1].name),
            link=lambda row: scope_path(row[0], row[1].scope, row[1].slug),
            note=lambda row: SCOPES[row[1].scope],
            also={"scope": lambda row: row[1].scope, "slug": lambda row: row[1].slug},
        ),
        Column(
            "monthly_usd",
            "A month",
            lambda row: row[1].monthly_usd,
            "money",
            also={"alert_percents": lambda row: ", ".join(str(part) for part in row[1].alert_percents)},
        ),
        Column(
            "spent_usd",
            "Spent",
            lambda row: row[1].spent_usd,
            "money",
            also={"unpriced_requests": lambda row: row[1].unpriced_requests},
        ),
        Column("used_percent", "Used", lambda row: row[1].used_percent, "percent"),
        Column("remaining_usd", "Remaining", lambda row: row[1].remaining_usd, "money"),
        Column(
            "expected_usd",
            "Expected",
            _of_forecast("expected_usd"),
            "money",
            note=lambda row: interval_words(row[1].forecast),
            also={"low_usd": _of_forecast("low_usd"), "high_usd": _of_forecast("high_usd")},
        ),
        Column(
            "crossing_day",
            "Crossing",
            _of_forecast("crossing_day"),
            "day",
            note=_crossing_note,
            also={"earliest_crossing_day": _of_forecast("earliest_crossing_day")},
        ),
        Column("risk_usd", "Unpriced risk", _of_risk("risk_usd"), "money"),
    ),
    "No budget is set.",
)
FORECASTS: Final = Table(
    "forecasts",
    "Where the month is going",
    (
        Column(
            "name",
            "Of",
            lambda row: scope_name(row[1].scope, row[1].name),
            link=lambda row: scope_path(row[0], row[1].scope, row[1].slug),
            note=lambda row: SCOPES[row[1].scope],
            also={"scope": lambda row: row[1].scope, "slug": lambda row: row[1].slug},
        ),
        Column(
            "spent_usd",
            "Spent when analysed",
            lambda row: row[1].spent_usd,
            "money",
            also={"unpriced_requests": lambda row: row[1].unpriced_requests, "requests": lambda row: row[1].requests},
        ),
        Column(
            "expected_usd",
            "Expected at month end",
            lambda row: row[1].expected_usd,
            "money",
            note=lambda row: NO_FORECAST.get(row[1].state),
            also={"state": lambda row: row[1].state},
        ),
        Column("low_usd", "At least (80 %)", lambda row: row[1].low_usd, "money"),
        Column("high_usd", "At most (80 %)", lambda row: row[1].high_usd, "money"),
        Column("history_days", "Days it is made from", lambda row: row[1].history_days, "number"),
    ),
    "There is no forecast yet.",
)


def month_rows(request: Request, caller: Caller) -> Sequence[ChartPoint]:
    """Return the running month's days with their spend."""
    with viewing(Call(request, caller, Filters(RangeName.THIS_MONTH))) as view:
        return overview(view).daily.points


def month_drawn(
    days: Sequence[ChartPoint], forecasts: ForecastAnswer, budget: BudgetShown | None
) -> list[dict[str, Any]]:
    """Return the rows of `month-forecast`; none while there is nothing to draw."""
    found = next((one for one in forecasts.forecasts if one.scope == "workspace"), None)
    limit = None if budget is None else float(budget.monthly_usd)
    rows: dict[date, dict[str, Any]] = {}
    spent = Decimal(0)
    for point in days:
        spent += Decimal(point.cost_usd)
        rows[point.day] = {**_empty(point.day, limit), "actual_usd": float(spent)}
    for day in found.days if found else ():
        row = rows.setdefault(day.day, _empty(day.day, limit))
        row |= {
            "expected_usd": float(day.expected_usd),
            "low_usd": float(day.low_usd),
            "high_usd": float(day.high_usd),
        }
    ordered = [rows[day] for day in sorted(rows)]
    if not ordered or not (found or spent):
        return []
    if ordered[-1]["expected_usd"] is not None:
        ordered[-1]["label"] = f"{usd(str(ordered[-1]['expected_usd']))} expected"
    if budget is not None:
        ordered[0]["budget_label"] = f"Budget {usd(budget.monthly_usd)}"
    return ordered


def month_summary(days: Sequence[ChartPoint], forecasts: ForecastAnswer, budget: BudgetShown | None) -> str:
    """Return what the chart of the month shows, in a sentence."""
    spent = sum((Decimal(point.cost_usd) for point in days), Decimal(0))
    found: ScopeForecast | None = next((one for one in forecasts.forecasts if one.scope == "workspace"), None)
    words = f"{usd(str(spent))} spent so far this month"
    if found is not None and found.expected_usd is not None:
        words += f"; about {usd(found.expected_usd)} expected by its end, {interval_words(found)} with 80 % confidence"
    return f"{words}; the budget is {usd(budget.monthly_usd)}." if budget else f"{words}."


@chart_source("month-forecast")
def month_chart(asked: Asked) -> Drawn:
    """Return the month's spend by day, and what is expected of the rest."""
    month = month_rows(asked.request, asked.caller)
    with (
        viewing(Call(asked.request, asked.caller, Filters())) as view,
        analysis_of(asked.request.app) as analysed,
    ):
        return Drawn(month_drawn(month, forecast(view, analysed), of_everything(budget_list(view, analysed))))


@table_source(BUDGETS)
def budget_rows(asked: Asked) -> Sequence[tuple[str, BudgetShown]]:
    """Return every budget."""
    with (
        viewing(Call(asked.request, asked.caller, Filters())) as view,
        analysis_of(asked.request.app) as analysed,
    ):
        return [(asked.caller.slug, one) for one in budget_list(view, analysed).budgets]


@table_source(FORECASTS)
def forecast_rows(asked: Asked) -> Sequence[tuple[str, ScopeForecast]]:
    """Return every forecast."""
    with (
        viewing(Call(asked.request, asked.caller, Filters())) as view,
        analysis_of(asked.request.app) as analysed,
    ):
        return [(asked.caller.slug, one) for one in forecast(view, analysed).forecasts]


def _empty(day: date, budget: float | None) -> dict[str, Any]:
    unknown = dict.fromkeys(("actual_usd", "expected_usd", "low_usd", "high_usd", "label", "budget_label"))
    return {"at": day, "when": moment_words(day), **unknown, "budget_usd": budget}
