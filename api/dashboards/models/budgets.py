"""Shapes of budgets with what was spent of them.

Belongs here: what the budget view shows. Does not belong here: the overview's variance (`overview`), messages that set
a budget (`api.budgets.messages`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from api.dashboards.models.answer import BuildStamp, Count, Percent, Shape, Usd


class BudgetShown(Shape, kw_only=True, frozen=True):
    """One budget and this month's spend."""

    scope: Literal["workspace", "project", "cost_centre"]
    slug: Annotated[str, Meta(description="Of the project or cost centre; empty for the workspace.")]
    name: str
    monthly_usd: Usd
    spent_usd: Annotated[Usd, Meta(description="Metered spend of the running month.")]
    remaining_usd: Annotated[Usd, Meta(description="Negative once the budget is exceeded.")]
    used_percent: Percent | None
    alert_percents: list[int]
    reached_percents: Annotated[list[int], Meta(description="Those of the alerts that this month's spend has reached.")]
    unpriced_requests: Annotated[Count, Meta(description="Requests of the month whose cost is unknown.")]


class BudgetsAnswer(BuildStamp, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/budgets`: the workspace's own first, then cost centres and projects by name."""

    month: Annotated[date, Meta(description="First day of the running month in the workspace's zone.")]
    budgets: list[BudgetShown]
