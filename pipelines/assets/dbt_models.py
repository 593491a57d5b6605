"""The dbt project as assets: specs, lineage and checks from its manifest, executed by the warm runner.

Belongs here: naming dbt's nodes for Dagster and turning their results into materialisations and check results, for both
stages of the warehouse. Does not belong here: running dbt (`pipelines.dbt_runner`), whose process dagster-dbt's own
resource would start anew each time.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from graphlib import TopologicalSorter
from typing import Any, Final

import dagster as dg
from dagster_dbt import DagsterDbtTranslator, DagsterDbtTranslatorSettings, DbtProject, dbt_assets
from dagster_dbt.asset_utils import get_asset_check_key_for_test

from pipelines.analysis.build import AnalysisBuild
from pipelines.assets.keys import SNAPSHOT
from pipelines.build import Build
from pipelines.dbt_runner import ANALYSIS, DbtRun, NodeResult

Events = Iterator[dg.MaterializeResult[Any] | dg.AssetCheckResult]

_ANALYSED: Final = "published"
"""The dbt source that stands for the published snapshot."""


class LayerTranslator(DagsterDbtTranslator):
    """Groups models by their layer: staging, intermediate, marts, analysis."""

    def __init__(self) -> None:
        """All tables of the snapshot are one asset."""
        super().__init__(DagsterDbtTranslatorSettings(enable_duplicate_source_asset_keys=True))

    def get_asset_key(self, dbt_resource_props: Mapping[str, Any]) -> dg.AssetKey:
        """Return the snapshot's key for what is read of it, dbt's own for everything else."""
        if dbt_resource_props["resource_type"] == "source" and dbt_resource_props["source_name"] == _ANALYSED:
            return SNAPSHOT
        return super().get_asset_key(dbt_resource_props)

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
    """Return the manifest with every test that names no model of its own attached to the most downstream it reads.

    Without it dagster-dbt would make no asset check of such a test.
    """
    parents: Mapping[str, list[str]] = manifest["parent_map"]

    def ancestors(node: str) -> set[str]:
        direct = parents.get(node, [])
        return set(direct).union(*(ancestors(one) for one in direct))

    nodes: dict[str, Any] = dict(manifest["nodes"])
    for unique_id, node in manifest["nodes"].items():
        tested = [one for one in parents.get(unique_id, []) if one in nodes]
        if node["resource_type"] == "test" and not node.get("attached_node") and tested:
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

    def __init__(self, manifest: Mapping[str, Any], translator: DagsterDbtTranslator, *, analysis: bool) -> None:
        every: Mapping[str, Mapping[str, Any]] = manifest["nodes"]
        nodes = {unique_id: node for unique_id, node in every.items() if is_of_analysis(node, every) == analysis}
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
    """Return the assets of every model and seed of the refresh, with the project's tests as their checks.

    Args:
        manifest: as dbt writes it.
    """
    manifest = with_singular_tests_attached(manifest)
    translator = LayerTranslator()
    names = DbtNames(manifest, translator, analysis=False)

    @dbt_assets(
        manifest=manifest,
        exclude=f"tag:{ANALYSIS}",
        dagster_dbt_translator=translator,
        name="dbt_models",
        required_resource_keys={"build"},
    )
    def run_dbt(context: dg.AssetExecutionContext) -> Events:
        yield from reported(context, context.resources.build, names)

    return run_dbt


def analysis_models(manifest: Mapping[str, Any]) -> dg.AssetsDefinition:
    """Return the assets of the analysis' models, with their tests as checks.

    Args:
        manifest: as dbt writes it.
    """
    manifest = with_singular_tests_attached(manifest)
    translator = LayerTranslator()
    names = DbtNames(manifest, translator, analysis=True)

    @dbt_assets(
        manifest=manifest,
        select=f"tag:{ANALYSIS}",
        dagster_dbt_translator=translator,
        name="analysis_models",
        required_resource_keys={"analysis"},
    )
    def run_analysis(context: dg.AssetExecutionContext) -> Events:
        yield from reported(context, context.resources.analysis, names)

    return run_analysis


def reported(context: dg.AssetExecutionContext, build: Build | AnalysisBuild, names: DbtNames) -> Events:
    """Run the models that a run of Dagster's chose, and report them.

    Args:
        context: says which.
        build: runs them.
        names: Dagster's names of the stage's nodes.

    Yields:
        What `recorded` does.

    Raises:
        dagster.Failure: a model or a test failed.
    """
    chosen = context.selected_asset_keys
    subset = None if chosen >= set(names.models) else sorted(names.models[key] for key in chosen)
    run = build.transform(subset)
    yield from recorded(run, names, chosen, context.selected_asset_check_keys)
    if run.failure is not None:
        raise dg.Failure(run.failure, allow_retries=False)


def recorded(
    run: DbtRun, names: DbtNames, assets: AbstractSet[dg.AssetKey], checks: AbstractSet[dg.AssetCheckKey]
) -> Events:
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


def is_of_analysis(node: Mapping[str, Any], nodes: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether a node of the manifest belongs to the analysis: a model by its tag, a test by what it tests."""
    tested = (
        [nodes[one] for one in node["depends_on"]["nodes"] if one in nodes] if node["resource_type"] == "test" else []
    )
    return ANALYSIS in node["tags"] or any(ANALYSIS in one["tags"] for one in tested)


def _check_result(node: NodeResult, key: dg.AssetCheckKey) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(
        asset_key=key.asset_key,
        check_name=key.name,
        passed=node.status == "pass",
        severity=dg.AssetCheckSeverity.WARN if node.is_good else dg.AssetCheckSeverity.ERROR,
        metadata={"seconds": node.seconds, "failures": node.failures or 0, "message": node.message},
    )
