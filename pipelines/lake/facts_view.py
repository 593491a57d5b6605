"""The view `fct_requests` over a snapshot's segments.

Belongs here: what readers see of a request beside its stored columns. Does not belong here: opening snapshots
(`catalog`), and looking single requests up, which gives the same answers (`row_lookup`).
"""

from __future__ import annotations

from typing import Final

import duckdb

from pipelines.lake.row_lookup import NO_PROJECT

# Same rule as the warehouse's fct_requests: visibility is joined when read, never written into immutable segments.
_FCT_REQUESTS: Final = """
create view {name} as
select
    priced.* replace (
        coalesce(priced.project, '{no_project}') as project,
        coalesce(priced.project_as_logged, '{no_project}') as project_as_logged
    ),
    case when priced.received_at >= projects.withheld_since then projects.withheld_reason end as withheld_reason
from ({priced}) as priced
left join {projects} as projects
    on priced.workspace_id = projects.workspace_id
    and priced.project = projects.project
"""


def make_facts_view(
    connection: duckdb.DuckDBPyConnection,
    segments: str,
    *,
    name: str = "fct_requests",
    projects: str = "marts.dim_projects",
) -> None:
    """Create `fct_requests`.

    Args:
        connection: where the view is made.
        segments: the files with a snapshot's facts, as SQL text literals joined by commas.
        name: of the view.
        projects: where the snapshot's `dim_projects` stands.
    """
    rows = f"select * from read_parquet([{segments}])"  # noqa: S608 - our own files
    columns = {name for name, *_ in connection.execute(f"describe {rows}").fetchall()}
    if "project_as_logged" not in columns:  # of an earlier release, to which all was as it was logged
        rows = rows.replace("*", "*, project as project_as_logged", 1)
    connection.execute(_FCT_REQUESTS.format(name=name, priced=rows, projects=projects, no_project=NO_PROJECT))
