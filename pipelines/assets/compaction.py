"""Compaction and retention in Dagster: an asset, a job and its schedule.

Belongs here: thin shells, and telling the history what the refresher's own upkeep did. Does not belong here: the work
(`pipelines.compaction`).
"""

from typing import Any, Final

from pipelines.run_history import run_history  # first: it switches Dagster's telemetry off

# isort: split
import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.assets.keys import COMPACTED_FILES, LANDED_REQUESTS, LEDGER
from pipelines.compaction import CompactionResult, compact
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.row_file_upkeep import complete_row_files

COMPACTION_JOB: Final = "compaction"


def compacted_files(home: Home) -> dg.AssetsDefinition:
    """Return the asset of a home's compacted files."""

    @dg.asset(
        key=COMPACTED_FILES,
        deps=[LEDGER, LANDED_REQUESTS],
        group_name="landing",
        description="Landed files merged by size and day, and days past retention let go of. One row per landed row.",
    )
    def compact_landed_files(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        engine = open_database(home.database_url)
        try:
            result = compact(home, engine, SystemClock(), progress=context.log.info)
            complete_row_files(home, SystemClock())
        finally:
            engine.dispose()
        if result.damaged:
            raise dg.Failure("; ".join(result.damaged), metadata=result.figures(), allow_retries=False)
        return dg.MaterializeResult(metadata=result.figures())

    return compact_landed_files


def hourly_compaction(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule that compacts, every hour, for those who do not run the refresher."""
    return dg.ScheduleDefinition(
        name="hourly_compaction",
        job=job,
        cron_schedule="15 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def report_compaction(home: Home, result: CompactionResult) -> None:
    """Write into the home's history what was compacted outside a run."""
    materialization = dg.AssetMaterialization(COMPACTED_FILES, metadata=result.figures())
    run_history(home).report_runless_asset_event(materialization)
