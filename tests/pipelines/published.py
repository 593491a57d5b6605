"""Looking at what a home has published.

Belongs here: reading snapshots as readers do. Does not belong here: building.
"""

from __future__ import annotations

from typing import Any

from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.paths import Home
from pipelines.publish import PUBLISHED_TABLES

Rows = list[Any]


def ask(home: Home, sql: str, *parameters: object) -> Rows:
    """Ask the published snapshot; rows are tuples."""
    reader = SnapshotReader(home)
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot, snapshot.cursor() as cursor:
        rows: Rows = cursor.execute(sql, parameters).fetchall()
    reader.close()
    return rows


def build_id(home: Home) -> str:
    """Return the published build's id."""
    return str(ask(home, "select build_id from build_info")[0][0])


def everything(home: Home) -> dict[str, Rows]:
    """Return every published row as a dict, sorted, by table."""
    reader = SnapshotReader(home)
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot, snapshot.cursor() as cursor:
        tables = {
            table: cursor.arrow_table(f"from {table} order by all").to_pylist()
            for table in (*PUBLISHED_TABLES, "fct_requests")
        }
    reader.close()
    return tables
