"""Looking at what a home's analysis says.

Belongs here: reading it as readers do. Does not belong here: building.
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.dbt_runner import DbtRun
from pipelines.lake.analysis_catalog import AnalysisReader
from pipelines.lake.paths import Home

Rows = list[Any]


@dataclass(frozen=True)
class Analysed:
    """A home with an analysis.

    Attributes:
        root: its folder.
        refreshed: what dbt did in the incremental build that was analysed.
    """

    root: Path
    refreshed: DbtRun


def ask(home: Home, sql: str, *parameters: object) -> Rows:
    """Ask the published analysis; rows are tuples."""
    with closing(AnalysisReader(home)) as reader:
        analysis = reader.current()
        assert analysis is not None
        with analysis, analysis.cursor() as cursor:
            rows: Rows = cursor.execute(sql, parameters).fetchall()
    return rows


def everything(home: Home) -> dict[str, Rows]:
    """Return every published row in the order of the file, by table, but for what the analysis is called."""
    tables = [name for (name,) in ask(home, "select table_name from duckdb_tables() where database_name = 'analysis'")]
    assert "mart_unattributed_spend" in tables
    return {name: ask(home, f"from {name}") for name in tables if name != "analysis_info"}
