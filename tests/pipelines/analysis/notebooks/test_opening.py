"""The one line that opens the marts, and the recipes beside it."""

from __future__ import annotations

import gc
import os
import re
import shutil
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from fastapi.testclient import TestClient

from pipelines.lake.catalog import build_instant, read_pointer
from pipelines.lake.notebook import NothingToOpenError, open_marts
from pipelines.lake.paths import HOME_VARIABLE, Home
from pipelines.lake.snapshot_lease import builds_that_stay, hold_snapshot
from pipelines.snapshot_cleanup import clean_marts
from tests.pipelines.analysis.golden import GOLDEN
from tests.pipelines.analysis.notebooks.conftest import KEYS, Ask
from tests.pipelines.analysis.notebooks.running import NOTEBOOKS, ROOT, run_notebook
from tests.served import serving

RECIPES = re.findall(r"```python\n(.*?)```", (ROOT / "notebooks/README.md").read_text(), re.DOTALL)


def one(connection: duckdb.DuckDBPyConnection, sql: str) -> Any:
    return connection.execute(sql).fetchall()[0][0]


def test_tables_hold_one_workspace_and_all_stand_beside(analysed_home: Home) -> None:
    marts = open_marts(analysed_home, "golden")
    for table in ("fct_requests", "mart_spend_daily", "dim_projects", "mart_reconciliation_monthly"):
        ours = one(marts, f"select count(*) from {table}")
        assert 0 < ours < one(marts, f"select count(*) from every_workspace.{table}")
        assert one(marts, f"select count(distinct workspace_id) from {table}") == 1
    assert str(one(marts, "select workspace_id from dim_workspaces")) == GOLDEN
    assert (
        one(marts, "select count(*) from rate_book where workspace_id <> (select workspace_id from dim_workspaces)")
        == 0
    )
    assert one(marts, "select count(*) from model_aliases") > 0


def test_sums_in_dollars_are_exact(analysed_home: Home) -> None:
    marts = open_marts(analysed_home, "golden")
    assert one(marts, "select usd(100001::hugeint)") == Decimal("1.00001")
    assert one(marts, "select usd_of_picousd(90000000000000000001::hugeint)") == Decimal("90000000.000000000001")
    assert one(marts, "select usd(null)") is None


def test_published_files_are_only_read(analysed_home: Home) -> None:
    marts = open_marts(analysed_home, "golden")
    for sql in ("delete from marts.dim_projects", "create table analysis.mine (a int)", "drop table marts.segments"):
        with pytest.raises(duckdb.Error, match="read-only"):
            marts.execute(sql)
    marts.execute("create table mine as select * from dim_projects")
    assert one(marts, "select count(*) from mine") > 0


