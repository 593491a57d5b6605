"""Answers of `budgets` as the OpenAPI document has them; written by `python -m api.client_types`."""

from __future__ import annotations

from typing import Literal, NotRequired, TypedDict


class BudgetForecast(TypedDict):
    """How the running month is expected to end for a budget."""

    state: Literal["forecast", "not_enough_data", "nothing_priced"]
    as_of_day: str
    history_days: int
    spent_usd: str
    expected_usd: str | None
    low_usd: str | None
    high_usd: str | None
    crossing_day: str | None
    earliest_crossing_day: str | None


class BudgetShown(TypedDict):
    """One budget and this month's spend."""

    scope: Literal["cost_centre", "project", "workspace"]
    slug: str
    name: str
    monthly_usd: str
    spent_usd: str
    remaining_usd: str
    used_percent: str | None
    alert_percents: list[int]
    reached_percents: list[int]
    unpriced_requests: int
    forecast: BudgetForecast | None
    risk: UnpricedRisk | None


class BudgetsAnswer(TypedDict):
    """`GET /v1/{workspace}/budgets`: the workspace's own first, then cost centres and projects by name."""

    workspace: str
    build_id: str | None
    data_as_of: str | None
    stale: bool
    time_zone: str
    currency: NotRequired[Literal["USD"]]
    analysis_id: str | None
    analysed_build_id: str | None
    analysed_data_as_of: str | None
    month: str
    budgets: list[BudgetShown]


class UnpricedRisk(TypedDict):
    """What requests of unknown cost, which are in no amount, may add to the month."""

    unpriced_requests: int
    by_rate_book_usd: str
    unrated_requests: int
    risk_usd: str | None
