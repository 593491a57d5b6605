"""What the demo puts around its machines' rows: invoices that the service itself takes, and a company with budgets."""

from __future__ import annotations

import csv
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from sqlalchemy import select

from api.audit import OPERATOR
from api.budgets.budgets import BudgetScope, list_budgets
from api.cli.database import changing, looking
from api.cli.demo_bills import invoice_files, take_invoices
from api.cli.demo_company import furnish
from api.cli.demo_screen import DemoScreen
from api.cost_centres.centres import list_cost_centres
from api.db.models import Plan
from api.projects import list_projects, observe_projects
from api.projects.settings import hourly_rate
from api.workspaces import create_workspace, find_workspace
from pipelines.lake.bills import bill_lines, bill_periods
from pipelines.lake.clock import SystemClock, iso_utc, to_micros
from pipelines.lake.paths import DATABASE_VARIABLE, Home

SLUGS = ("acme-api", "northwind-checkout", "internal-tools", "misc")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A home with the demo's workspace, into which machines sent rows of some projects."""
    made = Home(tmp_path_factory.mktemp("demo") / "home")
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        with changing(str(made.root), create=True) as (session, now):
            whose = create_workspace(
                session, name="Demo", owner_email="demo@halton.example", plan=Plan.TEAM, time_zone="UTC",
                actor=OPERATOR, at=now,
            )  # fmt: skip
            observe_projects(session, whose.id, SLUGS, to_micros(now))
    return made


@pytest.fixture(autouse=True)
def _its_own_database(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DATABASE_VARIABLE, raising=False)


def test_simulated_invoices_are_taken_to_the_last_cent(home: Home, tmp_path: Path) -> None:
    until = iso_utc(SystemClock().now())
    files = invoice_files(tmp_path, ["--rows", "600", "--days", "70", "--devices", "3", "--until", until])
    expected: Counter[str] = Counter()
    rows = 0
    for _, file in files:
        for row in csv.DictReader(file.read_text().splitlines()):
            expected[row["Type"].lower()] += round(Decimal(row["Amount"]) * 100)
            rows += 1
    assert take_invoices(home, "demo", files) == rows > len(files) > 3
    kept: Counter[str] = Counter()
    with looking(str(home.root)) as (session, _now):
        for category, picousd in session.execute(select(bill_lines.c.category, bill_lines.c.amount_picousd)):
            kept[category] += picousd // 10**10
        notes = set(session.scalars(select(bill_periods.c.note)))
    assert kept == expected
    assert {"usage", "tax"} <= set(kept)
    assert all(any(file.name in note for note in notes) for _, file in files)


def test_projects_get_clients_cost_centres_and_budgets_of_about_what_was_spent(home: Home) -> None:
    furnish(home, "demo", spent_millicents=90_000_000, days=90)
    with looking(str(home.root)) as (session, _now):
        whose = find_workspace(session, "demo").id
        projects = {project.slug: project for project in list_projects(session, whose)}
        centres = {centre.id: centre.name for centre in list_cost_centres(session, whose)}
        budgets = {(one.of.scope, one.of.slug): one for one in list_budgets(session, whose)}
    assert (projects["acme-api"].client_name, hourly_rate(projects["acme-api"]) is not None) == ("Acme", True)
    assert centres[projects["acme-api"].cost_centre_id or ""] == "Client work"
    assert projects["misc"].client_name is None
    assert budgets[BudgetScope.WORKSPACE, ""].monthly_millicents == 30_000_000
    assert {slug for scope, slug in budgets if scope is BudgetScope.PROJECT} == {"acme-api", "northwind-checkout"}
    assert all(one.monthly_millicents % 1_000_000 == 0 and one.alert_percents for one in budgets.values())


def test_the_last_screen_names_pages_and_notebooks(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    DemoScreen().look_further("http://127.0.0.1:1", "demo", "hm_api_x", 20.0, home=tmp_path, serving=True)
    shown = capsys.readouterr().err
    for word in ("/demo/reconciliation", "/demo/executive", "/docs/api", "marimo edit notebooks", "report make"):
        assert word in shown
