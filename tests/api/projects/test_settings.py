"""What projects are called and billed as, cost centres and budgets: the rules and their audit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Engine, select
from sqlalchemy.orm import Session

from api.audit import OPERATOR, verify_chain
from api.budgets.budgets import BudgetOf, BudgetScope, list_budgets, remove_budget, set_budget
from api.cost_centres.centres import (
    archive_cost_centre,
    create_cost_centre,
    list_cost_centres,
    rename_cost_centre,
    restore_cost_centre,
)
from api.currencies import CURRENCIES, amount_of, amount_text
from api.db.models import AuditRecord, Budget, Project
from api.db.session import reading, transaction
from api.errors import Refused
from api.projects import observe_projects
from api.projects.settings import HourlyRate, ProjectChange, change_project, project_of_slug
from pipelines.lake.clock import FixedClock, to_micros
from tests.api.conftest import Tenants
from tests.conftest import on_sqlite

CENTRE = BudgetOf(BudgetScope.COST_CENTRE, "client-work")
API = BudgetOf(BudgetScope.PROJECT, "team/api")


@pytest.fixture
def acme(engine: Engine, workspace_id: str, clock: FixedClock) -> str:
    """A workspace with the projects `team/api` and `web`."""
    with engine.begin() as connection:
        observe_projects(connection, workspace_id, ["team/api", "web"], to_micros(clock.now()))
    return workspace_id


@pytest.fixture
def do(engine: Engine, acme: str, clock: FixedClock) -> Callable[..., Any]:
    """Call a service on the workspace as the operator, in a transaction of its own."""

    def call(service: Callable[..., Any], *given: Any, of: Any = None, workspace: str = acme, **more: Any) -> Any:
        with transaction(engine) as session:
            kept = {"of": of} if of is not None else {}
            return service(session, workspace, *given, **kept, **more, actor=OPERATOR, at=clock.now())

    return call


def events(engine: Engine, acme: str) -> list[tuple[str, str]]:
    with reading(engine) as session:
        assert verify_chain(session, acme).differences == []
        found = select(AuditRecord.event, AuditRecord.resource_id).where(
            AuditRecord.workspace_id == acme, AuditRecord.event.not_in(["workspace.created", "member.added"])
        )
        return [(event, resource) for event, resource in session.execute(found.order_by(AuditRecord.position))][2:]


def stored(engine: Engine, acme: str, slug: str = "team/api") -> Project:
    with reading(engine) as session:
        return project_of_slug(session, acme, slug)


def test_each_setting_that_changes_is_one_event_and_others_stay(engine: Engine, acme: str, do: Any) -> None:
    do(create_cost_centre, "Client Work")
    change = ProjectChange(display_name=" The API ", client_name="Globex", hourly_rate=HourlyRate(12_050_000, "EUR"))
    do(change_project, "team/api", change)
    do(change_project, "team/api", change)
    do(change_project, "team/api", ProjectChange(cost_centre="client-work", client_name=None))
    project = stored(engine, acme)
    assert (project.slug, project.display_name, project.client_name) == ("team/api", "The API", None)
    assert (project.hourly_rate_millicents, project.hourly_rate_currency) == (12_050_000, "EUR")
    assert project.cost_centre_id is not None
    for _ in range(2):
        do(change_project, "team/api", ProjectChange(markup_basis_points=1_500))
    assert stored(engine, acme).markup_basis_points == 1_500
    do(change_project, "team/api", ProjectChange(hourly_rate=None, cost_centre=None, display_name=""))
    project = stored(engine, acme)
    assert (project.hourly_rate_millicents, project.hourly_rate_currency, project.display_name) == (None, None, None)
    assert project.cost_centre_id is None
    assert events(engine, acme) == [
        ("cost_centre.created", "client-work"),
        ("project.renamed", "team/api"),
        ("project.client_set", "team/api"),
        ("project.rate_set", "team/api"),
        ("project.client_set", "team/api"),
        ("project.cost_centre_set", "team/api"),
        ("project.markup_set", "team/api"),
        ("project.renamed", "team/api"),
        ("project.rate_set", "team/api"),
        ("project.cost_centre_set", "team/api"),
    ]


@on_sqlite
@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        (ProjectChange(display_name="x" * 256), 422, "invalid_request"),
        (ProjectChange(display_name="a\u202eb"), 422, "invalid_request"),
        (ProjectChange(client_name="a\nb"), 422, "invalid_request"),
        (ProjectChange(hourly_rate=HourlyRate(-1, "EUR")), 422, "invalid_request"),
        (ProjectChange(markup_basis_points=-1), 422, "invalid_request"),
        (ProjectChange(markup_basis_points=100_001), 422, "invalid_request"),
        (ProjectChange(hourly_rate=HourlyRate(1, "EURO")), 422, "unknown_currency"),
        (ProjectChange(hourly_rate=HourlyRate(1, "eur")), 422, "unknown_currency"),
        (ProjectChange(cost_centre="absent"), 404, "cost_centre_not_found"),
        (ProjectChange(cost_centre="foreign"), 404, "cost_centre_not_found"),
    ],
)
def test_unusable_settings_are_refused_and_change_nothing(
    engine: Engine, acme: str, do: Any, tenants: Tenants, change: ProjectChange, status: int, code: str
) -> None:
    do(create_cost_centre, "Foreign", workspace=tenants.workspace("Other"))
    with pytest.raises(Refused) as refusal:
        do(change_project, "team/api", change)
    assert (refusal.value.status, refusal.value.code) == (status, code)
    assert events(engine, acme) == []


@on_sqlite
def test_another_workspaces_project_is_an_absent_one(acme: str, do: Any, tenants: Tenants) -> None:
    for workspace, slug in ((tenants.workspace("Other"), "team/api"), (acme, "absent")):
        with pytest.raises(Refused, match="No such project"):
            do(change_project, slug, ProjectChange(display_name="x"), workspace=workspace)


def test_a_cost_centre_keeps_its_slug_through_its_life(engine: Engine, acme: str, do: Any) -> None:
    assert [do(create_cost_centre, name).slug for name in ("Client Work", "client work!", "研发")] == [
        "client-work",
        "client-work-2",
        "cost-centre",
    ]
    with pytest.raises(Refused, match="Another cost centre has this name"):
        do(create_cost_centre, "Client Work")
    do(rename_cost_centre, "client-work", "Clients")
    do(rename_cost_centre, "client-work", "Clients")
    with pytest.raises(Refused, match="Another cost centre has this name"):
        do(rename_cost_centre, "client-work-2", "Clients")
    for service in (archive_cost_centre, archive_cost_centre, restore_cost_centre, restore_cost_centre):
        do(service, "client-work")
    with reading(engine) as session:
        found = [(one.slug, one.name, one.archived_at_us) for one in list_cost_centres(session, acme)]
    assert found == [
        ("client-work-2", "client work!", None),
        ("client-work", "Clients", None),
        ("cost-centre", "研发", None),
    ]
    assert [event for event, slug in events(engine, acme) if slug == "client-work"] == [
        "cost_centre.created",
        "cost_centre.renamed",
        "cost_centre.archived",
        "cost_centre.restored",
    ]


@on_sqlite
def test_there_is_an_end_to_cost_centres(engine: Engine, do: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.cost_centres.centres.CENTRES_MAX", 2)
    for name in ("A", "B"):
        do(create_cost_centre, name)
    with pytest.raises(Refused) as refusal:
        do(create_cost_centre, "C")
    assert (refusal.value.status, refusal.value.code) == (409, "too_many_cost_centres")


@on_sqlite
def test_an_archived_cost_centre_keeps_its_projects_and_takes_no_more(engine: Engine, acme: str, do: Any) -> None:
    do(create_cost_centre, "Client Work")
    do(change_project, "web", ProjectChange(cost_centre="client-work"))
    do(archive_cost_centre, "client-work")
    with pytest.raises(Refused) as refusal:
        do(change_project, "team/api", ProjectChange(cost_centre="client-work"))
    assert (refusal.value.status, refusal.value.code) == (409, "cost_centre_archived")
    do(change_project, "web", ProjectChange(cost_centre="client-work", display_name="Web"))
    assert stored(engine, acme, "web").cost_centre_id is not None


def test_budgets_are_set_changed_and_removed_by_what_they_are_for(engine: Engine, acme: str, do: Any) -> None:
    do(create_cost_centre, "Client Work")
    do(set_budget, 100)
    do(set_budget, 250)
    do(set_budget, 250)
    do(set_budget, 70, of=API, alert_percents=[100, 80, 80])
    do(set_budget, 90, of=CENTRE)

    def found() -> list[tuple[str, str, int, tuple[int, ...]]]:
        with reading(engine) as session:
            return [
                (one.of.scope.value, one.of.slug, one.monthly_millicents, one.alert_percents)
                for one in list_budgets(session, acme)
            ]

    assert found() == [
        ("workspace", "", 250, ()),
        ("cost_centre", "client-work", 90, ()),
        ("project", "team/api", 70, (80, 100)),
    ]
    do(remove_budget, of=API)
    do(remove_budget, BudgetOf(BudgetScope.WORKSPACE))
    assert [one[0] for one in found()] == ["cost_centre"]
    with pytest.raises(Refused, match="There is no such budget"):
        do(remove_budget, of=API)
    assert [event for event, _ in events(engine, acme)[1:]] == [
        "workspace.budget_set",
        "workspace.budget_set",
        "project.budget_set",
        "cost_centre.budget_set",
        "project.budget_removed",
        "workspace.budget_removed",
    ]


@on_sqlite
def test_another_workspaces_budget_is_neither_changed_nor_removed(engine: Engine, do: Any, tenants: Tenants) -> None:
    other = tenants.workspace("Other")
    do(set_budget, 70, workspace=other)
    with pytest.raises(Refused, match="There is no such budget"):
        do(remove_budget, BudgetOf(BudgetScope.WORKSPACE))
    do(set_budget, 100)
    with Session(engine) as session:
        stored = {one.workspace_id == other: one.monthly_millicents for one in session.scalars(select(Budget))}
    assert stored == {True: 70, False: 100}


@on_sqlite
@pytest.mark.parametrize(
    ("amount", "of", "percents", "code"),
    [
        (-1, API, (), "invalid_request"),
        (10**15, API, (), "invalid_request"),
        (1, API, (0,), "invalid_request"),
        (1, API, (1001,), "invalid_request"),
        (1, API, range(1, 10), "invalid_request"),
        (1, BudgetOf(BudgetScope.PROJECT, "absent"), (), "project_not_found"),
        (1, CENTRE, (), "cost_centre_not_found"),
    ],
)
def test_unusable_budgets_are_refused(
    engine: Engine, do: Any, amount: int, of: BudgetOf, percents: tuple[int, ...], code: str
) -> None:
    with pytest.raises(Refused) as refusal:
        do(set_budget, amount, of=of, alert_percents=percents)
    assert refusal.value.code == code
    with Session(engine) as session:
        assert session.scalars(select(Budget)).all() == []


@pytest.mark.parametrize(
    ("text", "amount"), [("0", 0), ("123.45", 12_345_000), ("0.00001", 1), (" 1000000000 ", 10**14)]
)
def test_amounts_are_exact_both_ways(text: str, amount: int) -> None:
    assert amount_of(text) == amount
    assert amount_of(amount_text(amount)) == amount


@pytest.mark.parametrize("text", ["", "x", "-1", "NaN", "1e3", "0.000001", "1000000000.01", "1,5", "٣", "1 000"])
def test_what_is_no_amount_is_refused(text: str) -> None:
    with pytest.raises(Refused):
        amount_of(text)


def test_currencies_are_those_of_iso_4217() -> None:
    assert {"USD", "EUR", "GBP", "JPY", "CHF", "INR", "KWD", "XOF"} <= CURRENCIES
    assert all(len(code) == 3 and code.isascii() and code.isupper() for code in CURRENCIES)
    assert not {"HRK", "BTC", "XXX", "XAU", "usd"} & CURRENCIES
