"""Where data enters: what daemons landed and what people set, crossing into the warehouse.

Belongs here: the external assets and the exports. Does not belong here: reading or writing them (`pipelines.build`).
"""

from collections.abc import Iterator
from typing import Any, Final

import dagster as dg

from pipelines.assets.keys import CONTROL_PLANE, EXPORTS, LANDED_REQUESTS, LEDGER, export_key
from pipelines.build import Build, BuildError

EXTERNAL_ASSETS: Final = [
    dg.AssetSpec(
        LEDGER,
        description="Committed landing files and batches, in the app database. One row per file or batch.",
        group_name="landing",
    ),
    dg.AssetSpec(
        LANDED_REQUESTS,
        deps=[LEDGER],
        description="Parquet files the ledger names: the record. One row per received call.",
        group_name="landing",
    ),
    dg.AssetSpec(
        CONTROL_PLANE,
        description="Workspaces, projects and devices, in the app database.",
        group_name="landing",
    ),
]

_DIGESTS_MATCH: Final = dg.AssetCheckSpec(
    "landed_files_match_ledger",
    asset=export_key("landed_files"),
    blocking=True,
    description="Every landing file that is new to the warehouse has the SHA-256 the ledger wrote down.",
)


@dg.multi_asset(
    name="exports",
    specs=[dg.AssetSpec(key, deps=[LEDGER, CONTROL_PLANE], group_name="exports") for key in EXPORTS],
    check_specs=[_DIGESTS_MATCH],
    required_resource_keys={"build"},
)
def exports(
    context: dg.AssetExecutionContext,
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Write the app database, calendars and prices as Parquet, and plan the build."""
    build: Build = context.resources.build
    try:
        exported = build.export()
    except BuildError as fault:
        raise dg.Failure(str(fault), allow_retries=False) from fault
    metadata = {"max_file_seq": exported.inputs.max_file_seq, "extent": exported.plan.extent.value}
    for key in EXPORTS:
        yield dg.MaterializeResult(asset_key=key, metadata=metadata)
    yield dg.AssetCheckResult(
        asset_key=_DIGESTS_MATCH.asset_key,
        check_name=_DIGESTS_MATCH.name,
        passed=True,
        metadata={"verified_files": exported.verified_files, "reason": exported.plan.reason},
    )
