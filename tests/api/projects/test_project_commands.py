"""`halton-cloud project`, `cost-centre` and `workspace budget`, on the services that pages use."""

from __future__ import annotations

import json
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import Engine

from api.cli.main import cli
from api.errors import Refused
from api.projects import observe_projects
from pipelines.lake.clock import FixedClock, to_micros
from tests.conftest import on_sqlite

IN_ACME = ("--workspace", "acme-co")


@pytest.fixture(autouse=True)
def _projects(engine: Engine, workspace_id: str, clock: FixedClock) -> None:
    with engine.begin() as connection:
        observe_projects(connection, workspace_id, ["api", "scratch"], to_micros(clock.now()))


def run(*arguments: str) -> dict[str, Any]:
    done = CliRunner().invoke(cli, [*arguments, *IN_ACME], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


@on_sqlite
@pytest.mark.usefixtures("database_url")
def test_an_operator_names_groups_and_moves_projects() -> None:
    assert run("cost-centre", "create", "Client Work")["cost_centre"] == "client-work"
    run("project", "set", "api", "--name", "The API", "--client", "Globex", "--cost-centre", "client-work")
    shown = run("project", "set", "api", "--hourly-rate", "120.5", "EUR", "--clear", "client")
    assert (shown["display_name"], shown["client_name"], shown["cost_centre"], shown["hourly_rate"]) == (
        "The API",
        None,
        "client-work",
        {"amount": "120.50", "currency": "EUR"},
    )
    assert run("project", "set", "api", "--markup", "1500")["markup_basis_points"] == 1_500
    assert run("project", "set", "api", "--clear", "markup")["markup_basis_points"] is None
    assert run("cost-centre", "rename", "client-work", "Clients")["name"] == "Clients"
    assert run("cost-centre", "archive", "client-work")["archived_at"]
    assert run("cost-centre", "restore", "client-work") == run("cost-centre", "list")["cost_centres"][0]

    moved = run("project", "reattribute", "scratch", "api", "--from", "2026-03-01", "--until", "2026-03-31")
    assert (moved["starts_at"], moved["ends_at"]) == ("2026-03-01T00:00:00Z", "2026-04-01T00:00:00Z")
    withdrawn = run("project", "withdraw", moved["id"])
    assert run("project", "reattributions") == {"reattributions": [withdrawn]}
    assert withdrawn["withdrawn_at"]
    with pytest.raises(Refused, match="No such project"):
        run("project", "reattribute", "absent", "api")


@on_sqlite
@pytest.mark.usefixtures("database_url")
def test_an_operator_sets_and_removes_budgets() -> None:
    run("cost-centre", "create", "Client Work")
    project = run("workspace", "budget", "--project", "api", "--monthly-usd", "200", "--alert", "80")
    assert (project["scope"], project["slug"], project["monthly_usd"]) == ("project", "api", "200.00000")
    assert run("workspace", "budget", "--cost-centre", "client-work", "--monthly-usd", "5")["scope"] == "cost_centre"
    assert run("workspace", "budget", "--project", "api", "--remove")["monthly_usd"] is None
    with pytest.raises(Refused, match="There is no such budget"):
        run("workspace", "budget", "--project", "api", "--remove")
    for wrong in ([], ["--remove", "--monthly-usd", "1"], ["--project", "a", "--cost-centre", "b", "--remove"]):
        assert CliRunner().invoke(cli, ["workspace", "budget", *wrong, *IN_ACME]).exit_code == 2
