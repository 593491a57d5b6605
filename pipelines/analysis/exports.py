"""Bills, budgets and people's decisions crossing into an analysis: app database rows as Parquet exports.

Belongs here: the queries and the schemas of the exports, which are those of dbt's source `finance`. Does not belong
here: anything that changes the app database, and what the refresh exports (`pipelines.control_plane`).

Everything is read in one read-only transaction, so that the exports agree with each other. An export whose table the
app database does not have is empty and has its columns all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
from sqlalchemy import Connection, Engine, inspect, text

from pipelines.durable_files import write_if_changed
from pipelines.export_tables import encoded, table_digest, table_of
from pipelines.lake.paths import Home
from pipelines.lake.schema import INSTANT
from pipelines.lake.schema import UUID as UUID_TYPE

_TEXT: Final = pa.string()
_WHOLE: Final = pa.int64()
_DAY: Final = pa.date32()
_YES: Final = pa.bool_()
_WIDE: Final = pa.decimal128(38, 0)
"""Whole numbers beyond 64 bits; Parquet has no wider integers."""
_MONTH_LETTERS: Final = 7


@dataclass(frozen=True)
class FinanceExport:
    """How one export is read.

    Attributes:
        name: of the export, and of its table in dbt's source `finance`.
        needs: tables of the app database that must be there; without one of them the export is empty.
        sql: its columns stand in the order of `schema`. Days are ISO text, a month alone is its first day; instants
            are microseconds, wide numbers text.
        schema: types of the export.
    """

    name: str
    needs: frozenset[str]
    sql: str
    schema: pa.Schema


FINANCE_EXPORTS: Final = (
    FinanceExport(
        "bill_periods",
        frozenset({"bill_periods", "bill_connections"}),
        "select p.workspace_id, p.id, p.connection_id, c.provider, c.kind, p.first_day, p.last_day, p.revision,"
        " p.read_at_us, p.read_by, p.superseded_at_us, p.is_complete, p.request_count, p.sha256, p.note"
        " from bill_periods p join bill_connections c on c.id = p.connection_id",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("period_id", UUID_TYPE), ("connection_id", UUID_TYPE), ("provider", _TEXT),
            ("kind", _TEXT), ("first_day", _DAY), ("last_day", _DAY), ("revision", _WHOLE), ("read_at", INSTANT),
            ("read_by", _TEXT), ("superseded_at", INSTANT), ("is_complete", _YES), ("request_count", _WHOLE),
            ("sha256", _TEXT), ("note", _TEXT),
        ]),
    ),
    FinanceExport(
        "bill_lines",
        frozenset({"bill_periods", "bill_lines"}),
        "select p.workspace_id, l.period_id, l.line_number, l.category, l.model, l.key_ref, l.service_tier,"
        " l.token_kind, l.description, l.amount_text, l.amount_picousd, l.list_amount_picousd, l.currency, l.quantity,"
        " l.requests from bill_lines l join bill_periods p on p.id = l.period_id where p.superseded_at_us is null",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("period_id", UUID_TYPE), ("line_number", _WHOLE), ("category", _TEXT),
            ("model", _TEXT), ("key_ref", _TEXT), ("service_tier", _TEXT), ("token_kind", _TEXT),
            ("description", _TEXT), ("amount_text", _TEXT), ("amount_picousd", _WHOLE),
            ("list_amount_picousd", _WHOLE), ("currency", _TEXT), ("quantity", _WHOLE), ("requests", _WHOLE),
        ]),
    ),
    FinanceExport(
        "budgets",
        frozenset({"budgets", "projects", "cost_centres"}),
        "select b.workspace_id, b.id, b.scope, coalesce(p.slug, c.slug), b.monthly_millicents, b.alert_percent"
        " from budgets b left join projects p on b.scope = 'project' and p.id = b.scope_id"
        " left join cost_centres c on b.scope = 'cost_centre' and c.id = b.scope_id",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("budget_id", UUID_TYPE), ("scope", _TEXT), ("slug", _TEXT),
            ("monthly_millicents", _WHOLE), ("alert_percent", _TEXT),
        ]),
    ),
    FinanceExport(
        "closes",
        frozenset({"month_closes"}),
        "select workspace_id, id, substr(month, 1, 7), number, closed_at_us, closed_by, reopened_at_us, build_id,"
        " analysis_id, max_file_seq, digest from month_closes",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("close_id", UUID_TYPE), ("month", _DAY), ("number", _WHOLE),
            ("closed_at", INSTANT), ("closed_by", _TEXT), ("reopened_at", INSTANT), ("build_id", _TEXT),
            ("analysis_id", _TEXT), ("max_file_seq", _WHOLE), ("digest", _TEXT),
        ]),
    ),
    FinanceExport(
        "close_totals",
        frozenset({"month_close_totals"}),
        "select workspace_id, close_id, provider, requests, unpriced_requests, logged_picousd,"
        " priced_picousd, billed_picousd, variance_picousd from month_close_totals",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("close_id", UUID_TYPE), ("provider", _TEXT), ("requests", _WHOLE),
            ("unpriced_requests", _WHOLE), ("logged_picousd", _WIDE),
            ("priced_picousd", _WIDE), ("billed_picousd", _WIDE), ("variance_picousd", _WIDE),
        ]),
    ),
    FinanceExport(
        "decisions",
        frozenset({"optimisation_decisions"}),
        "select workspace_id, id, kind, check_id, project, provider, model, other_model, quoted_saving_picousd,"
        " decided_at_us, decided_by, withdrawn_at_us from optimisation_decisions",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("decision_id", UUID_TYPE), ("kind", _TEXT), ("check_id", _TEXT),
            ("project", _TEXT), ("provider", _TEXT), ("model", _TEXT), ("other_model", _TEXT),
            ("quoted_saving_picousd", _WHOLE), ("decided_at", INSTANT), ("decided_by", _TEXT),
            ("withdrawn_at", INSTANT),
        ]),
    ),
    FinanceExport(
        "project_terms",
        frozenset({"projects"}),
        "select workspace_id, slug, hourly_rate_millicents, hourly_rate_currency, markup_basis_points from projects"
        " where hourly_rate_millicents is not null or markup_basis_points is not null",
        pa.schema([
            ("workspace_id", UUID_TYPE), ("project", _TEXT), ("hourly_rate_millicents", _WHOLE),
            ("hourly_rate_currency", _TEXT), ("markup_basis_points", _WHOLE),
        ]),
    ),
)  # fmt: skip


def read_finance(engine: Engine) -> dict[str, pa.Table]:
    """Read every export from the app database, as of one instant.

    Args:
        engine: the app database, SQLite or PostgreSQL.

    Returns:
        Export name to Arrow table.
    """
    isolation = {} if engine.dialect.name == "sqlite" else {"isolation_level": "REPEATABLE READ"}
    with engine.connect() as plain:
        connection = plain.execution_options(read_only=True, **isolation)
        with connection.begin():
            there = frozenset(inspect(connection).get_table_names())
            return {one.name: _read(connection, one, there) for one in FINANCE_EXPORTS}


def finance_digests(tables: dict[str, pa.Table]) -> dict[str, str]:
    """Return a digest per export."""
    return {name: table_digest(table) for name, table in tables.items()}


def write_finance(tables: dict[str, pa.Table], home: Home) -> Path:
    """Write the exports, each atomically, leaving equal files alone.

    Returns:
        The folder they lie in.

    Raises:
        OSError: an export could not be made durable.
    """
    folder = finance_folder(home)
    for name, table in tables.items():
        write_if_changed(folder / f"{name}.parquet", encoded(table))
    return folder


def finance_folder(home: Home) -> Path:
    """Return where the exports lie."""
    return home.analysis / "exports"


def _read(connection: Connection, export: FinanceExport, there: frozenset[str]) -> pa.Table:
    if not export.needs <= there:
        return export.schema.empty_table()
    found: Sequence[Sequence[Any]] = connection.execute(text(export.sql)).all()
    rows = [[_value(kind, value) for kind, value in zip(export.schema.types, row, strict=True)] for row in found]
    # Sorted here: two databases may order text by different rules.
    return table_of(export.schema, sorted(rows, key=lambda row: [(value is not None, value) for value in row]))


def _value(kind: pa.DataType, value: Any) -> Any:
    """Return what a column of this type takes: SQLite knows neither days nor truth values."""
    if value is None:
        return None
    if kind == _DAY and isinstance(value, str):
        return date.fromisoformat(f"{value}-01" if len(value) == _MONTH_LETTERS else value)
    if kind == _WIDE:
        return Decimal(value)
    return bool(value) if kind == _YES else value
