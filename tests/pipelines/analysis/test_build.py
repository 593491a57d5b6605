"""What an analysis holds, when it is built, and that a refresh knows nothing of it."""

from __future__ import annotations

from datetime import timedelta

import duckdb
import pytest

from pipelines.analysis import build as build_module
from pipelines.analysis.build import analysis_dbt, opened_build
from pipelines.analysis.publish import analysis_files, publish_analysis
from pipelines.analysis.run import AnalysisFailed, analyse
from pipelines.dbt_runner import ANALYSIS, DbtRunner, warm_dbt
from pipelines.lake.analysis_catalog import read_analysis_pointer
from pipelines.lake.clock import Clock
from pipelines.lake.paths import Home
from pipelines.run_history import run_history
from tests.pipelines.analysis.asking import Analysed, ask, everything
from tests.pipelines.analysis.bills import bill
from tests.pipelines.lake_builder import Lake, named_id
from tests.pipelines.published import ask as ask_marts
from tests.pipelines.published import build_id

BY_METHOD = """
select
    workspace_id, date_trunc('month', requested_on)::date, provider, coalesce(attribution_method, '(not told)'),
    count(*), count(*) - count(cost_logged_millicents), coalesce(sum(cost_logged_millicents), 0),
    coalesce(sum(cost_priced_picousd), 0)
from fct_requests
where spend_kind = 'metered' and withheld_reason is null and workspace_id = ?
group by all order by all
"""


def test_it_holds_each_workspaces_own_requests_and_says_what_it_was_made_of(lake: Lake) -> None:
    for workspace in (lake.acme, named_id("workspace beta")):
        rows = ask(lake.home, "from mart_unattributed_spend where workspace_id = ? order by all", workspace)
        assert rows
        assert rows == ask_marts(lake.home, BY_METHOD, workspace)
    assert {row[0] for row in ask(lake.home, "select attribution_method from mart_unattributed_spend")} == {
        "(not told)",
        "git",
        "env",
    }
    info = ask(lake.home, "select build_id, data_as_of, rows_total from analysis_info")
    assert info == ask_marts(lake.home, "select build_id, data_as_of, rows_total from build_info")


def test_with_nothing_changed_there_is_nothing_to_do(lake: Lake) -> None:
    before = read_analysis_pointer(lake.home)
    again = analyse(lake.home, lake.engine, lake.clock)
    assert again is not None
    assert not again.is_new
    assert read_analysis_pointer(lake.home) == before
    lake.clock.advance(timedelta(hours=20))  # the same build, on another day of both zones
    with opened_build(lake.home, lake.engine, lake.clock) as build:
        assert build.already_published() is None


def test_without_a_pointer_there_is_one_to_make(lake: Lake) -> None:
    lake.home.analysis_pointer.unlink()
    with opened_build(lake.home, lake.engine, lake.clock) as build:
        assert build.already_published() is None


def test_a_bill_is_in_the_next_one(lake: Lake) -> None:
    period = bill(lake.engine, lake.acme, "1.50", "2026-11-19")
    with (
        opened_build(lake.home, lake.engine, lake.clock) as build,
        duckdb.connect(str(build.lay_sources()), read_only=True) as database,
    ):
        assert build.already_published() is None
        stated = (
            "select revision, first_day::varchar, superseded_at is null from finance.bill_periods"
            " where workspace_id = ? order by revision"
        )
        periods = database.execute(stated, [lake.acme]).fetchall()
        of_acme = "select period_id::varchar, amount_picousd from finance.bill_lines where workspace_id = ?"
        lines = database.execute(of_acme, [lake.acme]).fetchall()
    assert periods == [(1, "2026-11-19", False), (2, "2026-11-19", True)]
    assert lines == [(period, 1_500_000_000_000)]
    assert not build.database.parent.exists()


