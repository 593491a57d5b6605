"""The whole graph of one home, landing to publish.

Belongs here: putting assets, job, resource and triggers together. Does not belong here: what they do.
"""

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg

from pipelines.assets.analysis import (
    ANALYSIS_JOB,
    analysis_resource,
    finance_exports,
    hourly_analysis,
    published_analysis,
)
from pipelines.assets.bills import BILLS_JOB, daily_bills, provider_bills
from pipelines.assets.compaction import COMPACTION_JOB, compacted_files, hourly_compaction
from pipelines.assets.dbt_models import analysis_models, dbt_models
from pipelines.assets.exports import EXPORTS_JOB, daily_exports, scheduled_exports
from pipelines.assets.keys import (
    COMPACTED_FILES,
    FINANCE_KEYS,
    PROVIDER_BILLS,
    PUBLISHED_ANALYSIS,
    SCHEDULED_EXPORTS,
)
from pipelines.assets.landing import EXTERNAL_ASSETS, exports
from pipelines.assets.snapshot import published_snapshot
from pipelines.assets.triggers import ledger_sensor, nightly_rebuild
from pipelines.build import Build
from pipelines.dbt_runner import warm_dbt
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.publish import FACTS, PUBLISHED_TABLES
from pipelines.refresh_lock import refresh_lock

REFRESH_JOB: Final = "refresh"
QUIET: Final[dict[str, Any]] = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps a run off the console; its events are in the history."""


def build_graph(home: Home) -> dg.Definitions:
    """Return the definitions of one home. The dbt project is parsed when it has not been in this process.

    Raises:
        DbtParseError: the dbt project does not parse.
    """
    engine = open_database(home.database_url)
    manifest = warm_dbt(home).manifest_json()
    models, analysed = dbt_models(manifest), analysis_models(manifest)
    compaction = dg.AssetSelection.assets(COMPACTED_FILES)
    analysis = dg.AssetSelection.assets(*FINANCE_KEYS, *analysed.keys, PUBLISHED_ANALYSIS)
    bills = dg.AssetSelection.assets(PROVIDER_BILLS)
    exported = dg.AssetSelection.assets(SCHEDULED_EXPORTS)
    job = dg.define_asset_job(
        REFRESH_JOB,
        selection=dg.AssetSelection.all() - compaction - analysis - bills - exported,
        description="Bring the marts up to date.",
    )
    bills_job = dg.define_asset_job(BILLS_JOB, selection=bills, description="Read what providers billed.")
    exports_job = dg.define_asset_job(EXPORTS_JOB, selection=exported, description="Export what is published.")
    analysis_job = dg.define_asset_job(
        ANALYSIS_JOB, selection=analysis, description="Build the analysis of the published marts."
    )
    compaction_job = dg.define_asset_job(
        COMPACTION_JOB, selection=compaction, description="Merge landed files and let go of days past retention."
    )
    return dg.Definitions(
        assets=[
            *EXTERNAL_ASSETS,
            compacted_files(home),
            provider_bills(home),
            scheduled_exports(home),
            exports,
            models,
            published_snapshot(_published_from(models)),
            finance_exports,
            analysed,
            published_analysis(analysed.keys),
        ],
        jobs=[job, compaction_job, analysis_job, bills_job, exports_job],
        sensors=[ledger_sensor(home, engine, job)],
        schedules=[
            nightly_rebuild(job),
            hourly_compaction(compaction_job),
            daily_bills(bills_job),
            hourly_analysis(analysis_job),
            daily_exports(exports_job),
        ],
        resources={"build": build_resource(home), "analysis": analysis_resource(home)},
        executor=dg.in_process_executor,
    )


def _published_from(models: dg.AssetsDefinition) -> list[dg.AssetKey]:
    """Return the models a snapshot is copied from: seeds, which an incremental build leaves out, are not among them."""
    return [key for key in models.keys if key.path[-1] in {FACTS, *PUBLISHED_TABLES}]


def build_resource(home: Home) -> dg.ResourceDefinition:
    """Return the resource that gives a run its build, under the refresh lock for as long as the run lasts."""

    @dg.resource(config_schema={"full": dg.Field(bool, default_value=False, description="Build everything anew.")})
    def build(context: dg.InitResourceContext) -> Iterator[Build]:
        engine = open_database(home.database_url)
        try:
            with refresh_lock(home):
                yield Build(home, engine, SystemClock(), warm_dbt(home), full=context.resource_config["full"])
        finally:
            engine.dispose()

    return build
