"""What pages of figures say while there is nothing yet, while something is being made, and when data is old."""

from __future__ import annotations

import re
from collections.abc import Generator
from contextlib import contextmanager

import pytest
from sqlalchemy import delete, insert

from pipelines.lake.clock import to_micros
from pipelines.lake.ledger import landed_files
from tests.api.dashboards.facts import NOW, workspace_id
from tests.api.pages.analysed import Analysed

FIGURES = (
    "overview", "projects", "projects/web", "requests", "executive", "cost-centers", "budgets", "anomalies", "alerts",
    "optimization", "optimization/catalog", "optimization/savings", "rates/what-if",
)  # fmt: skip
WITH_CHARTS = ("overview", "projects/web", "budgets", "optimization/savings")
LAGS = "these figures lag behind"
EARLIER = {"executive", "budgets", "anomalies", "optimization", "optimization/catalog", "optimization/savings"}
"""Pages made of the analysis, which is of an earlier build here."""
EMPTY = {
    "overview": "Pair a machine",
    "projects": "No projects yet",
    "requests": "No request in this period fits",
    "executive": "No spend yet",
    "cost-centers": "No cost centres yet",
    "budgets": "No budgets yet",
    "anomalies": "Nothing unusual",
    "alerts": "No alert yet",
    "optimization": "Nothing to recommend",
    "optimization/catalog": "No check has fired yet",
    "optimization/savings": "No recommendation was accepted yet",
    "reconciliation/bills": "No bill is connected yet",
    "reports": "No reports yet",
    "members": "Nobody else is here yet",
    "settings/devices": "No machine is paired yet",
    "settings/budgets": "No budgets yet",
}
"""What each page says in a workspace without a request."""


@contextmanager
def waiting(looked_at: Analysed, minutes: int) -> Generator[None]:
    """Let a batch of `acme` wait to be added up, since some minutes before now."""
    zeros = {column.name: 0 for column in landed_files.columns}
    row = {
        "file_seq": 99, "file_id": "waiting", "workspace_id": workspace_id("acme"), "relative_path": "waiting.parquet",
        "received_day": "2026-04-07", "sha256": "0" * 64, "committed_at_us": to_micros(NOW) - minutes * 60_000_000,
    }  # fmt: skip
    engine = looked_at.world.engine
    with engine.begin() as connection:
        connection.execute(insert(landed_files).values(**zeros | row))
    try:
        yield
    finally:
        with engine.begin() as connection:
            connection.execute(delete(landed_files).where(landed_files.c.file_id == "waiting"))


@pytest.mark.parametrize("page", FIGURES)
def test_a_page_says_that_its_figures_are_old_once_requests_have_waited_ten_minutes(
    looked_at: Analysed, page: str
) -> None:
    assert LAGS not in looked_at.html(f"/acme/{page}")
    with waiting(looked_at, 5):
        assert LAGS not in looked_at.html(f"/acme/{page}"), "a refresh may take a while"
    with waiting(looked_at, 11):
        html = looked_at.html(f"/acme/{page}")
        assert html.count(LAGS) == 1
        notice = html[: html.index(LAGS)].rpartition("<p ")[2]
        assert 'role="status"' in notice, "and those who cannot see it are told"
        assert LAGS not in looked_at.html("/empty/projects", by=looked_at.member)


@pytest.mark.parametrize("page", sorted(EARLIER))
def test_a_page_of_the_analysis_says_that_it_is_of_an_earlier_build(looked_at: Analysed, page: str) -> None:
    assert "a newer analysis follows by itself" in looked_at.html(f"/acme/{page}")


@pytest.mark.parametrize("page", EMPTY)
def test_a_page_without_anything_to_show_says_so_and_what_comes_next(looked_at: Analysed, page: str) -> None:
    assert EMPTY[page] in looked_at.html(f"/empty/{page}", by=looked_at.member)


@pytest.mark.parametrize("page", WITH_CHARTS)
def test_a_page_is_there_before_its_charts_and_holds_none_of_their_data(looked_at: Analysed, page: str) -> None:
    html = looked_at.html(f"/acme/{page}")
    charts = re.findall(r'<figure class="chart" data-chart="([^"]+)">(.*?)</figure>', html, re.DOTALL)
    assert charts
    for source, figure in charts:
        assert source.startswith("/acme/charts/")
        assert "Drawing the chart…" in figure
        assert '<noscript><picture><source media="(prefers-color-scheme: dark)"' in figure
        assert 'loading="lazy"' in figure
    assert not re.search(r"vega-lite|\"datasets\"|\"\$schema\"|application/json", html)
    assert re.findall(r"<script\b[^>]*>", html) == re.findall(r'<script src="/[^"]+" defer>', html)