def test_one_that_is_not_whole_is_made_anew_the_same_to_the_row_and_earlier_files_stay_for_a_grace(lake: Lake) -> None:
    before, pointer = everything(lake.home), read_analysis_pointer(lake.home)
    assert pointer is not None
    file = lake.home.marts / pointer.file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 0xFF
    file.write_bytes(content)
    lake.clock.advance(timedelta(minutes=1))
    healed = analyse(lake.home, lake.engine, lake.clock)
    assert healed is not None
    assert healed.is_new
    assert healed.analysis_id > pointer.analysis_id
    assert everything(lake.home) == before
    assert len(analysis_files(lake.home)) == 2
    bill(lake.engine, lake.acme, "2.50", "2026-11-19")
    lake.clock.advance(timedelta(minutes=11))
    billed = analyse(lake.home, lake.engine, lake.clock)
    assert billed is not None
    assert billed.is_new
    assert list(analysis_files(lake.home)) == [healed.analysis_id, billed.analysis_id]


def test_a_failed_test_publishes_nothing_and_is_recorded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """The roll-up lacks a provider that the requests have: what was built of the requests contradicts it."""
    before, lay = everything(lake.home), build_module.lay_sources
    pointer = read_analysis_pointer(lake.home)

    def without_openai(*given: object) -> None:
        lay(*given)  # pyright: ignore[reportArgumentType]
        with duckdb.connect(str(given[1])) as database:
            kept = "select * from published.mart_spend_15min where provider <> 'openai'"
            database.execute(f"create table kept as {kept}; drop view published.mart_spend_15min")
            database.execute("create table published.mart_spend_15min as from kept; drop table kept")

    monkeypatch.setattr(build_module, "lay_sources", without_openai)
    bill(lake.engine, lake.acme, "1.50", "2026-11-19")
    with pytest.raises(AnalysisFailed, match="test unattributed_spend_is_all_metered_spend failed"):
        analyse(lake.home, lake.engine, lake.clock)
    assert (read_analysis_pointer(lake.home), everything(lake.home)) == (pointer, before)
    newest = run_history(lake.home).get_runs(limit=1)[0]
    assert (newest.job_name, newest.is_failure) == ("analysis", True)
    assert [path.name for path in lake.home.analysis.iterdir() if path.name.startswith(".tmp-")] == []


def test_an_incremental_refresh_builds_and_tests_nothing_of_the_analysis(analysed: Analysed) -> None:
    manifest = warm_dbt(Home(analysed.root)).manifest_json()
    nodes = manifest["nodes"]
    of_analysis = {one for one, node in nodes.items() if ANALYSIS in node["tags"] or ANALYSIS in node["path"]}
    assert {nodes[one]["resource_type"] for one in of_analysis} == {"model", "seed", "test"}
    tested = {one for one, parents in manifest["parent_map"].items() if of_analysis & set(parents)}
    assert analysed.refreshed.failure is None
    assert {node.unique_id for node in analysed.refreshed.nodes}.isdisjoint(of_analysis | tested)


def test_what_belongs_to_the_analysis_is_not_part_of_the_refreshs_project(lake: Lake) -> None:
    runner = analysis_dbt(lake.home)
    folder = lake.home.root / "project"
    (folder / "models" / ANALYSIS).mkdir(parents=True)
    (folder / "models" / "stg_one.sql").write_text("select 1 as one")
    changed = DbtRunner(lake.home, folder)
    spine, whole = changed.project_digest(), changed.project_digest(analysis=True)
    (folder / "models" / ANALYSIS / "mart_two.sql").write_text("select 2 as two")
    assert changed.project_digest() == spine
    assert changed.project_digest(analysis=True) != whole
    assert runner.project_digest() != runner.project_digest(analysis=True)


def test_marts_that_were_deleted_meanwhile_are_not_published_of(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a purge deletes them: what was analysed may hold rows that must not be seen again."""
    pointer = read_analysis_pointer(lake.home)

    def after_a_purge(home: Home, *given: object) -> object:
        for path in home.marts.glob(f"marts-{build_id(home)}.duckdb"):
            path.unlink()
        return publish_analysis(home, *given)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(build_module, "publish_analysis", after_a_purge)
    bill(lake.engine, lake.acme, "1.50", "2026-11-19")
    with pytest.raises(AnalysisFailed, match="was deleted while it was analysed"):
        analyse(lake.home, lake.engine, lake.clock)
    assert read_analysis_pointer(lake.home) == pointer
    assert len(analysis_files(lake.home)) == 1


def test_without_marts_there_is_nothing_to_analyse(lake: Lake, clock: Clock) -> None:
    lake.home.current_pointer.unlink()
    assert analyse(lake.home, lake.engine, clock) is None
