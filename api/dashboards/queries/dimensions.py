"""Names, zones and ages the marts know.

Belongs here: lookups in the dimensions and the batches. Does not belong here: names people may change at any time
(`control`).
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC

from api.dashboards.queries.held import ModelNames, WorkspaceFacts
from api.dashboards.queries.marts import Marts

_NOTHING_KNOWN = WorkspaceFacts(time_zone=None, data_as_of=None)


def workspace_facts(marts: Marts, workspace_id: str) -> WorkspaceFacts:
    """Return what the build says of a workspace as a whole, read once where it is kept."""
    if marts.build_id is None:
        return _NOTHING_KNOWN
    if marts.held is None:
        return _read_facts(marts, workspace_id)
    return marts.held.facts(marts.build_id, workspace_id, lambda: _read_facts(marts, workspace_id))


def model_names(marts: Marts, models: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return display names by (provider, model) of models the caller has seen in its own requests."""
    if not models or marts.build_id is None:
        return {}
    if marts.held is None:
        names = _read_names(marts)
    else:
        names = marts.held.model_names(marts.build_id, lambda: _read_names(marts))
    return {model: names[model] for model in models if model in names}


def project_known(marts: Marts, workspace_id: str, project: str) -> bool:
    """Return whether the build holds any request of the project, withheld ones included."""
    statement = """
        select 1 from mart_spend_daily where workspace_id = $workspace_id and project = $project limit 1
    """
    return bool(marts.rows(statement, {"workspace_id": uuid.UUID(workspace_id), "project": project}))


def _read_facts(marts: Marts, workspace_id: str) -> WorkspaceFacts:
    # The workspace's own newest batch, never the newest of all: that would tell what others do.
    statement = """
        select
            (select max(time_zone) from marts.dim_workspaces where workspace_id = $workspace_id),
            (select max(received_at) from marts.fct_batches where workspace_id = $workspace_id)
    """
    time_zone, newest = marts.rows(statement, {"workspace_id": uuid.UUID(workspace_id)})[0]
    return WorkspaceFacts(time_zone, None if newest is None else newest.replace(tzinfo=UTC))


def _read_names(marts: Marts) -> ModelNames:
    statement = "select provider, model, display_name from marts.dim_models where display_name is not null"
    return {(provider, model): name for provider, model, name in marts.rows(statement, {})}
