"""Scheduled exports in Dagster: one asset, its job and its daily schedule.

Belongs here: thin shells. Does not belong here: exporting (`pipelines.exports`).
"""

from typing import Any, Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.assets.keys import PUBLISHED_ANALYSIS, SCHEDULED_EXPORTS, SNAPSHOT
from pipelines.exports.loop import HOUR_OF_DAY, export_all
from pipelines.exports.settings import ExportError
from pipelines.lake.clock import Clock, SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

EXPORTS_JOB: Final = "scheduled_exports"


def scheduled_exports(home: Home, clock: Clock | None = None) -> dg.AssetsDefinition:
    """Return the asset of a home's scheduled exports.

    Args:
        home: whose workspaces are exported.
        clock: tells when it happened; the machine's when None.
    """
    told_by = clock or SystemClock()

    @dg.asset(
        key=SCHEDULED_EXPORTS,
        deps=[SNAPSHOT, PUBLISHED_ANALYSIS],
        group_name="exports",
        description="Requests and marts as Parquet at the place each workspace's export is configured for.",
    )
    def write_scheduled_exports(_context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        engine = open_database(home.database_url)
        try:
            outcomes = export_all(home, engine, told_by)
        except ExportError as fault:
            raise dg.Failure(str(fault), allow_retries=False) from fault
        finally:
            engine.dispose()
        figures = {
            "workspaces": len(outcomes),
            "failed": sum(one.error is not None for one in outcomes),
            "files_written": sum(one.exported.files_written for one in outcomes if one.exported),
        }
        failures = [f"{one.settings.workspace_id}: {one.error}" for one in outcomes if one.error is not None]
        if failures:
            raise dg.Failure("; ".join(failures), metadata=figures, allow_retries=False)
        return dg.MaterializeResult(metadata=figures)

    return write_scheduled_exports


def daily_exports(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule that exports every morning, for those who do not run our own loop."""
    return dg.ScheduleDefinition(
        name="daily_exports",
        job=job,
        cron_schedule=f"0 {HOUR_OF_DAY} * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )
