"""What the models of an analysis read: the schemas `published` and `finance` of its database.

Belongs here: laying a snapshot and the exports under a fresh database, as dbt's sources name them. Does not belong
here: models (`dbt_project/models/analysis`), and reading the app database (`pipelines.analysis.exports`).

Small tables are copied; facts and roll-ups are views over the snapshot's own files, which must stay for as long as the
database is used.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

import duckdb

from pipelines.analysis.exports import FINANCE_EXPORTS, finance_folder
from pipelines.lake.catalog import quoted
from pipelines.lake.facts_view import make_facts_view
from pipelines.lake.part_views import PARTS_TABLE, by_table, read_parts, rows_of
from pipelines.lake.paths import Home

PUBLISHED: Final = "published"
FINANCE: Final = "finance"
_NOT_SOURCES: Final = frozenset({"segments", PARTS_TABLE})
# Exports of the refresh that no snapshot holds, by what models call them.
_EXPORTS: Final = {"stg_rate_book": "rate_book", "stg_local_days": "local_days"}


class SourceError(Exception):
    """Something that models read is missing; the message names it."""


def lay_sources(home: Home, database: Path, snapshot: str, memory: str) -> None:
    """Make a database with everything that models read.

    Args:
        home: where snapshot and exports lie.
        database: the file to make; it must not exist.
        snapshot: name of the snapshot's file.
        memory: DuckDB's memory limit.

    Raises:
        SourceError: a file is missing.
        duckdb.Error: a file cannot be read.
    """
    for path in (home.marts / snapshot, *(home.exports / f"{name}.parquet" for name in _EXPORTS.values())):
        if not path.is_file():
            raise SourceError(f"{path.relative_to(home.root)} is missing")
    connection = duckdb.connect(str(database), config={"memory_limit": memory})
    try:
        connection.execute("set TimeZone = 'UTC'")
        connection.execute(f"create schema {PUBLISHED}; create schema {FINANCE}")
        connection.execute(f"attach {quoted(home.marts / snapshot)} as marts (read_only)")
        _lay_snapshot(connection, home)
        connection.execute("detach marts")
        for table, export in _EXPORTS.items():
            file = quoted(home.exports / f"{export}.parquet")
            connection.execute(f"create table {PUBLISHED}.{table} as {_with_utc(connection, file)}")
        for one in FINANCE_EXPORTS:
            file = quoted(finance_folder(home) / f"{one.name}.parquet")
            connection.execute(f"create table {FINANCE}.{one.name} as {_with_utc(connection, file)}")
    finally:
        connection.close()


def _lay_snapshot(connection: duckdb.DuckDBPyConnection, home: Home) -> None:
    tables = connection.execute("select table_name from duckdb_tables() where database_name = 'marts'").fetchall()
    for (table,) in tables:
        if table not in _NOT_SOURCES:
            connection.execute(f'create table {PUBLISHED}."{table}" as from marts."{table}"')
    for table, parts in by_table(read_parts(connection, "marts")).items():
        rows = rows_of(parts, lambda name: quoted(home.roll_up_parts / name))
        connection.execute(f'create view {PUBLISHED}."{table}" as {_with_wide_sums(connection, rows)}')
    names = connection.execute("select name from marts.segments order by name").fetchall()
    segments = ", ".join(quoted(home.segments / name) for (name,) in names)
    make_facts_view(connection, segments, name=f"{PUBLISHED}.fct_requests", projects=f"{PUBLISHED}.dim_projects")


def _with_wide_sums(connection: duckdb.DuckDBPyConnection, rows: str) -> str:
    """Return the query of a roll-up with its sums as wide as the model has them; files keep those narrow that fit."""
    kinds = connection.execute(f"describe {rows}").fetchall()
    casts = ", ".join(f"cast({name} as hugeint) as {name}" for name, kind, *_ in kinds if kind == "BIGINT")
    return f"select *{f' replace ({casts})' if casts else ''} from ({rows})"  # noqa: S608 - our own names


def _with_utc(connection: duckdb.DuckDBPyConnection, file: str) -> str:
    """Return the query of a file's rows with instants as UTC, as they are in marts."""
    rows = f"from read_parquet({file})"
    kinds = connection.execute(f"describe {rows}").fetchall()
    instants = [name for name, kind, *_ in kinds if kind == "TIMESTAMP WITH TIME ZONE"]
    casts = ", ".join(f"cast({name} as timestamp) as {name}" for name in instants)
    return f"select *{f' replace ({casts})' if casts else ''} {rows}"
