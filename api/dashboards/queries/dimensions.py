"""Names and zones the marts know.

Belongs here: lookups in the dimensions. Does not belong here: names people may change at any time (`control`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from api.dashboards.queries.marts import Marts


def workspace_zone(marts: Marts, workspace_id: str) -> str | None:
    """Return the zone the workspace's days were cut in; None when the build does not know the workspace."""
    statement = "select time_zone from marts.dim_workspaces where workspace_id = $workspace_id"
    rows = marts.rows(statement, {"workspace_id": uuid.UUID(workspace_id)})
    return rows[0][0] if rows else None


def model_names(marts: Marts, models: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return display names by (provider, model) of models the caller has seen in its own requests."""
    statement = """
        select provider, model, display_name from marts.dim_models
        where model in (select unnest($models::varchar[])) and display_name is not null
    """
    rows = marts.rows(statement, {"models": sorted({model for _, model in models})}) if models else []
    wanted = set(models)
    return {(provider, model): name for provider, model, name in rows if (provider, model) in wanted}


def project_known(marts: Marts, workspace_id: str, project: str) -> bool:
    """Return whether the build holds any request of the project, withheld ones included."""
    statement = """
        select 1 from marts.mart_spend_daily where workspace_id = $workspace_id and project = $project limit 1
    """
    return bool(marts.rows(statement, {"workspace_id": uuid.UUID(workspace_id), "project": project}))
