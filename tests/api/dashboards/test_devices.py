"""Devices, and the values of the filter rail."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from sqlalchemy import update

from api.db.models import Device
from api.db.session import transaction
from pipelines.lake.clock import to_micros
from tests.api.dashboards.facts import MODELS, NOW, device_id, picked, spend_of, workspace_id
from tests.api.dashboards.world import World


def test_another_workspaces_devices_are_the_404_of_an_absent_one(world: World):
    for path in ("devices", "filters"):
        foreign, absent = world.get(f"acme/{path}", key="island"), world.get(f"nobody/{path}", key="island")
        assert foreign.status_code == absent.status_code == 404
        assert foreign.content == absent.content


def test_devices_show_state_last_sync_and_share(world: World):
    answer = world.json("acme/devices")
    assert {item["device_id"] for item in answer["devices"]} == {device_id("acme", number) for number in range(3)}
    for item in answer["devices"]:
        rows = world.visible(
            "acme", lambda r, d=item["device_id"]: r["device_id"] == d and world.last_days("acme", 30)(r)
        )
        assert picked(item) == spend_of(rows)
        assert item["state"] == "ACTIVE"
        assert item["last_sync_at"] == "2026-04-07T03:00:30Z"
    assert abs(sum(Decimal(item["share_percent"]) for item in answer["devices"]) - 100) <= Decimal("0.02")
    costs = [Decimal(item["cost_usd"]) for item in answer["devices"]]
    assert costs == sorted(costs, reverse=True)
    assert answer["sync"]["colour"] == "green"


def test_a_device_that_syncs_or_is_revoked_shows_at_once(fresh_world):
    world: World = fresh_world(rows_each=30)
    before = world.get("acme/devices")
    mine = Device.workspace_id == workspace_id("acme")
    revoked_at = to_micros(NOW - timedelta(hours=1))
    with transaction(world.engine) as session:
        session.execute(
            update(Device)
            .where(mine, Device.hostname == "host-1")
            .values(revoked_at_us=revoked_at, revoked_reason="revoked")
        )
        session.execute(update(Device).where(mine, Device.hostname == "host-2").values(last_batch_at_us=to_micros(NOW)))
    after = world.get("acme/devices")
    assert after.headers["etag"] != before.headers["etag"]
    shown = {item["hostname"]: item for item in after.json()["devices"]}
    assert shown["host-1"]["state"] == "PAUSED"
    assert shown["host-1"]["revoked_at"] == "2026-04-07T02:10:30Z"
    assert shown["host-2"]["last_sync_at"] == "2026-04-07T03:10:30Z"
    assert after.json()["sync"]["colour"] == "red"


def test_filters_offer_every_value_with_visible_requests(world: World):
    answer = world.json("acme/filters", provider="openai")
    assert answer["ranges"] == ["last_24h", "last_7d", "last_30d", "this_month", "last_month", "custom"]
    assert answer["providers"] == sorted({provider for provider, _ in MODELS})
    assert [(item["provider"], item["model"]) for item in answer["models"]] == sorted(MODELS)
    visible = {row["project"] for row in world.visible("acme")}
    assert {item["project"] for item in answer["projects"]} == visible
    assert "ceiling" not in visible
    assert {(item["device_id"], item["name"]) for item in answer["devices"]} == {
        (device_id("acme", 0), "=Ada's laptop"),
        (device_id("acme", 1), "host-1"),
        (device_id("acme", 2), "host-2"),
    }


def test_devices_are_listed_by_name_where_nothing_else_sets_them_apart(world: World):
    """Ids are drawn at random: their order would differ between two installations with the same story."""
    by_name = ["=Ada's laptop", "host-1", "host-2"]
    idle = world.json("acme/devices", **{"range": "custom", "from": "2020-01-01", "to": "2020-01-02"})
    assert [item["name"] for item in idle["devices"]] == by_name
    assert [item["name"] for item in world.json("acme/filters")["devices"]] == by_name


def test_filters_of_a_workspace_without_rows_are_empty(world: World):
    answer = world.json("empty/filters")
    assert (answer["providers"], answer["models"], answer["projects"], answer["devices"]) == ([], [], [], [])
