"""Where data leaves: the published snapshot.

Belongs here: the last asset of the graph. Does not belong here: publishing itself (`pipelines.publish`).
"""

from collections.abc import Iterable
from typing import Any

import dagster as dg

from pipelines.assets.keys import SNAPSHOT
from pipelines.build import Build, BuildError
from pipelines.publish import PublishError


def published_snapshot(upstream: Iterable[dg.AssetKey]) -> dg.AssetsDefinition:
    """Return the snapshot's asset.

    Args:
        upstream: assets it is published from.
    """

    @dg.asset(
        key=SNAPSHOT,
        deps=list(upstream),
        group_name="marts",
        required_resource_keys={"build"},
        description="What readers see: roll-ups, dimensions and the segments of facts, under one build id.",
    )
    def publish_snapshot(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        build: Build = context.resources.build
        try:
            published = build.publish()
        except (BuildError, PublishError) as fault:
            raise dg.Failure(str(fault), allow_retries=False) from fault
        metadata = {
            "build_id": published.build_id,
            "rows_new": published.rows_new,
            "dagster/row_count": published.rows_total,
        }
        return dg.MaterializeResult(metadata=metadata)

    return publish_snapshot
