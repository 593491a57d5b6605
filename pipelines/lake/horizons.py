"""Since when a published build holds requests.

Belongs here: reading horizons of retention from a snapshot. Does not belong here: how they come about
(`pipelines.retention`).
"""

from __future__ import annotations

from datetime import date

from pipelines.lake.catalog import Snapshot

_KNOWN = "select 1 from duckdb_columns() where table_name = 'dim_workspaces' and column_name = 'retained_from'"
_HORIZONS = "select workspace_id::varchar, retained_from from dim_workspaces where retained_from is not null"


def published_horizons(snapshot: Snapshot) -> dict[str, date]:
    """Return the first UTC day whose requests are in the build, by workspace id, where not all are."""
    with snapshot.cursor() as cursor:
        if not cursor.execute(_KNOWN).fetchall():  # published by a release without retention
            return {}
        return dict(cursor.execute(_HORIZONS).fetchall())


def published_horizon(snapshot: Snapshot, workspace_id: str) -> date | None:
    """Return the first UTC day whose requests of a workspace are in the build; None when all are."""
    return published_horizons(snapshot).get(workspace_id)
