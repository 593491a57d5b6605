"""The models of reconciliation over rows made by hand, without a lake.

Belongs here: their SQL in order, a database with their sources, and filling it. Does not belong here: assertions, or
what the marts must say (`reconciled_by_hand`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final
from uuid import UUID

import duckdb
import pyarrow as pa
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.reconciled_by_hand import KINDS
from tests.dbt_project.warehouse import invoke

ReconciliationSql = list[tuple[str, str, str]]
"""Kind, name and SQL of models, in the order they are built, and of their tests."""
SOURCES: Final = ("published", "finance")
PRICE: Final = 2_000_000
"""Picodollars per token of every kind in `plain_rates`."""


def compiled_reconciliation(manifest: Manifest, folder: Path) -> ReconciliationSql:
    """Return the models of reconciliation and their tests."""
    result = invoke(
        folder / "warehouse.duckdb", ["compile", "--select", "path:models/analysis/reconciliation"], manifest
    )
    assert result.success, result.exception
    nodes: list[Any] = [one.node for one in getattr(result.result, "results", ())]
    found: ReconciliationSql = [
        ("view" if node.config.materialized == "view" else str(node.resource_type.value), node.name, node.compiled_code)
        for node in nodes
    ]
    assert {kind for kind, *_ in found} == {"view", "model", "test"}
    return found


@contextmanager
def empty_sources(manifest: Manifest, file: Path) -> Iterator[duckdb.DuckDBPyConnection]:
    """Open a database with the sources of the analysis, empty."""
    with duckdb.connect(str(file)) as connection:
        connection.execute("create schema published; create schema finance; set TimeZone = 'UTC'")
        for source in manifest.sources.values():
            if source.source_name in SOURCES:
                columns = ", ".join(f'"{one.name}" {one.data_type}' for one in source.columns.values())
                connection.execute(f"create table {source.source_name}.{source.name} ({columns})")
        yield connection


def build(database: duckdb.DuckDBPyConnection, models: ReconciliationSql) -> None:
    """Build every model and run every test of the marts, but those of the sources."""
    for kind, name, sql in models:
        if kind != "test":
            database.execute(f"create {'view' if kind == 'view' else 'table'} {name} as {sql}")
    for kind, name, sql in models:
        if kind == "test" and not name.startswith("source_"):
            assert database.execute(sql).fetchall() == [], name


def lay(
    database: duckdb.DuckDBPyConnection,
    calls: list[dict[str, Any]],
    periods: list[dict[str, Any]],
    rates: list[dict[str, Any]],
    models: dict[str, dict[str, str | None]],
) -> None:
    """Fill the sources that the models read.

    Args:
        database: with empty sources.
        calls: rows of `fct_requests`.
        periods: rows of `bill_periods`, with their `lines`.
        rates: rows of the rate book.
        models: by provider, the rate book's name of each name in the log.
    """
    lines = [
        {"workspace_id": one["workspace_id"], "period_id": one["period_id"], "line_number": number, **line}
        for one in periods
        if one["superseded_at"] is None
        for number, line in enumerate(one["lines"])
    ]
    known = [
        {"provider": provider, "model": model, "model_ref": ref}
        for provider, names in models.items()
        for model, ref in names.items()
    ]
    insert(database, "published.fct_requests", calls)
    insert(database, "published.stg_rate_book", rates)
    insert(database, "published.dim_models", known)
    insert(database, "finance.bill_periods", [{k: v for k, v in one.items() if k != "lines"} for one in periods])
    insert(database, "finance.bill_lines", lines)
    database.execute(
        "insert into published.mart_spend_15min by name select workspace_id, provider, spend_kind, withheld_reason,"
        " requested_on as utc_day, count(*) as requests, coalesce(sum(cost_logged_millicents), 0)"
        " as cost_logged_millicents from published.fct_requests group by all"
    )


def rate(
    provider: str, model: str, name: str, *, tier: str = "standard", above: int = 0, price: int = PRICE
) -> dict[str, Any]:
    """Return a rate of one price for every kind of tokens, in force for ever."""
    prices = {f"{kind}_picousd_per_token": price for kind in KINDS}
    instants = {"valid_from": date(1970, 1, 1), "valid_to": date(9999, 1, 1), "known_from": date(2026, 1, 1)}
    return {
        "rate_id": name, "provider": provider, "model_ref": model, "service_tier": tier, "context_over_tokens": above,
        **{name: midnight(day) for name, day in instants.items()}, **prices,
    }  # fmt: skip


def midnight(day: date) -> datetime:
    """Return a day's first instant as the marts hold it: UTC, without zone."""
    return datetime.combine(day, time.min)


def insert(database: duckdb.DuckDBPyConnection, table: str, rows: list[dict[str, Any]]) -> None:
    """Insert rows by column name; columns they lack are null."""
    if not rows:
        return
    plain = [{name: str(value) if isinstance(value, UUID) else value for name, value in row.items()} for row in rows]
    given = pa.Table.from_pylist(plain)
    database.register("given", given)
    kinds = {name: kind for name, kind, *_ in database.execute(f"describe {table}").fetchall()}
    casts = ", ".join(f'cast("{name}" as {kinds[name]}) as "{name}"' for name in given.column_names)
    database.execute(f"insert into {table} by name select {casts} from given")
    database.unregister("given")
