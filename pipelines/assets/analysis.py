"""The analysis in Dagster: its exports, its published file, its schedule, and the resource that gives a run its build.

Belongs here: thin shells over the steps of `pipelines.analysis.build`. Does not belong here: any work, and the assets
of its models (`dbt_models`).
"""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import dagster as dg
from dagster._core.definitions.unresolved_asset_job_definition import UnresolvedAssetJobDefinition

from pipelines.analysis.build import AnalysisBuild, AnalysisError, opened_build
from pipelines.analysis.publish import AnalysisPublishError
from pipelines.assets.keys import CONTROL_PLANE, FINANCE_KEYS, PUBLISHED_ANALYSIS
from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home

ANALYSIS_JOB: Final = "analysis"


@dg.multi_asset(
    name="finance_exports",
    specs=[dg.AssetSpec(key, deps=[CONTROL_PLANE], group_name="finance") for key in FINANCE_KEYS],
    required_resource_keys={"analysis"},
)
def finance_exports(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any]]:
    """Write bills, budgets and decisions as Parquet."""
    build: AnalysisBuild = context.resources.analysis
    digests = build.export().finance
    for key in FINANCE_KEYS:
        yield dg.MaterializeResult(asset_key=key, metadata={"digest": digests[key.path[-1]]})


def published_analysis(upstream: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the asset of the published file.

    Args:
        upstream: assets it is published from.
    """

    @dg.asset(
        key=PUBLISHED_ANALYSIS,
        deps=list(upstream),
        group_name="analysis",
        required_resource_keys={"analysis"},
        description="What readers see of the analysis, under one analysis id. One row per file.",
    )
    def publish_analysis(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        build: AnalysisBuild = context.resources.analysis
        try:
            published = build.publish()
        except (AnalysisError, AnalysisPublishError) as fault:
            raise dg.Failure(str(fault), allow_retries=False) from fault
        return dg.MaterializeResult(
            metadata={"analysis_id": published.analysis_id, "build_id": published.build_id, "file": published.file}
        )

    return publish_analysis


def hourly_analysis(job: UnresolvedAssetJobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule that analyses, every hour, for those who do not run our own loop."""
    return dg.ScheduleDefinition(
        name="hourly_analysis",
        job=job,
        cron_schedule="45 * * * *",
        default_status=dg.DefaultScheduleStatus.RUNNING,
    )


def analysis_resource(home: Home) -> dg.ResourceDefinition:
    """Return the resource that gives a run its analysis, under its lock for as long as the run lasts."""

    @dg.resource
    def analysis(_context: dg.InitResourceContext) -> Iterator[AnalysisBuild]:
        engine = open_database(home.database_url)
        try:
            with opened_build(home, engine, SystemClock()) as build:
                yield build
        finally:
            engine.dispose()

    return analysis
