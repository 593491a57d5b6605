"""What the page of anomalies shows: the table of unusual hours and their chart.

Belongs here: columns, and the rows behind table and chart. Does not belong here: the route (`planning`), figures
(`api.dashboards.anomalies`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time
from typing import Any, Final
from zoneinfo import ZoneInfo

from api.dashboards.anomalies import all_anomalies
from api.dashboards.filters import Filters
from api.dashboards.models.anomalies import AnomalyShown
from api.dashboards.with_analysis import analysis_of
from api.pages.dashboard import Asked, Drawn, chart_source, table_source
from api.pages.overview import requests_path
from api.pages.tables import Column, Table
from api.pages.words import grouped, moment_words
from api.providers import provider_words


@dataclass(frozen=True, slots=True)
class Anomaly:
    """An unusual hour as a row.

    Attributes:
        local: when the hour begins, as the workspace's clocks show it.
        path: the requests of its day, project and model.
    """

    shown: AnomalyShown
    local: datetime
    path: str


def anomaly_row(slug: str, one: AnomalyShown, zone: str) -> Anomaly:
    """Return an unusual hour as a row."""
    local = datetime.fromisoformat(one.hour_starts_at).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
    about = Filters(providers=(one.provider,), models=(one.model,), projects=(one.project,))
    return Anomaly(one, local, requests_path(slug, about, local.date(), local.date()))


def _baseline(one: AnomalyShown) -> str:
    if one.baseline == "hour_of_week":
        return f"that hour, {one.weeks_compared} weeks"
    return "all hours before"


ANOMALIES: Final = Table(
    "anomalies",
    "Hours that cost far more than usual",
    (
        Column(
            "hour_starts_at",
            "Hour from",
            lambda row: row.shown.hour_starts_at,
            "instant",
            link=lambda row: row.path,
            also={"anomaly_id": lambda row: row.shown.anomaly_id},
        ),
        Column(
            "project",
            "Project",
            lambda row: row.shown.display_name or row.shown.project,
            also={"slug": lambda row: row.shown.project},
        ),
        Column(
            "model",
            "Model",
            lambda row: row.shown.model_name or row.shown.model,
            note=lambda row: provider_words(row.shown.provider),
            also={"provider": lambda row: row.shown.provider, "model_id": lambda row: row.shown.model},
        ),
        Column("spent_usd", "Spent", lambda row: row.shown.spent_usd, "money"),
        Column(
            "expected_usd",
            "Usual",
            lambda row: row.shown.expected_usd,
            "money",
            note=lambda row: _baseline(row.shown),
            also={"limit_usd": lambda row: row.shown.limit_usd, "baseline": lambda row: row.shown.baseline},
        ),
        Column(
            "excess_usd",
            "More than usual",
            lambda row: row.shown.excess_usd,
            "change_money",
            note=lambda row: row.shown.excess_percent and f"+{grouped(row.shown.excess_percent)} %",
            also={"excess_percent": lambda row: row.shown.excess_percent},
        ),
        Column(
            "requests",
            "Requests",
            lambda row: row.shown.requests,
            "number",
            also={"unpriced_requests": lambda row: row.shown.unpriced_requests},
        ),
        Column(
            "samples",
            "Behind it",
            lambda row: " ".join(one.request_id for one in row.shown.sample_requests),
            more=lambda row: [(one.request_id, one.path) for one in row.shown.sample_requests],
            sorts=False,
        ),
    ),
    "No hour stands out in this period.",
)


@table_source(ANOMALIES)
def anomaly_rows(asked: Asked) -> Sequence[Anomaly]:
    """Return all unusual hours of the period."""
    with asked.viewing() as view, analysis_of(asked.request.app) as analysed:
        return [anomaly_row(asked.caller.slug, one, view.time_zone) for one in all_anomalies(view, analysed)]


@chart_source("unusual-hours")
def anomaly_chart(asked: Asked) -> Drawn:
    """Return what each unusual hour cost, and would have as usual."""
    drawn: list[dict[str, Any]] = [
        {
            "at": row.local,
            "when": moment_words(row.local),
            "name": f"{row.shown.display_name or row.shown.project}, {row.shown.model_name or row.shown.model}",
            "spent_usd": float(row.shown.spent_usd),
            "expected_usd": float(row.shown.expected_usd),
            "limit_usd": float(row.shown.limit_usd),
        }
        for row in anomaly_rows(asked)
    ]
    with asked.viewing() as view:
        span = view.period.current
    unknown = dict.fromkeys(("when", "name", "spent_usd", "expected_usd", "limit_usd"))
    ends = [{"at": datetime.combine(day, time()), **unknown} for day in (span.first_day, span.end_day)]
    return Drawn([*drawn, *ends] if drawn else [])
