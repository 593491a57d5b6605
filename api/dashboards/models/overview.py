"""Shapes of the overview.

Belongs here: headline, budget, daily chart, top lists and sync banner. Does not belong here: the envelope (`answer`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from api.dashboards.models.answer import Answer, Count, Instant, Percent, Shape, Spend, Usd
from api.devices import SyncBanner


class HeadlineNumber(Spend, kw_only=True, frozen=True):
    """Spend of the days from..to, both included."""

    from_day: date = msgspec.field(name="from")
    to_day: date = msgspec.field(name="to")


class Headline(Shape, kw_only=True, frozen=True):
    """The headline numbers, in the workspace's zone, whatever the date range; the other filters apply."""

    today: HeadlineNumber
    this_month: HeadlineNumber
    last_month: HeadlineNumber


class BudgetVariance(Shape, kw_only=True, frozen=True):
    """This month's metered spend of the whole workspace against its monthly budget, filters aside."""

    monthly_budget_usd: Usd
    spent_usd: Usd
    variance_usd: Annotated[Usd, Meta(description="Spent minus budget: negative while under budget.")]
    used_percent: Percent | None
    variance_percent: Percent | None
    unpriced_requests: Annotated[Count, Meta(description="Requests of unknown cost this month: a risk on top.")]


class ProviderSpend(Shape, kw_only=True, frozen=True):
    """One provider's layer of a chart."""

    provider: str
    cost_usd: Usd


class ChartPoint(Shape, kw_only=True, frozen=True):
    """One day, or one 15-minute bucket of the last 24 hours, beside its counterpart in the period before."""

    day: date
    starts_at: Instant
    cost_usd: Usd
    requests: Count
    unpriced_requests: Count
    by_provider: list[ProviderSpend]
    baseline_day: date | None
    baseline_starts_at: Instant | None
    baseline_cost_usd: Usd | None


class SpendChart(Shape, kw_only=True, frozen=True):
    """Spend over the period stacked by provider; the points add up to the totals."""

    bucket: Literal["day", "15min"]
    providers: Annotated[list[str], Meta(description="Layers, largest first.")]
    points: list[ChartPoint]
    baseline_cost_usd: Annotated[Usd, Meta(description="Metered spend of the whole period before.")]
    change_percent: Annotated[Percent | None, Meta(description="Against the period before; null without spend then.")]


class TopProject(Spend, kw_only=True, frozen=True):
    """A project by spend in the period."""

    project: str
    display_name: str | None
    share_percent: Percent | None
    path: Annotated[str, Meta(description="Its view; put /v1 before it for JSON.")]


class TopModel(Spend, kw_only=True, frozen=True):
    """A model by spend in the period."""

    provider: str
    model: str
    display_name: str | None
    share_percent: Percent | None
    path: Annotated[str, Meta(description="Its requests; put /v1 before it for JSON.")]


class SyncShown(Shape, kw_only=True, frozen=True):
    """How the paired devices are doing."""

    colour: SyncBanner
    devices: Count
    active: Count
    degraded: Count
    paused: Count
    not_configured: Count


class OverviewAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/overview`."""

    headline: Headline
    budget: BudgetVariance | None
    daily: SpendChart
    top_projects: list[TopProject]
    top_models: list[TopModel]
    sync: SyncShown
