"""Every notebook runs without an editor, and says what the server says."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from marimo._convert.converters import MarimoConvert

from pipelines.lake.paths import HOME_VARIABLE, Home
from tests.pipelines.analysis.notebooks.conftest import KEYS, Ask, Run
from tests.pipelines.analysis.notebooks.running import NOTEBOOKS, ROOT, run_notebook
from tests.served import serving

ALL = {"range": "custom", "from": "2026-09-01", "to": "2026-11-20"}
OURS = ("pipelines.lake", "pipelines.charts", "api.client")
MAY_IMPORT = {"altair", "datetime", "marimo", "os", "polars"}
WHAT_IF = {"at": "2026-11-20T12:00:00Z"}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_opening_one_in_the_editor_and_saving_it_changes_nothing(path: Path) -> None:
    source = path.read_text()
    assert MarimoConvert.from_py(source).to_py() == source
    # Its editor writes cells of SQL again by itself, and with no comma before the bracket.
    endings = re.findall(r'\n        """((?:,\n        output=False)?,\n        engine=\w+\n    \)\n)', source)
    assert len(endings) == source.count("mo.sql(") > 0


def dollars(amount: Any) -> Decimal:
    return Decimal(amount or 0)


def test_the_tour_says_what_the_overview_says(run: Run, ask: Ask) -> None:
    said = run("01_spend_tour")
    totals = ask("overview", **ALL)["totals"]
    [metered] = said["monies"].filter(said["monies"]["spend_kind"] == "metered").to_dicts()
    assert metered["logged_usd"] == dollars(totals["cost_usd"]) > 0
    assert metered["priced_usd"] == dollars(totals["cost_priced_usd"])
    counts = ("requests", "unpriced_requests", "unrated_requests")
    assert [metered[name] for name in counts] == [totals[name] for name in counts]
    assert metered["unpriced_requests"] > 0
    days = said["by_day"]
    first, last = days["local_day"].min(), days["local_day"].max()
    thirty = ask("overview", range="custom", **{"from": str(first), "to": str(last)})
    assert (last - first).days == 29
    assert days["cost_usd"].sum() == dollars(thirty["totals"]["cost_usd"])
    assert days["earlier_usd"].sum() == dollars(thirty["daily"]["baseline_cost_usd"])
    assert said["over_the_api"] is None


