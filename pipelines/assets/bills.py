"""Providers' bills in Dagster: an asset per day with a look back, a job and its daily schedule.

Belongs here: thin shells. Does not belong here: reading and recording (`pipelines.billing`).
"""

from datetime import UTC, date, datetime
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.assets.keys import PROVIDER_BILLS
from pipelines.billing.run import HOUR_OF_DAY, Reading, Wanted, read_bills
from pipelines.lake.clock import Clock, SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

BILLS_JOB: Final = "provider_bills"
DAYS: Final = dg.DailyPartitionsDefinition(start_date=datetime(2025, 1, 1, tzinfo=UTC), timezone="UTC")


def provider_bills(home: Home, clock: Clock | None = None) -> dg.AssetsDefinition:
    """Return the asset of a home's bills; a day's partition also reads the days before it anew.

    Args:
        home: whose connections are read.
        clock: tells today; the machine's when None.
    """
    today = clock or SystemClock()

    @dg.asset(
        key=PROVIDER_BILLS,
        partitions_def=DAYS,
        group_name="bills",
        description="What providers billed, by day. A restated day supersedes what was known of it.",
    )
    def read_provider_bills(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        engine = open_database(home.database_url)
        try:
            wanted = Wanted(last_day=date.fromisoformat(context.partition_key))
            readings = read_bills(home, engine, today, wanted)
        finally:
            engine.dispose()
        failures = [f"{one.name}: {one.error}" for one in readings if one.error is not None]
        if failures:
            raise dg.Failure("; ".join(failures), metadata=_figures(readings), allow_retries=False)
        return dg.MaterializeResult(metadata=_figures(readings))

    return read_provider_bills


def daily_bills(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition | Any:
    """Return the schedule that reads yesterday's bills, and the days before it, every morning."""
    return dg.build_schedule_from_partitioned_job(
        job,
        name="daily_provider_bills",
        hour_of_day=HOUR_OF_DAY,
        minute_of_hour=0,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _figures(readings: list[Reading]) -> dict[str, int]:
    return {
        "connections": len(readings),
        "failed": sum(one.error is not None for one in readings),
        "new": sum(one.recorded.new for one in readings),
        "restated": sum(one.recorded.restated for one in readings),
        "unchanged": sum(one.recorded.unchanged for one in readings),
    }
