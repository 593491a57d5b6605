"""The benchmarks of marts at a tiny size: that they work and that all sides answer alike, never how fast."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import duckdb
import pytest

from pipelines.lake.clock import SystemClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import Home
from pipelines.refresh import refresh
from pipelines.run_history import run_history
from tests.benchmarks import analysis, freshness, homes, increments, metrics_cost, overview_http, queries, rebuild
from tests.benchmarks.context import Context
from tests.benchmarks.dataset import land_more, make_dataset
from tests.benchmarks.measure import Comparison
from tests.benchmarks.rivals.missing import RivalMissing
from tests.benchmarks.totals import Totals, check_equal

ROWS = 4_000
UNTIL = datetime(2026, 11, 20, 15, 30, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[ModuleType], list[Comparison]]:
    """Runs a benchmark once at a tiny size, without the rival that would have to be downloaded."""

    def missing(*_: object) -> Any:
        raise RivalMissing("not in a test")

    def refresh_here(home: Home) -> None:
        # In this process: starting another and parsing the project there would take most of the test.
        engine = open_database(f"sqlite:///{home.root / 'app.sqlite'}")
        refresh(home, engine, SystemClock())
        run_history(home).dispose()
        engine.dispose()

    monkeypatch.setattr(homes, "refresh_apart", refresh_here)

    def once(benchmark: ModuleType) -> list[Comparison]:
        if hasattr(benchmark, "ClickHouse"):
            monkeypatch.setattr(benchmark, "ClickHouse", missing)
        return benchmark.run(Context(folder=tmp_path, rows=ROWS, runs=1))

    return once


def figures(found: list[Comparison]) -> list[float]:
    return [figure for one in found if one.met is not None for figure in (one.ours, *one.others.values())]


def test_queries_answer_as_the_rivals_do(run: Callable[[ModuleType], list[Comparison]]) -> None:
    found = run(queries)
    assert [one.work.split(" at ")[0] for one in found] == list(queries.QUERIES)
    assert all(figure > 0 for figure in figures(found))
    assert {len(one.others) for one in found} == {3}  # smaller, tables, view


def test_the_overview_is_asked_over_http(run: Callable[[ModuleType], list[Comparison]]) -> None:
    uncached, cached = run(overview_http)
    assert uncached.ours > 0
    assert cached.others[overview_http.PING] > 0


@pytest.mark.long
@pytest.mark.parametrize(
    "benchmark",
    [rebuild, increments, analysis, freshness, metrics_cost],
    ids=["rebuild", "increments", "analysis", "freshness", "metrics_cost"],
)
def test_builds_are_measured(
    run: Callable[[ModuleType], list[Comparison]], monkeypatch: pytest.MonkeyPatch, benchmark: ModuleType
) -> None:
    monkeypatch.setenv(freshness.SECONDS_VARIABLE, "3")
    found = run(benchmark)
    assert found
    assert all(math.isfinite(figure) for figure in figures(found))


def test_the_data_set_is_what_it_says(tmp_path: Path) -> None:
    data = make_dataset(Home(tmp_path), 40_000, 7, UNTIL)
    engine = open_database(f"sqlite:///{tmp_path / 'app.sqlite'}")
    land_more(data, engine, 300, 0, UNTIL)
    with duckdb.connect() as connection:
        connection.execute("set TimeZone = 'UTC'")
        landed = f"from read_parquet('{tmp_path}/landing/*/*/*.parquet')"
        rows, requests, days, newest = connection.execute(
            f"select count(*), count(distinct (workspace_id, request_id)),"
            f" count(distinct cast(requested_at as date)), max(received_at) {landed}"
        ).fetchall()[0]
        contradicting = connection.execute(
            f"select count(*) from (select 1 {landed} group by workspace_id, request_id"
            " having count(distinct (project, provider, model, requested_at, input_tokens)) > 1)"
        ).fetchall()
        shares = [
            row[0] / rows for row in connection.execute(f"select count(*) {landed} group by workspace_id").fetchall()
        ]
    assert rows == 40_300
    assert 0.003 < 1 - requests / rows < 0.02
    assert days >= 90
    assert newest == UNTIL
    assert contradicting == [(0,)]
    assert len(shares) == 5
    assert 0.7 < max(shares) < 0.9
    with engine.connect() as connection:
        counted = connection.exec_driver_sql(
            "select (select sum(row_count) from landed_files), (select sum(landed_count) from landed_batches),"
            " (select value from landing_sequence) - (select count(*) from landed_files)"
        ).one()
    engine.dispose()
    assert tuple(counted) == (40_300, 40_300, 0)


def test_the_same_seed_makes_the_same_rows(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
        make_dataset(Home(folder), 5_000, 7, UNTIL)
    with duckdb.connect() as connection:
        first, second = (
            connection.execute(
                "select bit_xor(hash(request_id, requested_at, project, model, input_tokens, cost_logged_millicents))"
                f" from read_parquet('{folder}/landing/*/*/*.parquet')"
            ).fetchall()
            for folder in folders
        )
    assert first == second


def test_unequal_totals_stop_a_comparison() -> None:
    ours = Totals((3, 2, 1), {("w", "d", "p"): (3, 0)})
    check_equal(ours, Totals((3, 2, 1), {("w", "d", "p"): (3, 0)}))
    for theirs in (
        Totals((4, 2, 1), ours.sums),
        Totals(ours.counts, {("w", "d", "p"): (3, 1)}),
        Totals(ours.counts, {}),
    ):
        with pytest.raises(AssertionError):
            check_equal(ours, theirs)
