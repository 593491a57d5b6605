"""Looking at what a home has published.

Belongs here: reading snapshots as readers do, and comparing them. Does not belong here: building.
"""

from __future__ import annotations

from typing import Any

from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.paths import Home
from pipelines.publish import PUBLISHED_TABLES


def ask(home: Home, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask the published snapshot."""
    reader = SnapshotReader(home)
    snapshot = reader.current()
    assert snapshot is not None
    with snapshot, snapshot.cursor() as cursor:
        rows = cursor.execute(sql, parameters).fetchall()
    reader.close()
    return rows


def build_id(home: Home) -> str:
    """Return the published build's id."""
    return str(ask(home, "select build_id from build_info")[0][0])


def everything(home: Home) -> dict[str, list[tuple[Any, ...]]]:
    """Return every published row, sorted, by table."""
    return {table: ask(home, f"from {table} order by all") for table in (*PUBLISHED_TABLES, "fct_requests")}


def shown(home: Home) -> tuple[int, int]:
    """Return (requests, logged millicents) that dashboards show of everything."""
    sql = "select sum(requests), sum(cost_logged_millicents) from mart_spend_daily where withheld_reason is null"
    return ask(home, sql)[0][0], ask(home, sql)[0][1]
