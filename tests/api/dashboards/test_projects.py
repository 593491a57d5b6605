"""The list of projects and one project."""

from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from decimal import Decimal
from urllib.parse import quote

import pytest

from tests.api.dashboards.facts import PROJECTS, ZONES, device_id, metered, picked, spend_of, totals_of, workspace_id
from tests.api.dashboards.world import World

DAY = timedelta(days=1)
EVERYWHERE = pytest.mark.parametrize("workspace", ZONES)


def test_another_workspaces_projects_are_the_404_of_an_absent_one(world: World):
    for path in ("projects", "projects/web"):
        foreign, absent = world.get(f"acme/{path}", key="island"), world.get(f"nobody/{path}", key="island")
        assert foreign.status_code == absent.status_code == 404
        assert foreign.content == absent.content


def test_an_unknown_project_is_not_found(world: World):
    for slug in ("nope", "a/b/c", "..%2Fweb", quote("'; drop table x --", safe=""), "%00", "(not shared)x"):
        answer = world.get(f"acme/projects/{slug}")
        assert answer.status_code == 404
        assert answer.json()["error"]["code"] == "project_not_found"
    assert world.get("empty/projects/web").status_code == 404


@EVERYWHERE
def test_every_project_is_listed_with_its_spend_share_and_change(world: World, workspace: str):
    answer = world.json(f"{workspace}/projects", range="last_7d")
    assert {item["project"] for item in answer["projects"]} == {name or "(not shared)" for name in PROJECTS}
    today = world.today(workspace)
    everything = world.visible(workspace, world.last_days(workspace, 7))
    for item in answer["projects"]:
        mine = world.visible(workspace, lambda row, slug=item["project"]: row["project"] == slug)
        now = [row for row in mine if world.last_days(workspace, 7)(row)]
        before = [row for row in mine if world.within(workspace, today - 13 * DAY, today - 7 * DAY)(row)]
        assert picked(item) == spend_of(now)
        assert Decimal(item["previous_cost_usd"]) == metered(before)
        assert Decimal(item["change_usd"]) == metered(now) - metered(before)
        share = metered(now) / metered(everything) * 100
        assert abs(Decimal(item["share_percent"]) - share) <= Decimal("0.005")
        days = [world.local_day(workspace, row) for row in mine]
        assert item["last_active_day"] == (max(days).isoformat() if days else None)
    costs = [Decimal(item["cost_usd"]) for item in answer["projects"]]
    assert costs == sorted(costs, reverse=True)
    assert sum(costs) == Decimal(answer["totals"]["cost_usd"])


def test_states_and_withheld_requests_are_told(world: World):
    answer = world.json("acme/projects")
    shown = {item["project"]: item for item in answer["projects"]}
    assert {slug: item["state"] for slug, item in shown.items()} == {
        "web": "active",
        "batch-summariser": "active",
        "team/app": "active",
        "=cmd()": "active",
        "(not shared)": "not_shared",
        "archived": "archived",
        "ceiling": "over_ceiling",
    }
    recent = world.last_days("acme", 30)
    for slug, item in shown.items():
        withheld = [
            row
            for row in world.rows
            if (row["workspace_id"], row["project"]) == (workspace_id("acme"), slug)
            and row["withheld_reason"]
            and recent(row)
        ]
        assert item["withheld_requests"] == len(withheld)
    assert shown["ceiling"]["requests"] == 0 < shown["ceiling"]["withheld_requests"]
    assert answer["withheld_requests"] == sum(item["withheld_requests"] for item in shown.values())
    assert (shown["web"]["display_name"], shown["web"]["client_name"]) == ("The web", "Globex")


def test_a_filter_on_projects_lists_only_them(world: World):
    answer = world.json("acme/projects", project=["web", "nope"])
    assert [item["project"] for item in answer["projects"]] == ["web"]


@EVERYWHERE
@pytest.mark.parametrize("project", ["web", "team/app", "=cmd()", "(not shared)", "archived"])
def test_a_project_adds_up_by_day_week_month_device_and_model(world: World, workspace: str, project: str):
    answer = world.json(f"{workspace}/projects/{quote(project, safe='')}")
    rows = world.visible(workspace, lambda row: row["project"] == project and world.last_days(workspace, 30)(row))
    assert answer["totals"] == totals_of(rows)
    assert answer["project"]["project"] == project
    over_time = answer["spend_over_time"]
    for part in (
        over_time["daily"],
        over_time["weekly"],
        over_time["monthly"],
        answer["by_device"],
        answer["by_model"],
    ):
        assert sum(Decimal(item["cost_usd"]) for item in part) == metered(rows)
        assert sum(item["requests"] for item in part) == len(rows)
    assert len(over_time["daily"]) == 30
    assert all(date.fromisoformat(item["starts_on"]).weekday() == 0 for item in over_time["weekly"])
    assert all(item["starts_on"].endswith("-01") for item in over_time["monthly"])


