"""Where the running month is going.

Belongs here: the analysis' forecasts as they are shown. Does not belong here: making them (`dbt_project`), budgets
(`budgets`).

A forecast is of all spend of its scope. Of the filter rail the projects choose whose forecasts are shown; a range,
provider, model or machine has no forecast of its own and changes nothing.
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any, Final

from api.cost_centres.centres import list_cost_centres
from api.dashboards.control import projects
from api.dashboards.models.budgets import ForecastAnswer, ForecastDay, ScopeForecast
from api.dashboards.money import known_usd_from_millicents, usd_from_millicents
from api.dashboards.periods import month_start
from api.dashboards.shown import build_fields
from api.dashboards.view import View
from api.dashboards.with_analysis import AnalysisRows
from api.db.session import reading

Row = dict[str, Any]
_OF_MONTH: Final = "where workspace_id = $workspace_id and local_month = $month"
_FORECASTS: Final = f"select * from mart_spend_forecast {_OF_MONTH}"  # noqa: S608 - fixed fragments
_DAYS: Final = f"select * from mart_spend_forecast_days {_OF_MONTH} order by local_day"  # noqa: S608 - fixed fragments
_ORDER: Final = {"workspace": 0, "cost_centre": 1, "project": 2}


def forecast(view: View, analysed: AnalysisRows) -> ForecastAnswer:
    """Return the forecasts of the running month: those of the chosen projects, or of everything."""
    month = month_start(view.period.today)
    chosen = view.filters.projects
    rows = [
        row
        for row in analysed.of("mart_spend_forecast", _FORECASTS, view.workspace_id, {"month": month})
        if not chosen or (row["scope"] == "project" and row["slug"] in chosen)
    ]
    days: defaultdict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in analysed.of("mart_spend_forecast_days", _DAYS, view.workspace_id, {"month": month}):
        days[row["scope"], row["slug"]].append(row)
    names = _names(view)
    rows.sort(key=lambda row: (_ORDER[row["scope"]], -row["spent_millicents"], row["slug"]))
    return ForecastAnswer(
        **build_fields(view),
        **analysed.fields(view.workspace_id),
        month=month,
        forecasts=[_shown(row, days[row["scope"], row["slug"]], names) for row in rows],
    )


def _names(view: View) -> dict[tuple[str, str], str]:
    with reading(view.engine) as session:
        centres = list_cost_centres(session, view.workspace_id)
    known = projects(view.engine, view.workspace_id)
    return {("cost_centre", one.slug): one.name for one in centres} | {
        ("project", slug): one.display_name or slug for slug, one in known.items()
    }


def _shown(row: Row, days: list[Row], names: dict[tuple[str, str], str]) -> ScopeForecast:
    return ScopeForecast(
        scope=row["scope"],
        slug=row["slug"],
        name=names.get((row["scope"], row["slug"])) or str(row["slug"]),
        state=row["state"],
        as_of_day=row["as_of_day"],
        history_days=row["history_days"],
        requests=row["requests"],
        unpriced_requests=row["unpriced_requests"],
        spent_usd=usd_from_millicents(row["spent_millicents"]),
        expected_usd=known_usd_from_millicents(row["expected_millicents"]),
        low_usd=known_usd_from_millicents(row["low_millicents"]),
        high_usd=known_usd_from_millicents(row["high_millicents"]),
        days=[
            ForecastDay(
                day=one["local_day"],
                expected_usd=usd_from_millicents(one["expected_millicents"]),
                low_usd=usd_from_millicents(one["low_millicents"]),
                high_usd=usd_from_millicents(one["high_millicents"]),
            )
            for one in days
        ],
    )
