"""The page a person lands on: `/{workspace}/overview`.

Belongs here: showing the overview's numbers, its chart and tables, and what a new workspace does first. Does not belong
here: the numbers (`api.dashboards.overview`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Annotated, Any, Final
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Request, Response

from api.access.callers import Caller, caller_with
from api.access.permissions import Permission
from api.access.same_site import public_url
from api.dashboards.filters import Filters
from api.dashboards.models.overview import ChartPoint, HeadlineNumber, OverviewAnswer, SpendChart
from api.dashboards.overview import overview
from api.dashboards.periods import RangeName
from api.dashboards.serving import viewing
from api.pages.dashboard import Asked, Drawn, chart_source, dashboard_page, table_source
from api.pages.rail import PageFilters, RailShown
from api.pages.spend_columns import requests_column, share_column, spend_columns
from api.pages.tables import Column, Table, TableShown
from api.pages.words import moment_words, usd
from api.providers import provider_words

router = APIRouter(include_in_schema=False)
Viewer = Annotated[Caller, Depends(caller_with(Permission.VIEW_DASHBOARDS))]

TOP_PROJECTS: Final = Table(
    "top-projects",
    "Largest projects",
    (
        Column(
            "project",
            "Project",
            lambda one: one.display_name or one.project,
            link=lambda one: one.path,
            also={"slug": lambda one: one.project},
        ),
        *spend_columns(notes=False),
        share_column(),
        requests_column(),
    ),
    "No requests in this period.",
)
TOP_MODELS: Final = Table(
    "top-models",
    "Largest models",
    (
        Column(
            "model",
            "Model",
            lambda one: one.display_name or one.model,
            link=lambda one: one.path,
            note=lambda one: provider_words(one.provider),
            also={"provider": lambda one: one.provider, "model_id": lambda one: one.model},
        ),
        *spend_columns(notes=False),
        share_column(),
        requests_column(),
    ),
    "No requests in this period.",
)
DAYS: Final = Table(
    "spend-by-day",
    "Spend by day",
    (
        Column("day", "Day", lambda one: one.day, "day"),
        Column("starts_at", "From", lambda one: one.starts_at, "instant"),
        Column(
            "cost_usd",
            "Spend",
            lambda one: one.cost_usd,
            "money",
            note=lambda one: " · ".join(
                f"{provider_words(part.provider)} {usd(part.cost_usd)}" for part in one.by_provider
            ),
            also={"unpriced_requests": lambda one: one.unpriced_requests},
        ),
        requests_column(),
        Column("baseline_day", "Day before", lambda one: one.baseline_day, "day"),
        Column("baseline_usd", "Period before", lambda one: one.baseline_cost_usd, "money"),
    ),
)


@router.get("/{workspace}/overview")
def overview_page(request: Request, caller: Viewer, rail: PageFilters) -> Response:
    """Show how the workspace does; a new one's first steps instead."""
    with viewing(rail.call(request, caller)) as view:
        answer = overview(view)
        has_devices = bool(view.devices)

        def tables(shown: RailShown) -> dict[str, TableShown]:
            without = ("starts_at",) if answer.daily.bucket == "day" else ("day", "baseline_day")
            return {
                "projects": TOP_PROJECTS.shown(answer.top_projects, shown),
                "models": TOP_MODELS.shown(answer.top_models, shown),
                "days": DAYS.shown(answer.daily.points, shown, zone=answer.time_zone, without=without),
            }

        def headline_path(number: HeadlineNumber) -> str:
            return requests_path(caller.slug, rail.filters, number.from_day, number.to_day)

        return dashboard_page(
            request,
            "overview/page.html",
            caller=caller,
            rail=rail,
            view=view,
            answer=answer,
            tables=tables,
            is_new=not _has_requests(answer),
            has_devices=has_devices,
            base_url=public_url(request),
            chart_summary=_summary(answer),
            headline_path=headline_path,
        )


@chart_source("spend-by-provider")
def spend_by_provider(asked: Asked) -> Drawn:
    """Return the chart's rows: a layer per provider and day, and the period before."""
    with asked.viewing() as view:
        return drawn_spend(overview(view).daily, view.time_zone)


def drawn_spend(daily: SpendChart, zone: str) -> Drawn:
    """Return rows of `spend-by-provider`; none where nothing was spent, nor in the period before."""
    rows: list[dict[str, Any]] = []
    if not daily.providers and not float(daily.baseline_cost_usd):
        return Drawn(rows, [])
    for point in daily.points:
        at = point.day if daily.bucket == "day" else _local(point.starts_at, zone)
        spent = {layer.provider: layer.cost_usd for layer in point.by_provider}
        for place, provider in enumerate(daily.providers):
            rows.append(_row(at, provider, spent.get(provider, "0"), None, point.requests, place=place))
        if point.baseline_cost_usd is not None:
            before = point.baseline_day if daily.bucket == "day" else _local(point.baseline_starts_at or "", zone)
            rows.append(_row(at, None, None, point.baseline_cost_usd, None, when=before))
    return Drawn(rows, [provider_words(one) for one in daily.providers])


def _local(text: str, zone: str) -> datetime:
    """Return an instant as the workspace's clocks show it: a browser would write it in its reader's zone."""
    return datetime.fromisoformat(text).astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def requests_path(slug: str, filters: Filters, first: date, last: date) -> str:
    """Return the path of the requests of some days, narrowed as a page's filter does."""
    days = replace(filters, range=RangeName.CUSTOM, first_day=first, last_day=last)
    return f"/{slug}/requests?{days.query_string()}"


def _summary(answer: OverviewAnswer) -> str:
    parts = [f"Spend of {usd(answer.totals.cost_usd)} from {answer.period.first_day} to {answer.period.last_day}"]
    if answer.daily.providers:
        parts.append(f"by {', '.join(provider_words(one) for one in answer.daily.providers)}")
    if answer.daily.points:
        peak = max(answer.daily.points, key=lambda point: float(point.cost_usd))
        parts.append(f"highest on {peak.day} with {usd(peak.cost_usd)}")
    return f"{', '.join(parts)}; {usd(answer.daily.baseline_cost_usd)} in the period before."


def _row(
    at: date | datetime,
    provider: str | None,
    cost: str | None,
    baseline: str | None,
    requests: int | None,
    when: date | datetime | None = None,
    place: int | None = None,
) -> dict[str, Any]:
    return {
        "at": at,
        "when": moment_words(when or at),
        "series": None if provider is None else provider_words(provider),
        "cost_usd": None if cost is None else float(cost),
        "baseline_usd": None if baseline is None else float(baseline),
        "requests": requests,
        "place": place,
    }


@table_source(TOP_MODELS)
def top_models(asked: Asked) -> Sequence[Any]:
    """Return the largest models."""
    with asked.viewing() as view:
        return overview(view).top_models


@table_source(TOP_PROJECTS)
def top_projects(asked: Asked) -> Sequence[Any]:
    """Return the largest projects."""
    with asked.viewing() as view:
        return overview(view).top_projects


@table_source(DAYS)
def days(asked: Asked) -> Sequence[ChartPoint]:
    """Return spend by day, or by quarter of an hour of the last 24 hours."""
    with asked.viewing() as view:
        return overview(view).daily.points


def _has_requests(answer: OverviewAnswer) -> bool:
    shown = answer.headline
    months = (answer.totals, shown.today, shown.this_month, shown.last_month)
    return any(part.requests for part in months) or answer.withheld_requests > 0 or answer.data_as_of is not None
