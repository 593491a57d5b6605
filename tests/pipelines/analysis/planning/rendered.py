"""Models of forecasts and anomalies on made-up rows, without dbt: a series is a second's work, not a build's.

Belongs here: rendering a model's SQL and running it on sources that have the contract's columns. Does not belong here:
what the models should say. That dbt builds the same SQL is `tests/pipelines/analysis/test_build.py`'s business.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

import duckdb
import jinja2
import pyarrow as pa
import yaml

PROJECT = Path(__file__).parents[4] / "dbt_project"
ANALYSIS = PROJECT / "models" / "analysis"
MACROS = ("local_time", "spread_limit")
BUDGETS = (
    "int_scope_days", "int_scopes", "int_scope_weekdays", "int_unpriced_risk", "mart_spend_forecast_days",
    "mart_spend_forecast", "mart_budget_status", "mart_budget_forecast",
)  # fmt: skip
ANOMALIES = ("int_spend_hours", "mart_spend_anomalies")
ACME = UUID("00000000-0000-4000-8000-0000000000a1")
Row = dict[str, Any]


class Warehouse:
    """Sources with rows, and the models made of them."""

    def __init__(self, zone: str = "UTC", *, as_of: str, data_as_of: str | None = None) -> None:
        self.connection = duckdb.connect()
        self.connection.execute("set TimeZone = 'UTC'; set threads = 1")
        self.variables: Row = {**_defaults(), "analysis_as_of": as_of}
        for schema, tables in _sources().items():
            self.connection.execute(f"create schema {schema}")
            for table, columns in tables.items():
                listed = ", ".join(f"{name} {kind}" for name, kind in columns.items())
                self.connection.execute(f"create table {schema}.{table} ({listed})")
        self.add("published.dim_workspaces", [{"workspace_id": ACME, "time_zone": zone}])
        self.add("published.build_info", [{"data_as_of": data_as_of or as_of}])

    def add(self, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Insert rows; columns that are not named are null."""
        listed = [{key: str(value) if isinstance(value, UUID) else value for key, value in row.items()} for row in rows]
        if not listed:
            return
        given = pa.Table.from_pylist(listed)
        schema, name = table.split(".")
        kinds = _sources()[schema][name]
        casts = ", ".join(f"cast({column} as {kinds[column]}) as {column}" for column in given.column_names)
        self.connection.register("given", given)
        self.connection.execute(f"insert into {table} by name select {casts} from given")
        self.connection.unregister("given")

    def spend(self, days: Mapping[date, int], *, project: str = "api", priced: bool = True, requests: int = 1) -> None:
        """Add what days cost, in millicents."""
        self.add(
            "published.mart_spend_daily",
            [
                {
                    "workspace_id": ACME, "project": project, "provider": "openai", "model": "m", "local_day": day,
                    "spend_kind": "metered", "requests": requests, "unpriced_requests": 0 if priced else requests,
                    "cost_logged_millicents": amount if priced else 0,
                }
                for day, amount in days.items()
            ],
        )  # fmt: skip

    def budget(
        self, monthly: int, *, scope: str = "workspace", slug: str | None = None, alerts: str | None = None
    ) -> None:
        """Add a budget in millicents."""
        number = self.all("select count(*) as n from finance.budgets")[0]["n"]
        self.add(
            "finance.budgets",
            [
                {
                    "workspace_id": ACME, "budget_id": UUID(int=number + 1), "scope": scope, "slug": slug,
                    "monthly_millicents": monthly, "alert_percent": alerts,
                }
            ],
        )  # fmt: skip

    def hour(self, starts_at: datetime, amount: int, *, requests: int = 1) -> None:
        """Add what a bucket of 15 minutes cost, and its requests."""
        self.hours([(starts_at, amount)], requests=requests)

    def hours(self, amounts: Iterable[tuple[datetime, int]], *, requests: int = 1) -> None:
        """Add what buckets of 15 minutes cost, with as many requests each."""
        self.add(
            "published.mart_spend_15min",
            [
                {
                    "workspace_id": ACME, "project": "api", "provider": "openai", "model": "m", "spend_kind": "metered",
                    "bucket_starts_at": at, "utc_day": at.date(), "requests": requests, "unpriced_requests": 0,
                    "cost_logged_millicents": amount,
                }
                for at, amount in amounts
            ],
        )  # fmt: skip

    def build(self, models: Sequence[str]) -> None:
        """Make the models, in order, as tables."""
        for name in models:
            self.connection.execute(f"create or replace table {name} as {self._rendered(name)}")

    def all(self, statement: str) -> list[Row]:
        """Return all rows by column name."""
        cursor = self.connection.execute(statement)
        names = [column[0] for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def one(self, statement: str) -> Row:
        """Return the only row."""
        (row,) = self.all(statement)
        return row

    def _rendered(self, name: str) -> str:
        text = "".join(_text(PROJECT / "macros" / "analysis" / f"{macro}.sql") for macro in MACROS)
        (path,) = ANALYSIS.rglob(f"{name}.sql")
        template = jinja2.Environment(undefined=jinja2.StrictUndefined).from_string(text + _text(path))  # noqa: S701 - SQL
        return template.render(
            source=lambda schema, table: f"{schema}.{table}", ref=lambda model: model, var=self.variables.__getitem__
        )


def days_from(first: date, amounts: Sequence[int]) -> dict[date, int]:
    """Return amounts by day, one after the other."""
    return {first + timedelta(days=number): amount for number, amount in enumerate(amounts)}


@cache
def _text(path: Path) -> str:
    return path.read_text()


@cache
def _defaults() -> Row:
    return yaml.safe_load((PROJECT / "dbt_project.yml").read_text())["vars"]


@cache
def _sources() -> dict[str, dict[str, dict[str, str]]]:
    listed = [
        one
        for name in ("published", "finance")
        for one in yaml.load((ANALYSIS / f"{name}.yml").read_text(), yaml.CSafeLoader)["sources"]
    ]
    return {
        one["schema"]: {
            table["name"]: {column["name"]: column["data_type"] for column in table["columns"]}
            for table in one["tables"]
        }
        for one in listed
    }
