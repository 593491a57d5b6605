"""The dbt project as assets: specs, lineage and checks from its manifest, executed by the warm runner.

Belongs here: naming dbt's nodes for Dagster and turning their results into materialisations and check results. Does not
belong here: running dbt (`pipelines.dbt_runner`), whose process dagster-dbt's own resource would start anew each time.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from graphlib import TopologicalSorter
from typing import Any

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test

from pipelines.build import Build
from pipelines.dbt_runner import DbtRun, NodeResult


class LayerTranslator(DagsterDbtTranslator):
    """Groups models by their layer: staging, intermediate, marts."""

    def get_group_name(self, dbt_resource_props: Mapping[str, Any]) -> str | None:
        """Return the folder under `models/`, or the kind of the resource."""
        folders = dbt_resource_props["fqn"][1:-1]
        return folders[0] if folders else f"{dbt_resource_props['resource_type']}s"

    def get_asset_check_spec(
        self, asset_spec: dg.AssetSpec, manifest: Mapping[str, Any], unique_id: str, project: DbtProject | None
    ) -> dg.AssetCheckSpec | None:
        """Return the check of a test. It does not block by itself: a failed test fails the whole step.

        An incremental build runs only the tests of what it changed, and Dagster warns of every blocking check that
        was not run.
        """
        spec = super().get_asset_check_spec(asset_spec, manifest, unique_id, project)
        if spec is None:
            return None
        return dg.AssetCheckSpec(
            spec.name,
            asset=spec.asset_key,
            description=spec.description,
            additional_deps=spec.additional_deps,
            metadata=spec.metadata,
        )


def with_singular_tests_attached(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return the manifest with every test of several models attached to the most downstream of them.

    Without it dagster-dbt would make no asset check of such a test.
    """
    parents: Mapping[str, list[str]] = manifest["parent_map"]

    def ancestors(node: str) -> set[str]:
        direct = parents.get(node, [])
        return set(direct).union(*(ancestors(one) for one in direct))

    nodes: dict[str, Any] = dict(manifest["nodes"])
    for unique_id, node in manifest["nodes"].items():
        tested = [one for one in parents.get(unique_id, []) if one in nodes]
        if node["resource_type"] == "test" and not node.get("attached_node") and len(tested) > 1:
            last = nodes[max(tested, key=lambda one: len(ancestors(one)))]
            reference = {"dagster": {"ref": {"name": last["name"], "package": last["package_name"]}}}
            nodes[unique_id] = node | {"config": node["config"] | {"meta": node["config"]["meta"] | reference}}
    return dict(manifest) | {"nodes": nodes}


class DbtNames:
    """Dagster's names of the manifest's nodes.

    Attributes:
        assets: key of each model and seed, by dbt's unique id.
        in_order: these keys, upstream before downstream, as Dagster wants them reported.
        models: dbt's name behind each key.
        checks: check of each test, by dbt's unique id.
    """

    def __init__(self, manifest: Mapping[str, Any], translator: DagsterDbtTranslator) -> None:
        nodes: Mapping[str, Mapping[str, Any]] = manifest["nodes"]
        self.assets = {
            unique_id: translator.get_asset_spec(manifest, unique_id, None).key
            for unique_id, node in nodes.items()
            if node["resource_type"] in ("model", "seed")
        }
        parents: Mapping[str, list[str]] = manifest["parent_map"]
        ordered = TopologicalSorter({one: parents.get(one, []) for one in self.assets}).static_order()
        self.in_order = [self.assets[one] for one in ordered if one in self.assets]
        self.models = {key: nodes[unique_id]["name"] for unique_id, key in self.assets.items()}
        tests = [unique_id for unique_id, node in nodes.items() if node["resource_type"] == "test"]
        keys = {one: get_asset_check_key_for_test(manifest, translator, one, project=None) for one in tests}
        self.checks = {unique_id: key for unique_id, key in keys.items() if key is not None}


def dbt_models(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """Return the assets of every model and seed, with the project's tests as their checks.

    Args:
        manifest: as dbt writes it.
    """
    manifest = with_singular_tests_attached(manifest)
    translator = LayerTranslator()
    names = DbtNames(manifest, translator)

    @dbt_assets(
        manifest=manifest,
        dagster_dbt_translator=translator,
        name="dbt_models",
        required_resource_keys={"build"},
    )
    def run_dbt(context: dg.AssetExecutionContext) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
        build: Build = context.resources.build
        chosen = context.selected_asset_keys
        subset = None if chosen >= set(names.models) else sorted(names.models[key] for key in chosen)
        run = build.transform(subset)
        yield from recorded(run, names, chosen, context.selected_asset_check_keys)
        if run.failure is not None:
            raise dg.Failure(run.failure, allow_retries=False)

    return run_dbt


def recorded(
    run: DbtRun, names: DbtNames, assets: AbstractSet[dg.AssetKey], checks: AbstractSet[dg.AssetCheckKey]
) -> Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]:
    """Turn dbt's results into Dagster's events.

    Args:
        run: what dbt did.
        names: Dagster's names for it.
        assets: assets this run is to report.
        checks: checks this run may report.

    Yields:
        A check result per test that ran and a materialisation per node built; after a good run also one, marked
        unchanged, per node that did not have to be built, because Dagster skips whatever is downstream of a gap.
    """
    built = {names.assets[node.unique_id]: node.seconds for node in run.models if node.is_good}
    for key in names.in_order:
        if key not in assets:
            continue
        if key in built:
            yield dg.MaterializeResult(asset_key=key, metadata={"seconds": built[key]})
        elif run.failure is None:
            yield dg.MaterializeResult(asset_key=key, metadata={"unchanged": True})
    for node in run.tests:
        key = names.checks.get(node.unique_id)
        if key is not None and key in checks and node.status != "skipped":
            yield _check_result(node, key)


def _check_result(node: NodeResult, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=node.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if node.is_good else dg.AssetCheckSeverity.ERROR,
        metadata={"seconds": node.seconds, "failures": node.failures or 0, "message": node.message},
    )
