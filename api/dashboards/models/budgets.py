"""Shapes of budgets with what was spent of them, and of forecasts.

Belongs here: what the budget and forecast views show. Does not belong here: the overview's variance (`overview`),
messages that set a budget (`api.budgets.messages`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from api.dashboards.models.answer import Count, Percent, Shape, Usd
from api.dashboards.models.with_analysis import StampWithAnalysis

Scope = Literal["workspace", "project", "cost_centre"]
ScopeSlug = Annotated[str, Meta(description="Of the project or cost centre; empty for the workspace.")]
ForecastState = Annotated[
    Literal["forecast", "not_enough_data", "nothing_priced"],
    Meta(description="not_enough_data below a week of days; nothing_priced while no request has a known cost."),
]


class MonthEnd(Shape, kw_only=True, frozen=True):
    """How the running month is expected to end; amounts are null unless there is a forecast."""

    state: ForecastState
    as_of_day: Annotated[date, Meta(description="Day in the zone when the forecast was made; it counts as not over.")]
    history_days: Annotated[Count, Meta(description="Whole days before it that the forecast is made from, at most 56.")]
    spent_usd: Annotated[Usd, Meta(description="Metered spend of the month in the build that was analysed.")]
    expected_usd: Usd | None
    low_usd: Annotated[Usd | None, Meta(description="Lower end of the 80 % interval, never below what is spent.")]
    high_usd: Annotated[Usd | None, Meta(description="Upper end of the 80 % interval.")]


class BudgetForecast(MonthEnd, kw_only=True, frozen=True):
    """How the running month is expected to end for a budget."""

    crossing_day: Annotated[
        date | None, Meta(description="Day the budget was crossed, or is expected to be; null: not this month.")
    ]
    earliest_crossing_day: Annotated[
        date | None, Meta(description="The same at the upper end of the interval; null: not even then.")
    ]


class UnpricedRisk(Shape, kw_only=True, frozen=True):
    """What requests of unknown cost, which are in no amount, may add to the month."""

    unpriced_requests: Count
    by_rate_book_usd: Annotated[Usd, Meta(description="What they cost by our rate book, where it has a price.")]
    unrated_requests: Annotated[Count, Meta(description="Those it has no price for either.")]
    risk_usd: Annotated[
        Usd | None,
        Meta(description="The sum, unrated ones as dear as the mean request of known cost; null: nothing to go by."),
    ]


class BudgetShown(Shape, kw_only=True, frozen=True):
    """One budget and this month's spend."""

    scope: Scope
    slug: ScopeSlug
    name: str
    monthly_usd: Usd
    spent_usd: Annotated[Usd, Meta(description="Metered spend of the running month.")]
    remaining_usd: Annotated[Usd, Meta(description="Negative once the budget is exceeded.")]
    used_percent: Percent | None
    alert_percents: list[int]
    reached_percents: Annotated[list[int], Meta(description="Those of the alerts that this month's spend has reached.")]
    unpriced_requests: Annotated[Count, Meta(description="Requests of the month whose cost is unknown.")]
    forecast: Annotated[BudgetForecast | None, Meta(description="Null until the budget has been analysed.")]
    risk: Annotated[UnpricedRisk | None, Meta(description="Null until the budget has been analysed.")]


class BudgetsAnswer(StampWithAnalysis, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/budgets`: the workspace's own first, then cost centres and projects by name."""

    month: Annotated[date, Meta(description="First day of the running month in the workspace's zone.")]
    budgets: list[BudgetShown]


class ForecastDay(Shape, kw_only=True, frozen=True):
    """Spend of the month by the end of a day, expected."""

    day: date
    expected_usd: Usd
    low_usd: Usd
    high_usd: Usd


class ScopeForecast(MonthEnd, kw_only=True, frozen=True):
    """The forecast of the workspace, a project or a cost centre."""

    scope: Scope
    slug: ScopeSlug
    name: str
    requests: Count
    unpriced_requests: Annotated[Count, Meta(description="Requests of the month whose cost is unknown.")]
    days: Annotated[list[ForecastDay], Meta(description="From the day it was made to the end of the month.")]


class ForecastAnswer(StampWithAnalysis, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/forecast`: the workspace first, then cost centres and projects, the dearest first."""

    month: Annotated[date, Meta(description="First day of the running month in the workspace's zone.")]
    forecasts: list[ScopeForecast]
