"""What models read is what their sources say, on both app databases, with and without tables."""

from __future__ import annotations

from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from sqlalchemy import Engine, text

from pipelines.analysis.build import opened_build
from pipelines.analysis.exports import FINANCE_EXPORTS, finance_digests, finance_folder, read_finance, write_finance
from pipelines.dbt_runner import warm_dbt
from pipelines.lake.paths import Home
from tests.pipelines.analysis.bills import bill
from tests.pipelines.lake_builder import Lake


def test_the_database_has_what_the_sources_describe(lake: Lake) -> None:
    described = [
        (node["source_name"], node["name"], [(one["name"], one["data_type"]) for one in node["columns"].values()])
        for node in warm_dbt(lake.home).manifest_json()["sources"].values()
        if node["source_name"] in ("published", "finance")
    ]
    assert {name for source, name, _ in described if source == "finance"} == {one.name for one in FINANCE_EXPORTS}
    with (
        opened_build(lake.home, lake.engine, lake.clock) as build,
        duckdb.connect(str(build.lay_sources()), read_only=True) as database,
    ):
        for source, table, columns in described:
            laid = database.execute(f"describe {source}.{table}").fetchall()
            assert sorted((name, kind.lower()) for name, kind, *_ in laid) == sorted(columns), table


def test_unit_tests_of_the_models_pass(lake: Lake) -> None:
    with opened_build(lake.home, lake.engine, lake.clock) as build:
        database = build.lay_sources()
        # Without rows: a test of a model that reads others needs their columns.
        command = ["build", "--empty", "--select", "tag:analysis"]
        for kind in ("test", "unit_test"):
            command += ["--exclude-resource-type", kind]
        made = build.runner.run(command, database, build.variables())
        assert made.failure is None
        run = build.runner.run(["test", "--select", "test_type:unit,tag:analysis"], database, build.variables())
    assert run.failure is None
    assert {node.name for node in run.nodes} >= {"unattributed_spend_keeps_metered_calls_and_their_rule"}


def test_exports_are_typed_alike_on_both_databases(engine: Engine, home: Home, tmp_path: Path) -> None:
    lake = Lake.at(home, engine)
    acme = lake.workspace("acme")
    lake.project(acme, "atlas", hourly_rate_millicents=12_500_000, hourly_rate_currency="GBP")
    budget = (
        "insert into budgets (id, workspace_id, scope, scope_id, monthly_millicents) values (:id, :at, :on, :of, 5)"
    )
    with engine.begin() as connection:
        atlas = connection.execute(text("select id from projects")).scalar_one()
        for number, (scope, of) in enumerate((("workspace", ""), ("project", atlas))):
            connection.execute(text(budget), {"id": acme[:-1] + str(number), "at": acme, "on": scope, "of": of})
    superseded, period = (bill(engine, acme, amount, "2026-11-19") for amount in ("1.50", "0.000000000001"))
    tables = read_finance(engine)
    assert {name: table.schema for name, table in tables.items()} == {one.name: one.schema for one in FINANCE_EXPORTS}
    assert [str(row) for row in tables["bill_periods"].column("period_id").to_pylist()] != [superseded, superseded]
    assert tables["bill_lines"].column("amount_picousd").to_pylist() == [1]
    assert [str(row) for row in tables["bill_lines"].column("period_id").to_pylist()] == [period]
    assert tables["bill_periods"].column("is_complete").to_pylist() == [True, True]
    assert set(tables["budgets"].column("slug").to_pylist()) == {None, "atlas"}
    assert tables["project_terms"].column("hourly_rate_currency").to_pylist() == ["GBP"]
    write_finance(tables, home)
    written = {one.name: pq.read_table(finance_folder(home) / f"{one.name}.parquet") for one in FINANCE_EXPORTS}
    assert finance_digests(written) == finance_digests(read_finance(engine))


@pytest.mark.parametrize("missing", [one for one in FINANCE_EXPORTS if one.name in ("bill_periods", "bill_lines")])
def test_an_export_without_its_table_is_empty_and_typed(lake: Lake, missing: object) -> None:
    with lake.engine.begin() as connection:
        for table in ("bill_lines", "bill_periods"):
            connection.execute(text(f"drop table {table}"))
    table = read_finance(lake.engine)[missing.name]  # pyright: ignore[reportAttributeAccessIssue]
    assert (table.num_rows, table.schema) == (0, missing.schema)  # pyright: ignore[reportAttributeAccessIssue]
    assert isinstance(table, pa.Table)
