"""Figures of projects: tables and charts of the list and of one project.

Belongs here: what they show and the rows behind them. Does not belong here: routes and forms (`projects`), sums
(`api.dashboards.projects`).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Final, Literal

from api.dashboards.models.projects import ProjectAnswer, SpendOverTime
from api.dashboards.models.requests import RequestsAnswer
from api.dashboards.projects import project_list, project_view
from api.dashboards.serving import viewing
from api.db.session import reading
from api.pages.dashboard import Asked, table_source
from api.pages.project_billing import Billed, billed_projects
from api.pages.rail import RailShown
from api.pages.spend_columns import change_column, requests_column, share_column, spend_columns
from api.pages.tables import Column, Table, TableShown

By = Literal["day", "week", "month"]
BYS: Final[tuple[tuple[By, str], ...]] = (("day", "Daily"), ("week", "Weekly"), ("month", "Monthly"))
_STATES: Final = {"archived": ("archived", ""), "over_ceiling": ("over the plan's ceiling", "warn")}


def first_day(point: Any) -> date:
    """Return the first day of a point of a day, week or month."""
    return point.day if hasattr(point, "day") else point.first_day


def last_day(point: Any) -> date:
    """Return the last day of a point of a day, week or month."""
    return point.day if hasattr(point, "day") else point.last_day


PROJECTS: Final = Table(
    "projects",
    "All projects",
    (
        Column(
            "project",
            "Project",
            lambda row: row[0].display_name or row[0].project,
            link=lambda row: row[0].path,
            note=lambda row: _beside_name(row[0]),
            badge=lambda row: _STATES.get(row[0].state),
            also={
                "slug": lambda row: row[0].project,
                "state": lambda row: row[0].state,
                "withheld_requests": lambda row: row[0].withheld_requests,
            },
        ),
        Column("client", "Client", lambda row: row[0].client_name),
        Column("cost_centre", "Cost centre", lambda row: row[1].centre(row[0].project)),
        Column("hourly_rate", "Hourly rate", lambda row: row[1].rate(row[0].project), sorts=False),
        *(
            column.of(lambda row: row[0])
            for column in (*spend_columns(), change_column(), share_column(), requests_column())
        ),
        Column("last_active_day", "Last active", lambda row: row[0].last_active_day, "day"),
    ),
    "No project has a request in this period.",
)
BY_DEVELOPER: Final = Table(
    "by-developer",
    "By developer",
    (
        Column(
            "developer",
            "Developer",
            lambda one: one.name or one.device_id,
            also={"device_id": lambda one: one.device_id},
        ),
        *spend_columns(),
        share_column(),
        Column("last_7_days_usd", "Last 7 days", lambda one: one.last_7_days_usd, "money"),
        Column("previous_7_days_usd", "7 days before", lambda one: one.previous_7_days_usd, "money"),
        Column("week_over_week", "Week over week", lambda one: one.week_over_week_percent, "change"),
        requests_column(),
    ),
)
BY_MODEL: Final = Table(
    "by-model",
    "By model",
    (
        Column(
            "model",
            "Model",
            lambda one: one.display_name or one.model,
            note=lambda one: one.model if one.display_name and one.display_name != one.model else None,
            also={"model_id": lambda one: one.model},
        ),
        Column("provider", "Provider", lambda one: one.provider, "provider"),
        *spend_columns(),
        share_column(),
        requests_column(),
        Column("cost_per_request_usd", "Per request", lambda one: one.cost_per_request_usd, "precise"),
    ),
)
OVER_TIME: Final = Table(
    "spend-over-time",
    "Spend over time",
    (
        Column("from", "From", first_day, "day"),
        Column("to", "To", last_day, "day"),
        *spend_columns(),
        requests_column(),
        Column("cost_per_request_usd", "Per request", lambda one: one.cost_per_request_usd, "precise"),
    ),
)
REQUESTS_BY_DAY: Final = Table("requests-by-day", "Requests and spend by day", OVER_TIME.columns)


def points(spend: SpendOverTime, by: str) -> Sequence[Any]:
    """Return the points of a way of adding up; by day where it is none we know."""
    return {"week": spend.weekly, "month": spend.monthly}.get(by, spend.daily)


def _beside_name(one: Any) -> str | None:
    parts = [one.project] if one.display_name and one.display_name != one.project else []
    if one.withheld_requests:
        parts.append(f"{one.withheld_requests:,} withheld")
    return " · ".join(parts) or None


def asked_project(asked: Asked) -> ProjectAnswer:
    """Return the project that a chart or a table is asked for, without its requests.

    Raises:
        Refused: 404 `project_not_found`.
    """
    slug = asked.rail.filters.projects[0] if asked.rail.filters.projects else ""
    with viewing(asked.rail.call(asked.request, asked.caller)) as view:
        return project_view(view, slug, recent=0)


@table_source(PROJECTS)
def project_rows(asked: Asked) -> list[tuple[Any, Billed]]:
    """Return all projects with what they are billed as."""
    with asked.viewing() as view:
        answer, engine = project_list(view), view.engine
    with reading(engine) as session:
        billed = billed_projects(session, asked.caller.workspace_id)
    return [(one, billed) for one in answer.projects]


@table_source(BY_DEVELOPER)
def developer_rows(asked: Asked) -> Sequence[Any]:
    """Return a project's developers."""
    return asked_project(asked).by_device


@table_source(BY_MODEL)
def model_rows(asked: Asked) -> Sequence[Any]:
    """Return a project's models."""
    return asked_project(asked).by_model


@table_source(OVER_TIME)
def over_time_rows(asked: Asked) -> Sequence[Any]:
    """Return a project's spend by day, week or month."""
    return points(asked_project(asked).spend_over_time, asked.parameter("by"))


@table_source(REQUESTS_BY_DAY)
def requests_by_day_rows(asked: Asked) -> Sequence[Any]:
    """Return a project's requests by day."""
    return asked_project(asked).spend_over_time.daily


def project_tables(
    answer: ProjectAnswer, recent: RequestsAnswer, by: str, shown: RailShown, listed: Table
) -> dict[str, TableShown]:
    """Return the tables of a project's page; `listed` is that of its newest requests."""
    spend = answer.spend_over_time
    return {
        "over_time": OVER_TIME.shown(points(spend, by), shown, without=["to"] if by == "day" else [], by=by),
        "by_day": REQUESTS_BY_DAY.shown(spend.daily, shown, without=["to"]),
        "developers": BY_DEVELOPER.shown(answer.by_device, shown),
        "models": BY_MODEL.shown(answer.by_model, shown),
        "requests": listed.shown(
            recent.requests, shown, zone=answer.time_zone, without=["project"], csv_path=f"/v1{recent.csv_path}"
        ),
    }
