"""Planting faults in published roll-ups as a wrong build would publish them: with digests that fit.

Belongs here: editing a part or the list of parts of a published snapshot. Does not belong here: damage to bytes.
"""

from __future__ import annotations

from pathlib import Path

import duckdb

from pipelines.durable_files import sha256_of_file
from pipelines.lake.catalog import quoted, read_pointer
from pipelines.lake.part_views import PARTS_TABLE, by_table, read_parts, rows_of
from pipelines.lake.paths import Home


def published_snapshot(home: Home) -> Path:
    """Return the snapshot readers are pointed at."""
    pointer = read_pointer(home)
    assert pointer is not None
    return home.marts / pointer.file


def edit_part(home: Home, table: str, statement: str) -> None:
    """Run a statement on the rows of a roll-up's first part, there a table `part`, and publish the outcome."""
    snapshot = published_snapshot(home)
    with duckdb.connect(snapshot) as connection:
        part = next(one for one in read_parts(connection, snapshot.stem) if one.table_name == table)
        edited = home.roll_up_parts / "edited.parquet"
        connection.execute(f"create temp table part as from read_parquet({quoted(home.roll_up_parts / part.name)})")
        connection.execute(statement)
        connection.execute(f"copy part to {quoted(edited)} (format parquet)")
        digest = sha256_of_file(edited)
        name = f"{digest[:32]}.parquet"
        edited.rename(home.roll_up_parts / name)
        connection.execute(f"update {PARTS_TABLE} set name = ?, sha256 = ? where name = ?", [name, digest, part.name])
        _show(connection, home, snapshot)


def edit_list_of_parts(home: Home, statement: str, *, views_follow: bool) -> None:
    """Run a statement on the snapshot's list of parts; the tables over them follow it or stay as they were."""
    snapshot = published_snapshot(home)
    with duckdb.connect(snapshot) as connection:
        connection.execute(statement)
        if views_follow:
            _show(connection, home, snapshot)


def as_published_by_an_earlier_release(home: Home) -> None:
    """Put the roll-ups into the snapshot, as tables; the daily one without devices did not exist."""
    with duckdb.connect(published_snapshot(home)) as connection:
        connection.execute(f"set file_search_path = {quoted(home.marts)}")
        for (table,) in connection.execute("select view_name from duckdb_views() where not internal").fetchall():
            connection.execute(f"create temp table rows_of_it as from {table}")
            connection.execute(f"drop view {table}")
            if table != "spend_daily_without_devices":
                connection.execute(f"create table {table} as from rows_of_it")
            connection.execute("drop table rows_of_it")
        connection.execute(f"drop table {PARTS_TABLE}")


def _show(connection: duckdb.DuckDBPyConnection, home: Home, snapshot: Path) -> None:
    connection.execute(f"set file_search_path = {quoted(home.marts)}")
    for table, parts in by_table(read_parts(connection, snapshot.stem)).items():
        rows = rows_of(parts, lambda name: quoted(f"{home.roll_up_parts.name}/{name}"))
        connection.execute(f"create or replace view {table} as {rows}")
