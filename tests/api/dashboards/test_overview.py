"""The overview."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, datetime, timedelta
from decimal import Decimal

import pytest
from sqlalchemy import delete, update

from api.db.models import Budget, Device
from api.db.session import transaction
from pipelines.lake.clock import to_micros
from tests.api.dashboards.facts import NOW, ZONES, metered, picked, spend_of, totals_of, workspace_id
from tests.api.dashboards.world import World

DAY = timedelta(days=1)
EVERYWHERE = pytest.mark.parametrize("workspace", ZONES)


def test_another_workspace_is_the_same_404_as_an_absent_one(world: World):
    foreign = world.get("acme/overview", key="island")
    absent = world.get("nobody/overview", key="island")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content


def test_a_call_without_a_good_key_is_refused(world: World):
    for key in ("", "hm_api_nonsense", "x" * 5000):
        assert world.get("acme/overview", key=key or "none").status_code == 401


@EVERYWHERE
def test_totals_are_those_of_the_last_30_days_of_the_zone(world: World, workspace: str):
    answer = world.json(f"{workspace}/overview")
    assert answer["time_zone"] == ZONES[workspace]
    assert answer["totals"] == totals_of(world.visible(workspace, world.last_days(workspace, 30)))
    assert Decimal(answer["totals"]["cost_usd"]) > 0


@EVERYWHERE
def test_headline_numbers_are_of_the_zones_day_and_months(world: World, workspace: str):
    today = world.today(workspace)
    month, before = today.replace(day=1), (today.replace(day=1) - DAY).replace(day=1)
    after = (month + 31 * DAY).replace(day=1)
    headline = world.json(f"{workspace}/overview")["headline"]
    for name, first, end in (
        ("today", today, today + DAY),
        ("this_month", month, after),
        ("last_month", before, month),
    ):
        rows = world.visible(workspace, world.within(workspace, first, end - DAY))
        expected = {**spend_of(rows), "from": first.isoformat(), "to": (end - DAY).isoformat()}
        assert headline[name] == expected


@EVERYWHERE
def test_each_day_is_stacked_by_provider_beside_the_day_30_days_before(world: World, workspace: str):
    chart = world.json(f"{workspace}/overview")["daily"]
    today = world.today(workspace)
    days = [today - number * DAY for number in reversed(range(30))]
    assert [point["day"] for point in chart["points"]] == [day.isoformat() for day in days]
    for point, day in zip(chart["points"], days, strict=True):
        rows = world.visible(workspace, world.within(workspace, day, day))
        stacked: defaultdict[str, list[dict[str, object]]] = defaultdict(list)
        for row in rows:
            stacked[row["provider"]].append(row)
        assert {layer["provider"]: Decimal(layer["cost_usd"]) for layer in point["by_provider"]} == {
            provider: metered(group) for provider, group in stacked.items()
        }
        assert (Decimal(point["cost_usd"]), point["requests"]) == (metered(rows), len(rows))
        before = world.visible(workspace, world.within(workspace, day - 30 * DAY, day - 30 * DAY))
        assert point["baseline_day"] == (day - 30 * DAY).isoformat()
        assert Decimal(point["baseline_cost_usd"]) == metered(before)


@EVERYWHERE
def test_the_last_24_hours_are_96_buckets_that_end_with_the_running_one(world: World, workspace: str):
    answer = world.json(f"{workspace}/overview", range="last_24h")
    end = NOW.replace(minute=15, second=0, microsecond=0)
    rows = world.visible(workspace, lambda row: end - DAY <= row["requested_at"] < end)
    assert rows
    assert answer["totals"] == totals_of(rows)
    points = answer["daily"]["points"]
    assert len(points) == 96
    assert answer["daily"]["bucket"] == "15min"
    assert datetime.fromisoformat(points[-1]["starts_at"]) == end - timedelta(minutes=15)
    assert sum(Decimal(point["cost_usd"]) for point in points) == metered(rows)
    before = world.visible(workspace, lambda row: end - 2 * DAY <= row["requested_at"] < end - DAY)
    assert sum(Decimal(point["baseline_cost_usd"]) for point in points) == metered(before)


def test_rows_of_a_clock_that_runs_ahead_are_in_the_month_and_its_chart(world: World):
    answer = world.json("acme/overview", range="this_month")
    assert sum(point["requests"] for point in answer["daily"]["points"]) == answer["totals"]["requests"]
    assert max(date.fromisoformat(point["day"]) for point in answer["daily"]["points"]) > world.today("acme")


@EVERYWHERE
def test_the_top_five_are_the_dearest_of_the_period(world: World, workspace: str):
    answer = world.json(f"{workspace}/overview")
    rows = world.visible(workspace, world.last_days(workspace, 30))
    for part, keys in (("top_projects", ("project",)), ("top_models", ("provider", "model"))):
        groups: defaultdict[tuple[str, ...], list[dict[str, object]]] = defaultdict(list)
        for row in rows:
            groups[tuple(row[key] for key in keys)].append(row)
        dearest = sorted((metered(group) for group in groups.values()), reverse=True)[:5]
        assert [Decimal(item["cost_usd"]) for item in answer[part]] == dearest
        for item in answer[part]:
            assert picked(item) == spend_of(groups[tuple(item[key] for key in keys)])
        assert sum(Decimal(item["share_percent"]) for item in answer[part]) <= Decimal("100.05")


def test_the_paths_of_the_top_five_lead_to_views_with_the_same_numbers(world: World):
    answer = world.json("acme/overview", range="last_7d", provider=["anthropic", "groq"])
    assert len(answer["top_projects"]) == 5
    for item in answer["top_projects"]:
        assert picked(world.json(item["path"].removeprefix("/"))["totals"]) == picked(item)
    for item in answer["top_models"]:
        assert picked(world.json(item["path"].removeprefix("/"))["totals"]) == picked(item)


def test_the_budget_is_held_against_the_whole_months_metered_spend(world: World):
    month = world.today("acme").replace(day=1)
    rows = world.visible("acme", world.within("acme", month, month + 29 * DAY))
    budget = world.json("acme/overview", project="web")["budget"]
    spent, limit = metered(rows), Decimal(30)
    assert Decimal(budget["monthly_budget_usd"]) == limit
    assert Decimal(budget["spent_usd"]) == spent
    assert Decimal(budget["variance_usd"]) == spent - limit
    assert Decimal(budget["used_percent"]) == (spent / limit * 100).quantize(Decimal("0.01"))
    assert Decimal(budget["variance_percent"]) == ((spent - limit) / limit * 100).quantize(Decimal("0.01"))
    assert budget["unpriced_requests"] == sum(row["cost_logged_millicents"] is None for row in rows)


def test_a_workspace_without_budget_or_rows_shows_none(world: World):
    answer = world.json("empty/overview")
    assert answer["budget"] is None
    assert answer["totals"] == totals_of([])
    assert answer["build_id"]
    assert answer["top_projects"] == []
    assert len(answer["daily"]["points"]) == 30
    assert answer["sync"] == {
        "colour": "green", "devices": 0, "active": 0, "degraded": 0, "paused": 0, "not_configured": 0
    }  # fmt: skip


def test_withheld_requests_are_counted_and_kept_out(world: World):
    answer = world.json("acme/overview")
    recent = world.last_days("acme", 30)
    withheld = [
        row
        for row in world.rows
        if row["workspace_id"] == workspace_id("acme") and row["withheld_reason"] and recent(row)
    ]
    assert answer["withheld_requests"] == len(withheld) > 0


def test_the_banner_follows_the_devices_without_a_new_build(fresh_world):
    world: World = fresh_world(rows_each=50)
    assert world.json("acme/overview")["sync"]["colour"] == "green"
    devices = Device.workspace_id == workspace_id("acme")
    with transaction(world.engine) as session:
        silent = to_micros(NOW - timedelta(days=4))
        session.execute(update(Device).where(devices, Device.hostname == "host-1").values(last_seen_at_us=silent))
    assert world.json("acme/overview")["sync"] == {
        "colour": "amber", "devices": 3, "active": 2, "degraded": 1, "paused": 0, "not_configured": 0
    }  # fmt: skip
    with transaction(world.engine) as session:
        refused = to_micros(NOW)
        session.execute(update(Device).where(devices, Device.hostname == "host-2").values(last_rejected_at_us=refused))
    assert world.json("acme/overview")["sync"]["colour"] == "red"
    assert world.json("island/overview")["sync"]["colour"] == "green"


def test_a_budget_of_nothing_has_no_percent(fresh_world):
    world: World = fresh_world(rows_each=50)
    with transaction(world.engine) as session:
        session.execute(update(Budget).values(monthly_millicents=0))
    budget = world.json("acme/overview")["budget"]
    assert (budget["used_percent"], budget["variance_percent"]) == (None, None)
    with transaction(world.engine) as session:
        session.execute(delete(Budget))
