from __future__ import annotations

import importlib
import sys

import dagster as dg
import pytest

from pipelines.assets.graph import build_graph
from pipelines.assets.keys import CONTROL_PLANE, EXPORTS, LANDED_REQUESTS, LEDGER, SNAPSHOT
from pipelines.dbt_runner import warm_dbt
from pipelines.lake.paths import HOME_VARIABLE
from pipelines.publish import PUBLISHED_TABLES
from pipelines.run_history import forget_old_runs, run_history
from tests.pipelines.lake_builder import Lake, calls


@pytest.fixture
def graph(lake: Lake) -> dg.Definitions:
    return build_graph(lake.home)


def test_the_graph_goes_from_landing_to_publish(graph: dg.Definitions, lake: Lake) -> None:
    assets = graph.resolve_asset_graph()
    keys = assets.get_all_asset_keys()
    models = {node["name"] for node in warm_dbt(lake.home).manifest_json()["nodes"].values() if is_built(node)}
    assert {key.path[-1] for key in keys} >= models | set(PUBLISHED_TABLES)
    assert {LEDGER, LANDED_REQUESTS, CONTROL_PLANE, SNAPSHOT, *EXPORTS} <= keys
    upstream = assets.upstream_key_iterator(SNAPSHOT)
    assert {LEDGER, CONTROL_PLANE, LANDED_REQUESTS, *EXPORTS} <= set(upstream)
    assert {key for key in keys if not assets.get(key).is_executable} == {LEDGER, CONTROL_PLANE, LANDED_REQUESTS}


def test_every_dbt_test_is_an_asset_check(graph: dg.Definitions, lake: Lake) -> None:
    names = {key.name for key in graph.resolve_asset_graph().asset_check_keys}
    nodes = warm_dbt(lake.home).manifest_json()["nodes"].values()
    assert names == {node["name"] for node in nodes if node["resource_type"] == "test"} | {"landed_files_match_ledger"}


def test_the_code_location_loads_by_its_module_name(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(lake.home.root))
    sys.modules.pop("pipelines.definitions", None)
    definitions = importlib.import_module("pipelines.definitions").defs
    repository = definitions.get_repository_def()
    assert [job.name for job in repository.get_all_jobs() if not job.name.startswith("__")] == [
        "analysis",
        "compaction",
        "provider_bills",
        "refresh",
        "scheduled_exports",
    ]
    assert {one.name for one in repository.sensor_defs} == {"ledger_grew"}
    assert {one.name for one in repository.schedule_defs} == {
        "nightly_full_rebuild",
        "hourly_analysis",
        "hourly_compaction",
        "daily_exports",
        "daily_provider_bills",
    }


def test_the_sensor_fires_once_the_ledger_is_ahead_of_what_is_published(graph: dg.Definitions, lake: Lake) -> None:
    sensor = graph.get_repository_def().get_sensor_def("ledger_grew")
    with dg.build_sensor_context(instance=run_history(lake.home)) as context:
        assert sensor.evaluate_tick(context).skip_message == "everything up to landing file 1 is published"
        lake.land(lake.acme, lake.laptop, calls(1, "new"))
        assert [one.run_key for one in sensor.evaluate_tick(context).run_requests or ()] == ["landing-2"]


def test_dagster_runs_the_job_by_itself_and_records_checks(graph: dg.Definitions, lake: Lake) -> None:
    """The way Dagster's own daemon runs it: with the resource of the definitions, full by configuration."""
    lake.land(lake.acme, lake.laptop, calls(5, "new"))
    history = run_history(lake.home)
    outcome = graph.resolve_job_def("refresh").execute_in_process(
        instance=history,
        run_config={
            "resources": {"build": {"config": {"full": True}}},
            "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
        },
    )
    evaluations = outcome.get_asset_check_evaluations()
    assert all(one.passed for one in evaluations)
    assets = graph.resolve_asset_graph()
    checks = assets.asset_check_keys
    of_analysis = {key for key in checks if assets.get(key.asset_key).group_name == "analysis"}
    assert {one.check_name for one in evaluations} == {key.name for key in checks - of_analysis}
    assert of_analysis
    assert {event.asset_key for event in outcome.get_asset_materialization_events()} >= {SNAPSHOT, *EXPORTS}
    assert forget_old_runs(history) == 0


def is_built(node: dict[str, object]) -> bool:
    return node["resource_type"] in ("model", "seed")