def test_an_api_key_gives_the_tour_the_same_figures(
    run: Run, server: TestClient, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(server.app) as url:
        monkeypatch.setenv("HALTON_API_URL", url)
        monkeypatch.setenv("HALTON_API_KEY", KEYS["frugal"])
        said = run("01_spend_tour", "frugal")
    assert said["over_the_api"] == ask("overview", "frugal", range="last_30d")["totals"]
    assert said["over_the_api"]["requests"] > 0


def test_months_and_days_against_the_bill_are_those_of_the_reconciliation(run: Run, ask: Ask) -> None:
    said = run("02_reconciliation", month=SimpleNamespace(value="2026-10-01"))
    months = {(str(one["utc_month"])[:7], one["provider"]): one for one in said["months"].iter_rows(named=True)}
    names = ("logged_usd", "awaiting_usd", "billed_usd", "variance_usd")
    for month in (answered := ask("reconciliation", **ALL)["months"]):
        for one in [{**month, "provider": "all"}, *month["providers"]]:
            shown = months[month["month"], one["provider"]]
            assert [dollars(shown[name]) for name in names] == [round(dollars(one[name]), 6) for name in names]
            assert (shown["colour"], shown["is_complete"]) == (one["colour"], one["is_complete"])
    assert answered
    parts = said["parts"]
    for (month, provider), one in months.items():
        if provider != "all" and one["variance_usd"] is not None:
            own = parts.filter((parts["utc_month"].cast(str) == f"{month}-01") & (parts["provider"] == provider))
            assert abs(own["usd"].sum() - one["variance_usd"]) < Decimal("0.00002")
    assert not said["divergent"].is_empty()
    coverage = said["coverage"]
    for provider in (covered := ask("coverage", **ALL)["providers"]):
        for unit in provider["units"]:
            rows = coverage.filter((coverage["provider"] == provider["provider"]) & (coverage["unit"] == unit["unit"]))
            assert (rows["billed"].sum(), rows["covered"].sum()) == (unit["billed"], unit["covered"])
    assert covered


def test_a_reconciliation_without_a_bill_says_how_to_bring_one(run: Run) -> None:
    said = run("02_reconciliation", "frugal")
    assert said["months"]["billed_usd"].is_null().all()
    assert said["days"].is_empty()


def test_clusters_are_those_of_the_page_and_open_into_their_requests(run: Run, ask: Ask) -> None:
    said = run("03_clusters", "frugal")
    answered = ask("clusters", "frugal", range="last_30d")["clusters"]
    shown = {one["cluster_id"]: one for one in said["clusters"].iter_rows(named=True)}
    assert set(shown) == {one["cluster_id"] for one in answered} != set()
    for one in answered:
        saving = shown[one["cluster_id"]]["saving_usd"]
        assert saving == round(dollars(one["estimated_saving_usd"]), 6)
    assert said["kinds"]["requests"].sum() == sum(one["requests"] for one in answered)
    assert len(said["requests"]) == said["clusters"]["requests"][0] > 1


@pytest.mark.parametrize(
    ("workspace", "provider", "model_ref", "missing"),
    [
        ("golden", "anthropic", "claude-sonnet-4-5", "unpriced"),  # dearer above 200,000 tokens of input
        ("acme", "anthropic", "claude-haiku-4-5", "unpriced"),  # negotiated, without a price of cache reads
        ("acme", "anthropic", "claude-haiku-4-5", "uncached_input"),
    ],
)
def test_usage_repriced_in_sql_is_the_servers_to_the_last_picodollar(
    run: Run, ask: Ask, workspace: str, provider: str, model_ref: str, missing: str
) -> None:
    message = {"provider": provider, "model": model_ref, "missing": missing, **WHAT_IF}
    answer = ask("rates/what-if", workspace, message, **ALL)
    said = run(
        "04_what_if_prices",
        workspace,
        target=SimpleNamespace(value=f"{provider} / {model_ref}"),
        period=SimpleNamespace(value=(ALL["from"], ALL["to"])),
        rates_at=SimpleNamespace(value=WHAT_IF["at"]),
        cache_as_input=SimpleNamespace(value=missing == "uncached_input"),
    )["repriced"]
    assert (said["repriced_usd"].sum() > 0) == (missing == "uncached_input" or workspace == "golden")
    shown = {(one.pop("provider"), one.pop("model")): one for one in said.to_dicts()}
    expected = {
        (one["provider"], one["model"]): {
            name: dollars(one[name]) if name.endswith("_usd") else one[name] for name in next(iter(shown.values()))
        }
        for one in answer["models"]
    }
    assert shown == expected


def test_a_cell_that_fails_fails_the_run(analysed_home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(HOME_VARIABLE, str(analysed_home.root))
    monkeypatch.setenv("HALTON_WORKSPACE", "frugal")
    text = (ROOT / "notebooks/03_clusters.py").read_text()
    (tmp_path / "broken.py").write_text(text.replace("from mart_clusters\n        group by kind", "from mart_clutters"))
    with pytest.raises(Exception, match="mart_clutters"):
        run_notebook("broken", folder=tmp_path)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_import_the_lake_the_charts_and_the_client_alone(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text())):
        names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        for name in names:
            assert name.split(".")[0] in MAY_IMPORT or name.startswith(OURS), name


def test_notebooks_are_as_their_editor_would_write_them() -> None:
    checked = subprocess.run(
        [sys.executable, "-m", "marimo", "check", "--strict", *map(str, NOTEBOOKS)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert checked.returncode == 0, checked.stderr + checked.stdout
    assert len(NOTEBOOKS) == 4
