"""Cost centres and budgets are sums of the very requests they are made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from api.audit import OPERATOR
from api.budgets.budgets import BudgetOf, BudgetScope, set_budget
from api.cost_centres.centres import archive_cost_centre, create_cost_centre
from api.db.session import transaction
from api.projects.settings import ProjectChange, change_project
from tests.api.dashboards.facts import RequestFact, workspace_id
from tests.api.dashboards.world import World, build_world

CENTRES = {"web": "client-work", "archived": "client-work"}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Any:
    root: Path = tmp_path_factory.mktemp("groups")
    made = build_world(root, rows_each=400)
    acme, at = workspace_id("acme"), made.clock.now()
    with transaction(made.engine) as session:
        for name in ("Client Work", "R&D", "Gone"):
            create_cost_centre(session, acme, name, actor=OPERATOR, at=at)
        archive_cost_centre(session, acme, "gone", actor=OPERATOR, at=at)
        for project, centre in CENTRES.items():
            change_project(session, acme, project, ProjectChange(cost_centre=centre), actor=OPERATOR, at=at)
        for of in (BudgetOf(BudgetScope.PROJECT, "web"), BudgetOf(BudgetScope.COST_CENTRE, "client-work")):
            set_budget(session, acme, 100_000, of=of, alert_percents=[1, 99_9], actor=OPERATOR, at=at)
    yield made
    made.close()


def metered(rows: list[RequestFact]) -> str:
    cents = sum(row["cost_logged_millicents"] or 0 for row in rows if row["spend_kind"] == "metered")
    return f"{cents // 100_000}.{cents % 100_000:05}"


def test_a_cost_centre_is_the_sum_of_its_projects(world: World) -> None:
    answer = world.json("acme/cost-centers", range="last_30d")
    rows = world.visible("acme", world.last_days("acme", 30))
    found = {one["cost_centre"]: one for one in answer["cost_centres"]}
    assert set(found) == {"client-work", "r-d", None}
    for slug, one in found.items():
        mine = [row for row in rows if CENTRES.get(row["project"]) == slug]
        assert (one["cost_usd"], one["requests"]) == (metered(mine), len(mine))
        assert {part["project"] for part in one["projects"]} >= {row["project"] for row in mine}
        assert sum(part["requests"] for part in one["projects"]) == one["requests"]
    assert found["client-work"]["requests"] > 0
    assert found["r-d"]["projects"] == []
    assert sum(one["requests"] for one in found.values()) == answer["totals"]["requests"] == len(rows)


def test_a_filter_narrows_cost_centres_as_everything_else(world: World) -> None:
    answer = world.json("acme/cost-centers", project="web", range="last_30d")
    rows = world.visible("acme", world.last_days("acme", 30))
    mine = [row for row in rows if row["project"] == "web"]
    assert [one["requests"] for one in answer["cost_centres"] if one["requests"]] == [len(mine)]
    assert world.get("acme/cost-centers", cost_centre="x").status_code == 422


def test_budgets_count_this_months_spend_of_their_scope(world: World) -> None:
    found = world.json("acme/budgets")
    first = world.today("acme").replace(day=1)
    rows = world.visible("acme", lambda row: world.local_day("acme", row) >= first)
    scopes: dict[str, Callable[[RequestFact], bool]] = {
        "workspace": lambda _: True,
        "cost_centre": lambda row: row["project"] in CENTRES,
        "project": lambda row: row["project"] == "web",
    }
    assert found["month"] == first.isoformat()
    assert [one["scope"] for one in found["budgets"]] == list(scopes)
    for one in found["budgets"]:
        assert one["spent_usd"] == metered([row for row in rows if scopes[one["scope"]](row)])
    assert found["budgets"][2]["reached_percents"] == [1]
    assert world.json("hills/budgets")["budgets"][0]["spent_usd"] != found["budgets"][0]["spent_usd"]
