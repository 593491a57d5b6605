"""A model or data test that fails, wherever it stands: nothing is published, it is named, the next good run heals."""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from typing import Any

import pytest

from pipelines.assets.dbt_models import is_of_analysis
from pipelines.dbt_runner import warm_dbt
from pipelines.dbt_selection import LANDED_REQUESTS, affected_nodes
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from pipelines.refresh import RefreshFailed, refresh
from pipelines.run_history import forget_old_runs, run_history  # first: it switches Dagster's telemetry off

# isort: split
import dagster as dg

from tests.faults.builds.built_home import first_calls, shared_built_home
from tests.faults.builds.landed_totals import LandedCalls, shown_afresh, unnamed_files
from tests.pipelines.lake_builder import Lake, calls

_log = logging.getLogger(__name__)

BROKEN_MODEL = "select * from a_table_that_is_not_there"
BROKEN_TEST = "select 1 as broken_on_purpose"
FAILURES_BETWEEN_HEALS = 2
SHOWN_NAME = 90


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, upgraded_sqlite: Path) -> Iterator[tuple[Lake, LandedCalls]]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        home = Home(tmp_path_factory.mktemp("failing") / "home")
        shutil.copytree(shared_built_home(tmp_path_factory, upgraded_sqlite), home.root)
        engine = open_database(home.database_url)
        yield Lake(home, engine), LandedCalls({1: first_calls()})
        run_history(home).dispose()
        engine.dispose()


def nodes_in_order(home: Home) -> list[dict[str, Any]]:
    """Return the models and data tests that a refresh builds, upstream before downstream."""
    manifest = warm_dbt(home).manifest_json()
    order = TopologicalSorter(manifest["parent_map"]).static_order()
    nodes = [manifest["nodes"][one] for one in order if one in manifest["nodes"]]
    refreshed = [node for node in nodes if not is_of_analysis(node, manifest["nodes"])]
    return [node for node in refreshed if node["resource_type"] in ("model", "test")]


def spread(nodes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the first and the last model and test, the last model of each layer, and a test from the middle."""
    models = [node for node in nodes if node["resource_type"] == "model"]
    tests = [node for node in nodes if node["resource_type"] == "test"]
    layers = {node["fqn"][1]: node for node in models}
    chosen = [models[0], *layers.values(), models[-1], tests[0], tests[len(tests) // 2], tests[-1]]
    return list({node["unique_id"]: node for node in chosen}.values())


@contextmanager
def broken(home: Home, node: dict[str, Any]) -> Iterator[None]:
    """Break a node where dbt has it in memory; the project's files, and so its digest, are as they were."""
    in_memory: Any = warm_dbt(home).manifest().nodes[node["unique_id"]]
    whole = in_memory.raw_code
    in_memory.raw_code = BROKEN_MODEL if node["resource_type"] == "model" else BROKEN_TEST
    try:
        yield
    finally:
        in_memory.raw_code = whole


def fails(lake: Lake, node: dict[str, Any], *, full: bool) -> None:
    """Refresh with a broken node: it is named in one plain sentence, and readers see what they saw."""
    before = lake.home.current_pointer.read_bytes(), shown_afresh(lake.home)
    with broken(lake.home, node), pytest.raises(RefreshFailed) as failed:
        refresh(lake.home, lake.engine, lake.clock, full=full)
    said = str(failed.value)
    assert said.startswith(f"{node['resource_type']} {node['name'][:SHOWN_NAME]}"), said
    assert "failed: " in said
    assert "\n" not in said
    assert (lake.home.current_pointer.read_bytes(), shown_afresh(lake.home)) == before
    assert run_history(lake.home).get_runs(limit=1)[0].status.value == "FAILURE"


def test_whatever_node_fails_nothing_moves_it_is_named_and_the_next_good_run_heals(
    built: tuple[Lake, LandedCalls], request: pytest.FixtureRequest
):
    lake, landed = built
    nodes = nodes_in_order(lake.home)
    if not request.config.getoption("--long"):
        nodes = spread(nodes)
    incremental = set(affected_nodes(warm_dbt(lake.home).manifest_json(), {LANDED_REQUESTS}))
    for number, node in enumerate(nodes, start=1):
        landed.land(lake, calls(2, f"before {number} "))
        # A node that new rows do not touch is only ever run by a full build.
        fails(lake, node, full=node["name"] not in incremental)
        if number % FAILURES_BETWEEN_HEALS == 0 or number == len(nodes):
            healed = refresh(lake.home, lake.engine, lake.clock)
            now = shown_afresh(lake.home)
            assert (healed.build_id, now.max_file_seq) == (now.build_id, landed.newest)
            assert now.is_exactly(landed.up_to(landed.newest)), node["name"]
            assert unnamed_files(lake.home) == []
    _log.info("%d nodes broken, one after another", len(nodes))


def test_the_history_forgets_runs_that_were_killed_as_it_forgets_others():
    with dg.DagsterInstance.ephemeral() as history:
        for number in range(60):
            status = dg.DagsterRunStatus.STARTED if number % 2 else dg.DagsterRunStatus.FAILURE
            history.add_run(dg.DagsterRun(job_name="refresh", run_id=f"run-{number}", status=status))
        assert forget_old_runs(history, keep=10) == 50
        assert {run.run_id for run in history.get_runs()} == {f"run-{number}" for number in range(50, 60)}
