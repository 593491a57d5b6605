"""Forecast, anomalies, executive view and chargeback: of the very requests, and of what the analysis says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from api.audit import OPERATOR
from api.budgets.budgets import BudgetOf, BudgetScope, set_budget
from api.cost_centres.centres import create_cost_centre
from api.dashboards.chargeback import markup_millicents
from api.db.session import transaction
from api.projects.settings import HourlyRate, ProjectChange, change_project
from tests.api.dashboards.facts import identifier, workspace_id
from tests.api.dashboards.planned import ACME, analyse, cost, planned
from tests.api.dashboards.world import World, build_world

HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    root: Path = tmp_path_factory.mktemp("planning")
    made = build_world(root, rows_each=300)
    at = made.clock.now()
    with transaction(made.engine) as session:
        create_cost_centre(session, ACME, "Client Work", actor=OPERATOR, at=at)
        rate = HourlyRate(12_000_000, "USD")
        for project, change in {
            "web": ProjectChange(markup_basis_points=1_234, hourly_rate=rate, cost_centre="client-work"),
            "archived": ProjectChange(hourly_rate=rate, cost_centre="client-work"),
        }.items():
            change_project(session, ACME, project, change, actor=OPERATOR, at=at)
        of = BudgetOf(BudgetScope.PROJECT, "web")
        set_budget(session, ACME, 100_000, of=of, alert_percents=[1, 50], actor=OPERATOR, at=at)
        set_budget(session, workspace_id("empty"), 0, alert_percents=[50], actor=OPERATOR, at=at)
    analyse(made.home, "a20260407T000000-00000001", planned(made, hour=at - 2 * HOUR))
    yield made
    made.close()


def usd(millicents: int) -> str:
    return f"{millicents // 100_000}.{millicents % 100_000:05}"


def test_budgets_have_their_forecast_crossing_day_and_risk(world: World) -> None:
    answer = world.json("acme/budgets")
    assert (answer["analysis_id"], answer["analysed_build_id"]) == ("a20260407T000000-00000001", "b1")
    assert answer["analysed_data_as_of"] == "2026-04-06T10:00:00Z"
    web = {one["slug"]: one for one in answer["budgets"]}["web"]
    assert web["forecast"] == {
        "state": "forecast", "as_of_day": world.today("acme").isoformat(), "history_days": 56, "spent_usd": "0.00003",
        "expected_usd": "0.00005", "low_usd": "0.00004", "high_usd": "0.00006",
        "crossing_day": world.today("acme").isoformat(), "earliest_crossing_day": world.today("acme").isoformat(),
    }  # fmt: skip
    assert web["risk"] == {
        "unpriced_requests": 2, "by_rate_book_usd": "0.70000", "unrated_requests": 1, "risk_usd": None,
    }  # fmt: skip
    whole = {one["slug"]: one for one in answer["budgets"]}[""]
    assert (whole["forecast"], whole["risk"]) == (None, None), "it was not analysed"
    assert world.json("hills/budgets")["analysed_data_as_of"] is None
    (nothing,) = world.json("empty/budgets")["budgets"]
    assert (nothing["monthly_usd"], nothing["reached_percents"]) == ("0.00000", []), "nothing was spent of nothing"


def test_a_forecast_is_the_workspaces_own_and_narrowed_by_project(world: World) -> None:
    answer = world.json("acme/forecast")
    assert [(one["scope"], one["slug"], one["state"]) for one in answer["forecasts"]] == [
        ("workspace", "", "forecast"),
        ("project", "web", "not_enough_data"),
    ]
    assert answer["forecasts"][0]["days"] == [
        {
            "day": world.today("acme").isoformat(), "expected_usd": "0.00005", "low_usd": "0.00004",
            "high_usd": "0.00006",
        }
    ]  # fmt: skip
    assert answer["forecasts"][1]["name"] == "The web"
    assert answer["forecasts"][1]["expected_usd"] is None
    assert [one["slug"] for one in world.json("acme/forecast", project="web")["forecasts"]] == ["web"]
    assert world.json("empty/forecast")["forecasts"] == []
    assert world.get("acme/forecast", projects="web").status_code == 422


def test_anomalies_follow_the_filter_rail_and_name_requests_behind_them(world: World) -> None:
    answer = world.json("acme/anomalies", range="last_7d")
    assert [one["provider"] for one in answer["anomalies"]] == ["openai", "anthropic"]
    first = answer["anomalies"][0]
    assert (first["excess_usd"], first["excess_percent"]) == ("8.00000", "800.00")
    assert first["sample_requests"] == [
        {"request_id": identifier("request", 1), "path": f"/acme/traces/{identifier('request', 1)}"}
    ]
    for query, left in (
        ({"range": "last_24h"}, 1), ({"provider": "anthropic", "range": "last_7d"}, 1), ({"project": "api"}, 0),
        ({"device": identifier("device", 1)}, 0), ({"model": "m", "project": "web"}, 2), ({"range": "last_month"}, 0),
    ):  # fmt: skip
        assert len(world.json("acme/anomalies", **query)["anomalies"]) == left, query
    assert world.json("hills/anomalies")["anomalies"] == []


def test_pages_of_anomalies_have_each_of_them_once(world: World) -> None:
    whole = world.json("acme/anomalies", range="last_7d")
    assert whole["next_cursor"] is None
    seen, cursor = [], None
    while True:
        answer = world.json("acme/anomalies", range="last_7d", limit="1", **({"cursor": cursor} if cursor else {}))
        seen += answer["anomalies"]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert len(seen) == 2
    assert seen == whole["anomalies"]
    assert whole["found"] == answer["found"] == 2
    excess = sum((Decimal(one["excess_usd"]) for one in seen), Decimal(0))
    assert Decimal(whole["found_excess_usd"]) == Decimal(answer["found_excess_usd"]) == excess
    for refused in ({"limit": "0"}, {"cursor": "x"}, {"search": "x"}):
        assert world.get("acme/anomalies", **refused).status_code == 422


def test_the_executive_view_adds_up_months_and_shares(world: World) -> None:
    answer = world.json("acme/executive", range="this_month")
    today = world.today("acme")
    first = today.replace(day=1)
    rows = world.visible("acme")
    this_month = [row for row in rows if world.local_day("acme", row) >= first]
    last_month = [
        row for row in rows if (first - timedelta(days=1)).replace(day=1) <= world.local_day("acme", row) < first
    ]
    year = [row for row in rows if world.local_day("acme", row) >= today.replace(month=1, day=1)]
    assert answer["this_month"]["cost_usd"] == usd(cost(this_month)) == answer["totals"]["cost_usd"]
    assert answer["last_month"]["cost_usd"] == usd(cost(last_month))
    assert answer["year_to_date"]["cost_usd"] == usd(cost(year))
    assert answer["year_to_date"]["from_day"] == f"{today.year}-01-01"
    same_days = [row for row in last_month if world.local_day("acme", row).day <= today.day]
    assert answer["change"]["previous_cost_usd"] == usd(cost(same_days))
    by_project: dict[str, int] = {}
    for row in this_month:
        by_project[row["project"]] = by_project.get(row["project"], 0) + cost([row])
    dearest = sorted(by_project.values(), reverse=True)[:3]
    assert [one["cost_usd"] for one in answer["top_projects"]] == [usd(one) for one in dearest]
    assert len(answer["top_projects"]) == 3
    assert answer["reconciliation"] == [
        {
            "month": first.isoformat(), "logged_usd": "10.000000000000", "awaiting_usd": "0.100000000000",
            "billed_usd": "9.800000000000", "variance_usd": "0.100000000000", "variance_percent": "1.02",
            "colour": "amber", "unit_suspect": "x100",
        }
    ]  # fmt: skip
    empty = world.json("empty/executive")
    assert (empty["top_projects"], empty["reconciliation"]) == ([], [])
    assert empty["change"]["change_percent"] is None


def test_chargeback_adds_each_projects_mark_up_once_and_sums_what_is_rounded(world: World) -> None:
    answer = world.json("acme/chargeback", range="last_30d")
    rows = world.visible("acme", world.last_days("acme", 30))
    found = {part["project"]: (one["cost_centre"], part) for one in answer["cost_centres"] for part in one["projects"]}
    for slug, (centre, part) in found.items():
        spent = cost([row for row in rows if row["project"] == slug])
        markup = markup_millicents(spent, 1_234 if slug == "web" else None)
        assert (part["cost_usd"], part["markup_usd"]) == (usd(spent), usd(markup))
        assert part["charge_usd"] == usd(spent + markup)
        assert centre == ("client-work" if slug in ("web", "archived") else None)
    assert found["web"][1]["basis"] == "markup"
    assert found["web"][1]["markup_percent"] == "12.34"
    spent = cost([row for row in rows if row["project"] == "web"])
    hours = found["web"][1]["hourly_rate"]["hours_of_cost"]
    assert abs(float(hours) - spent / 12_000_000) <= 0.005
    if "archived" in found:
        assert (found["archived"][1]["basis"], found["archived"][1]["markup_percent"]) == ("hourly_rate", None)
    for name in ("cost_usd", "markup_usd", "charge_usd"):
        parts = sum(int(one[name].replace(".", "")) for one in answer["cost_centres"])
        whole = answer["totals"][name] if name == "cost_usd" else answer[name]
        assert parts == int(whole.replace(".", ""))


@pytest.mark.parametrize(
    ("spent", "basis_points", "markup"),
    [
        (0, 1_500, 0),
        (100_000, None, 0),
        (100_000, 0, 0),
        (100_000, 1_500, 15_000),
        (3, 5_000, 2),
        (1, 5_000, 0),
        (5, 5_000, 2),
    ],
)
def test_a_mark_up_is_rounded_half_even(spent: int, basis_points: int | None, markup: int) -> None:
    assert markup_millicents(spent, basis_points) == markup


def test_an_answer_follows_the_next_analysis(fresh_world: Any) -> None:
    world: World = fresh_world(rows_each=20)
    first = world.get("acme/forecast")
    assert (first.json()["analysis_id"], first.json()["forecasts"]) == (None, [])
    analyse(world.home, "a20260407T000000-00000002", planned(world, hour=world.clock.now()))
    world.clock.advance(timedelta(seconds=3))
    second = world.get("acme/forecast", headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 200
    assert len(second.json()["forecasts"]) == 2
    analyse(world.home, "a20260407T000000-00000003", {"mart_analysed_workspaces": []})
    world.clock.advance(timedelta(seconds=3))
    assert world.json("acme/forecast")["forecasts"] == [], "of an earlier release's analysis there are none"