@EVERYWHERE
def test_weeks_and_months_are_those_of_the_zones_days(world: World, workspace: str):
    answer = world.json(f"{workspace}/projects/web", range="custom", from_="2026-02-20", to="2026-04-06")
    rows = world.visible(
        workspace,
        lambda row: row["project"] == "web" and world.within(workspace, date(2026, 2, 20), date(2026, 4, 6))(row),
    )
    by_day, by_week, by_month = (defaultdict(list) for _ in range(3))
    for row in rows:
        day = world.local_day(workspace, row)
        by_day[day].append(row)
        by_week[day - day.weekday() * DAY].append(row)
        by_month[day.replace(day=1)].append(row)
    over_time = answer["spend_over_time"]
    for part, key, groups in (
        ("daily", "day", by_day),
        ("weekly", "starts_on", by_week),
        ("monthly", "starts_on", by_month),
    ):
        shown = {date.fromisoformat(item[key]): picked(item) for item in over_time[part] if item["requests"]}
        assert shown == {day: spend_of(group) for day, group in groups.items()}
    assert over_time["weekly"][0]["first_day"] == "2026-02-20"
    assert over_time["weekly"][-1]["last_day"] == "2026-04-06"


def test_cost_per_request_is_over_metered_requests_of_known_cost(world: World):
    for item in world.json("acme/projects/web")["spend_over_time"]["daily"]:
        day = date.fromisoformat(item["day"])
        rows = world.visible("acme", lambda row, d=day: row["project"] == "web" and world.within("acme", d, d)(row))
        known = [r for r in rows if r["spend_kind"] == "metered" and r["cost_logged_millicents"] is not None]
        expected = (metered(known) / len(known)).quantize(Decimal("1e-8")) if known else None
        assert (Decimal(item["cost_per_request_usd"]) if known else item["cost_per_request_usd"]) == expected


@EVERYWHERE
def test_devices_show_their_share_and_week_over_week(world: World, workspace: str):
    answer = world.json(f"{workspace}/projects/web")
    today = world.today(workspace)
    assert [item["name"] for item in sorted(answer["by_device"], key=lambda item: item["name"])] == [
        "=Ada's laptop",
        "host-1",
        "host-2",
    ]
    for item in answer["by_device"]:
        mine = world.visible(
            workspace, lambda row, d=item["device_id"]: (row["device_id"], row["project"]) == (d, "web")
        )
        week = metered(row for row in mine if world.within(workspace, today - 6 * DAY, today)(row))
        before = metered(row for row in mine if world.within(workspace, today - 13 * DAY, today - 7 * DAY)(row))
        assert Decimal(item["last_7_days_usd"]) == week
        assert Decimal(item["previous_7_days_usd"]) == before
        assert Decimal(item["week_over_week_usd"]) == week - before
        if before:
            expected = ((week - before) / before * 100).quantize(Decimal("0.01"))
            assert Decimal(item["week_over_week_percent"]) == expected


def test_the_path_decides_the_project_and_other_filters_apply(world: World):
    answer = world.json(
        "acme/projects/web", project="team/app", provider="anthropic", device=device_id("acme", 1), range="this_month"
    )
    assert answer["filters"]["project"] == ["web"]
    month = world.today("acme").replace(day=1)
    rows = world.visible(
        "acme",
        lambda row: (
            (row["project"], row["provider"], row["device_id"]) == ("web", "anthropic", device_id("acme", 1))
            and world.within("acme", month, month + 29 * DAY)(row)
        ),
    )
    assert answer["totals"] == totals_of(rows)


def test_the_newest_100_requests_stand_beside(world: World):
    answer = world.json("acme/projects/web", range="custom", from_="2026-01-01", to="2026-04-30")
    rows = world.visible("acme", lambda row: row["project"] == "web")
    newest = sorted(rows, key=lambda row: (row["requested_at"], row["request_id"]), reverse=True)[:100]
    assert [row["request_id"] for row in answer["recent_requests"]] == [row["request_id"] for row in newest]


def test_the_last_24_hours_of_a_project_are_shown_by_local_day(world: World):
    answer = world.json("hills/projects/web", range="last_24h")
    daily = answer["spend_over_time"]["daily"]
    assert sum(Decimal(item["cost_usd"]) for item in daily) == Decimal(answer["totals"]["cost_usd"])
    assert [item["day"] for item in daily] == ["2026-04-06", "2026-04-07"]