def test_what_cannot_be_opened_is_said_in_plain_words(
    analysed_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("HALTON_WORKSPACE", raising=False)
    builds_that_stay(analysed_home)
    before = set(analysed_home.snapshot_readers.iterdir()) if analysed_home.snapshot_readers.is_dir() else set()
    with pytest.raises(NothingToOpenError, match=r"Which workspace\?.*acme.*frugal.*golden"):
        open_marts(analysed_home)
    with pytest.raises(NothingToOpenError, match="no workspace nobody"):
        open_marts(analysed_home, "nobody")
    with pytest.raises(NothingToOpenError, match="Nothing is published"):
        open_marts(tmp_path)
    builds_that_stay(analysed_home)
    assert set(analysed_home.snapshot_readers.iterdir()) <= before


def test_an_open_build_keeps_its_files_until_it_is_let_go(analysed_home: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(analysed_home.marts, home.marts)
    shutil.copytree(analysed_home.exports, home.exports)
    pointer = read_pointer(home)
    assert pointer is not None
    marts = open_marts(home, "golden")
    before = one(marts, "select count(*) from fct_requests")
    built = build_instant(pointer.build_id)
    for minute in range(1, 7):  # six builds later nobody else names the segments
        newer = f"{built + timedelta(minutes=minute):b%Y%m%dT%H%M%S}-00000000"
        (home.marts / f"marts-{newer}.duckdb").write_bytes(b"")
    later = built + timedelta(hours=1)
    clean_marts(home, later)
    assert builds_that_stay(home) == {pointer.build_id}
    assert one(marts, "select count(*) from fct_requests") == before
    assert one(marts, "select sum(requests) from mart_spend_daily") > 0
    del marts
    gc.collect()
    clean_marts(home, later)
    assert builds_that_stay(home) == frozenset()
    assert not (home.marts / pointer.file).exists()
    assert list(home.segments.iterdir()) == []


def test_before_there_is_an_analysis_notebooks_say_so(
    analysed_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(analysed_home.marts, home.marts)
    home.analysis_pointer.unlink()
    monkeypatch.setenv(HOME_VARIABLE, str(home.root))
    monkeypatch.setenv("HALTON_WORKSPACE", "golden")
    assert one(open_marts(), "select count(*) from fct_requests") > 0
    for notebook in ("02_reconciliation", "03_clusters"):
        assert {"months", "kinds"}.isdisjoint(run_notebook(notebook))


def test_notebooks_of_a_workspace_without_requests_run_through(analysed_home: Home) -> None:
    marts = open_marts(analysed_home, "golden")
    for (table,) in marts.execute("select view_name from duckdb_views() where schema_name = 'main'").fetchall():
        if table.startswith(("fct_", "mart_", "spend_")):
            marts.execute(f'create or replace view "{table}" as select * from every_workspace."{table}" where false')
    for path in NOTEBOOKS:
        run_notebook(path.stem, {"marts": marts})


def test_several_readers_hold_a_build_and_the_last_lets_it_go(tmp_path: Path) -> None:
    home = Home(tmp_path)
    held = [hold_snapshot(home, "b1"), hold_snapshot(home, "b1"), hold_snapshot(home, "b2")]
    assert builds_that_stay(home) == {"b1", "b2"}
    os.close(held[0])
    os.close(held[2])
    assert builds_that_stay(home) == {"b1"}
    os.close(held[1])
    assert builds_that_stay(home) == frozenset()
    assert list(home.snapshot_readers.iterdir()) == []


def test_a_home_that_only_its_owner_may_write_opens_all_the_same(
    analysed_home: Home, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refused(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pipelines.lake.notebook.hold_snapshot", refused)
    assert one(open_marts(analysed_home, "golden"), "select count(*) from fct_requests") > 0
    assert "cannot be written" in caplog.text


def dollars_of(ask: Ask, first: str, last: str) -> Decimal:
    """Return what the overview says was spent."""
    return Decimal(ask("overview", range="custom", **{"from": first, "to": last})["totals"]["cost_usd"])


@pytest.mark.parametrize("recipe", RECIPES, ids=["polars", "pandas", "duckdb", "client"])
def test_the_recipes_work_as_they_stand(
    recipe: str, analysed_home: Home, server: TestClient, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(analysed_home.root))
    monkeypatch.setenv("HALTON_WORKSPACE", "golden")
    with serving(server.app) as url:
        names: dict[str, Any] = {"SERVER": url, "WORKSPACE": "golden", "KEY": KEYS["golden"]}
        exec(recipe, names)  # noqa: S102 - ours
    frame = names["frame"]
    if "Client(" in recipe:
        assert len(frame) == ask("overview", range="last_month")["totals"]["requests"] > 0
        return
    rows = frame.fetchall() if isinstance(frame, duckdb.DuckDBPyRelation) else frame.to_numpy().tolist()
    marts = open_marts(analysed_home, "golden")
    if isinstance(frame, duckdb.DuckDBPyRelation):  # of all workspaces
        shown = "spend_kind = 'metered' and withheld_reason is null"
        sql = (
            f"select sum(cost_logged_millicents) from every_workspace.fct_requests where project = 'atlas' and {shown}"
        )
        assert Decimal(str(dict(rows)["atlas"])) * 100_000 == one(marts, sql)
        return
    first, last = marts.execute("select min(local_day)::text, max(local_day)::text from mart_spend_daily").fetchall()[0]
    assert sum(Decimal(str(usd)) for _, usd in rows if usd) == dollars_of(ask, first, last) > 0
    # Nor does it add other monies, or what is withheld, where there are any.
    marts.execute(
        "create table with_others as from mart_spend_monthly"
        " union all by name select * replace ('subscription_imputed' as spend_kind) from mart_spend_monthly"
        " union all by name select * replace ('project_archived' as withheld_reason) from mart_spend_monthly"
    )
    (query,) = re.findall(r'"{3}(.*?)"{3}', recipe, re.DOTALL)
    with_others = marts.execute(query.replace("mart_spend_monthly", "with_others")).fetchall()
    assert sorted(with_others) == sorted(marts.execute(query).fetchall())
