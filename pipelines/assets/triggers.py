"""What starts the refresh job for those who run Dagster's own daemon: a sensor and a schedule.

Belongs here: when the job runs. Does not belong here: our own long-lived loop (`pipelines.refresher`), which drives the
same job; the refresh lock lets both live side by side.
"""

from typing import Any, Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition
from sqlalchemy import Engine

from pipelines.lake.catalog import SnapshotReader
from pipelines.lake.paths import Home
from pipelines.ledger_watch import ledger_position

FULL: Final[dict[str, Any]] = {"resources": {"build": {"config": {"full": True}}}}


def ledger_sensor(home: Home, engine: Engine, job: UnresolvedAssetJobDefinition) -> dg.SensorDefinition:
    """Return a sensor that starts a refresh once per new position of the ledger that is not published yet."""

    @dg.sensor(name="ledger_grew", job=job, minimum_interval_seconds=15, default_status=dg.DefaultSensorStatus.RUNNING)
    def ledger_grew() -> dg.RunRequest | dg.SkipReason:
        landed = ledger_position(engine)
        published = _published_position(home)
        if landed <= published:
            return dg.SkipReason(f"everything up to landing file {published} is published")
        return dg.RunRequest(run_key=f"landing-{landed}")

    return ledger_grew


def nightly_rebuild(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule that builds everything anew, every night."""
    return dg.ScheduleDefinition(
        name="nightly_full_rebuild",
        job=job,
        cron_schedule="30 3 * * *",
        run_config=FULL,
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def _published_position(home: Home) -> int:
    reader = SnapshotReader(home)
    try:
        snapshot = reader.current()
        if snapshot is None:
            return 0
        with snapshot:
            return snapshot.max_file_seq
    finally:
        reader.close()
