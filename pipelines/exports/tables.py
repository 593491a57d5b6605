"""What an export holds: the published tables, each as a query of one workspace's rows.

Belongs here: which tables and partitions, and how their columns stand in Parquet. Does not belong here: files (`run`).

Every query has the workspace among its conditions, and `run` counts rows of any other as a fault. Withheld requests are
left out, as on the dashboards. Ids are text, instants are UTC, sums are decimals without a fraction.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pipelines.exports.focus import FOCUS_EXPORT, FOCUS_TABLE, focus_columns
from pipelines.lake.read_cursor import ReadCursor

REQUESTS: Final = "requests"
_MARTS: Final = ("mart_spend_15min", "mart_spend_daily", "mart_spend_monthly", "dim_projects", "dim_devices")
_VISIBLE: Final = "withheld_reason is null"
_WITHHELD: Final = "withheld_reason"


@dataclass(frozen=True)
class Part:
    """One file of an export.

    Attributes:
        table: what it is part of.
        name: of the part, without digest and ending.
        sql: a query with `$workspace_id`, and `$month` where it is a month's.
        month: first day of the UTC month it holds, ISO; None when it holds all.
    """

    table: str
    name: str
    sql: str
    month: str | None = None


def mart_parts(cursor: ReadCursor, workspace_id: str) -> Iterator[Part]:
    """Yield the parts made of the marts: requests by UTC month, then the roll-ups and dimensions."""
    months = (
        "select distinct cast(date_trunc('month', utc_day) as date) from mart_spend_15min"  # noqa: S608 - our own names
        f" where workspace_id = $workspace_id and {_VISIBLE} order by all"
    )
    columns = _columns(cursor, "fct_requests", without=_WITHHELD)
    for (month,) in cursor.execute(months, {"workspace_id": workspace_id}).fetchall():
        sql = (
            f"select {columns} from fct_requests where workspace_id = $workspace_id and {_VISIBLE}"  # noqa: S608 - our own names
            " and requested_at >= cast($month as timestamp)"
            " and requested_at < cast($month as timestamp) + interval 1 month"
            " order by requested_at, file_seq, file_row_number"
        )
        yield Part(REQUESTS, f"{month.isoformat()[:7]}", sql, month.isoformat())
    for table in _MARTS:
        rolled_up = table.startswith("mart_")
        columns = _columns(cursor, table, without=_WITHHELD if rolled_up else None)
        where = f"workspace_id = $workspace_id{f' and {_VISIBLE}' if rolled_up else ''}"
        yield Part(table, table, f"select {columns} from {table} where {where} order by all")  # noqa: S608 - our own names


def analysis_parts(cursor: ReadCursor) -> Iterator[Part]:
    """Yield the parts made of the analysis: every table of workspaces; FOCUS in its own spelling."""
    tables = (
        "select distinct table_name from duckdb_columns() where database_name = 'analysis'"
        " and column_name = 'workspace_id' order by all"
    )
    for (table,) in cursor.execute(tables).fetchall():
        if table == FOCUS_TABLE:
            yield Part(FOCUS_EXPORT, FOCUS_EXPORT, focus_columns(whose=True))
        else:
            columns = _columns(cursor, table)
            yield Part(table, table, f"select {columns} from {table} where workspace_id = $workspace_id order by all")  # noqa: S608 - our own names


def _columns(cursor: ReadCursor, table: str, *, without: str | None = None) -> str:
    described = cursor.execute(
        f"select column_name, column_type from (describe {table})"  # noqa: S608 - our own names
    ).fetchall()
    return ", ".join(_column(name, kind) for name, kind in described if name != without)


def _column(name: str, kind: str) -> str:
    if kind == "UUID":
        return f'cast("{name}" as varchar) as "{name}"'
    if kind == "TIMESTAMP":
        return f'timezone(\'UTC\', "{name}") as "{name}"'
    if kind == "HUGEINT":
        return f'cast("{name}" as decimal(38, 0)) as "{name}"'
    return f'"{name}"'
