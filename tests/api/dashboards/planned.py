"""An analysis to plan by, published without a build.

Belongs here: rows of its tables, and its file. Does not belong here: assertions.
"""

from __future__ import annotations

import json
from contextlib import closing
from datetime import datetime, timedelta
from typing import Any

import duckdb

from pipelines.lake.paths import Home
from tests.api.dashboards.facts import RequestFact, identifier, workspace_id
from tests.api.dashboards.snapshot import contracts
from tests.api.dashboards.world import World

ACME = workspace_id("acme")
FORECAST = {
    "state": "forecast", "history_days": 56, "expected_millicents": 5, "low_millicents": 4, "high_millicents": 6,
}  # fmt: skip


def analyse(home: Home, analysis_id: str, tables: dict[str, list[dict[str, Any]]]) -> None:
    """Publish an analysis with the columns of the contracts."""
    file = home.marts / f"analysis-{analysis_id}.duckdb"
    with closing(duckdb.connect(str(file))) as database:
        for table, rows in tables.items():
            columns = contracts()[table]
            database.execute(f"create table {table} ({', '.join(f'{name} {kind}' for name, kind in columns.items())})")
            for row in rows:
                names = ", ".join(row)
                marks = ", ".join(f"cast(? as {columns[name]})" for name in row)
                database.execute(f"insert into {table} ({names}) values ({marks})", list(row.values()))
        database.execute(
            "create table analysis_info as select ? analysis_id, 'b1' build_id, null::timestamp data_as_of",
            [analysis_id],
        )
    pointer = {"analysis_id": analysis_id, "build_id": "b1", "file": file.name, "sha256": "", "inputs": ""}
    home.analysis_pointer.write_text(json.dumps(pointer))


def planned(world: World, *, hour: datetime, monthly: int = 100_000) -> dict[str, list[dict[str, Any]]]:
    month, today = world.today("acme").replace(day=1), world.today("acme")
    scope = {"workspace_id": ACME, "scope": "workspace", "slug": "", "local_month": month}
    of_project = {**scope, "scope": "project", "slug": "web"}
    counts = {"as_of_day": today, "requests": 9, "unpriced_requests": 1, "spent_millicents": 3}
    budget = {"budget_id": identifier("budget", "x"), "monthly_millicents": monthly}
    way = {name: FORECAST[name] for name in ("expected_millicents", "low_millicents", "high_millicents")}
    return {
        "mart_analysed_workspaces": [{"workspace_id": ACME, "data_as_of": "2026-04-06 10:00:00"}],
        "mart_spend_forecast": [
            {**scope, **counts, **FORECAST},
            {**of_project, **counts, "state": "not_enough_data", "history_days": 2},
            {**scope, **counts, **FORECAST, "workspace_id": workspace_id("hills"), "spent_millicents": 99},
        ],
        "mart_spend_forecast_days": [{**scope, "local_day": today, **way}],
        "mart_budget_forecast": [
            {
                **of_project, **budget, **FORECAST, "as_of_day": today, "spent_millicents": 3, "is_crossed": False,
                "crossing_day": today, "earliest_crossing_day": today,
            }
        ],
        "mart_budget_status": [
            {
                **of_project, **budget, "spent_millicents": 3, "reached_percents": [50], "requests": 9,
                "unpriced_requests": 2, "unpriced_rated_millicents": 70_000, "unpriced_unrated_requests": 1,
            }
        ],
        "mart_spend_anomalies": [
            {
                "workspace_id": ACME, "anomaly_id": "a" * 64, "project": "web", "provider": provider, "model": "m",
                "hour_starts_at": at.replace(tzinfo=None), "baseline": "hour_of_week", "weeks_compared": 8,
                "requests": 3, "unpriced_requests": 0, "spent_millicents": 900_000, "expected_millicents": 100_000,
                "limit_millicents": 200_000, "sample_request_ids": [identifier("request", 1)],
            }
            for provider, at in (("openai", hour), ("anthropic", hour - timedelta(days=3)))
        ],
        "mart_reconciliation_monthly": [
            {
                "workspace_id": ACME, "utc_month": month, "provider": provider, "requests": 1, "logged_picousd": 10**13,
                "billed_picousd": 98 * 10**11, "variance_picousd": 10**11, "awaiting_picousd": 10**11,
                "colour": "amber", "unit_suspect": "x100",
            }
            for provider in ("all", "openai")
        ],
    }  # fmt: skip


def cost(rows: list[RequestFact]) -> int:
    return sum(row["cost_logged_millicents"] or 0 for row in rows if row["spend_kind"] == "metered")
