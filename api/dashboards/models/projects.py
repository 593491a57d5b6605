"""Shapes of the project list and the project view.

Belongs here: what the two show. Does not belong here: the envelope (`answer`), request rows (`requests`).
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

from msgspec import Meta

from api.dashboards.models.answer import Answer, Count, Instant, Percent, PerRequestUsd, Shape, Spend, TokenKinds, Usd
from api.dashboards.models.requests import RequestShown

ProjectState = Annotated[
    Literal["active", "archived", "over_ceiling", "not_shared"],
    Meta(description="not_shared: calls of laptops that withhold the project's name."),
]


class ProjectSummary(Spend, kw_only=True, frozen=True):
    """One project in the period."""

    project: str
    display_name: str | None
    client_name: str | None
    state: ProjectState
    withheld_requests: Count
    previous_cost_usd: Annotated[Usd, Meta(description="Metered spend in the period before.")]
    change_usd: Usd
    change_percent: Percent | None
    share_percent: Annotated[Percent | None, Meta(description="Of the metered spend of all that is filtered for.")]
    last_active_day: Annotated[date | None, Meta(description="Over all time, in the workspace's zone.")]
    path: str


class ProjectsAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/projects`: by spend, largest first; projects without spend come last."""

    projects: list[ProjectSummary]


class SpendPoint(Spend, kw_only=True, frozen=True):
    """Spend and request volume of some days."""

    cost_per_request_usd: Annotated[
        PerRequestUsd | None, Meta(description="Metered spend by metered requests of known cost.")
    ]


class DayPoint(SpendPoint, kw_only=True, frozen=True):
    """One day."""

    day: date


class DaysPoint(SpendPoint, kw_only=True, frozen=True):
    """One ISO week or month, as far as it lies in the period."""

    starts_on: Annotated[date, Meta(description="The week's Monday or the first of the month.")]
    first_day: Annotated[date, Meta(description="First of its days that lies in the period.")]
    last_day: Annotated[date, Meta(description="Last of its days that lies in the period.")]


class SpendOverTime(Shape, kw_only=True, frozen=True):
    """The same spend three ways; each adds up to the totals."""

    daily: list[DayPoint]
    weekly: list[DaysPoint]
    monthly: list[DaysPoint]


class DeviceShare(Spend, kw_only=True, frozen=True):
    """One device's part of a project."""

    device_id: str
    name: str | None
    share_percent: Percent | None
    last_7_days_usd: Annotated[Usd, Meta(description="Today and the 6 days before, whatever the date range.")]
    previous_7_days_usd: Usd
    week_over_week_usd: Usd
    week_over_week_percent: Percent | None


class ModelShare(Spend, kw_only=True, frozen=True):
    """One model's part of a project."""

    provider: str
    model: str
    display_name: str | None
    share_percent: Percent | None
    cost_per_request_usd: PerRequestUsd | None
    tokens: TokenKinds


class ProjectShown(Shape, kw_only=True, frozen=True):
    """The project itself."""

    project: str
    display_name: str | None
    client_name: str | None
    state: ProjectState
    first_seen_at: Instant | None
    archived_at: Instant | None


class ProjectAnswer(Answer, kw_only=True, frozen=True):
    """`GET /v1/{workspace}/projects/{slug}`. Request volume and cost per request stand in `spend_over_time.daily`."""

    project: ProjectShown
    previous_cost_usd: Usd
    change_percent: Percent | None
    spend_over_time: SpendOverTime
    by_device: list[DeviceShare]
    by_model: list[ModelShare]
    recent_requests: Annotated[list[RequestShown], Meta(description="The newest 100 of the period.")]
