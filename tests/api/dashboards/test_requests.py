"""Recent requests: order, pages, search."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.api.dashboards.facts import MODELS, PROJECTS, ZONES, device_id, identifier, totals_of, usd
from tests.api.dashboards.world import World

EVER = {"range": "custom", "from_": "2026-01-01", "to": "2026-04-30"}


def newest_first(rows: list[dict[str, Any]]) -> list[str]:
    return [r["request_id"] for r in sorted(rows, key=lambda r: (r["requested_at"], r["request_id"]), reverse=True)]


def ids(answer: dict[str, Any]) -> list[str]:
    return [row["request_id"] for row in answer["requests"]]


def all_pages(world: World, workspace: str, **query: Any) -> list[str]:
    found: list[str] = []
    answer = world.json(f"{workspace}/requests", **query)
    while True:
        found += ids(answer)
        if answer["next_cursor"] is None:
            assert answer["next_path"] is None
            return found
        assert len(answer["requests"]) == answer["limit"]
        followed = world.json(answer["next_path"].removeprefix("/"))
        answer = world.json(f"{workspace}/requests", cursor=answer["next_cursor"], **query)
        assert followed == answer


def test_another_workspaces_requests_are_the_404_of_an_absent_one(world: World):
    foreign, absent = world.get("acme/requests", key="island"), world.get("nobody/requests", key="island")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content


def test_shared_ids_stay_apart(world: World):
    wanted = next(row for row in world.visible("island") if world.last_days("island", 30)(row))
    answer = world.json("island/requests", search=wanted["request_id"])
    (shown,) = answer["requests"]
    assert shown["device_id"] == wanted["device_id"]
    assert shown["device_id"] in {device_id("island", number) for number in range(3)}


@pytest.mark.parametrize("workspace", ZONES)
def test_a_page_holds_the_newest_100_of_the_period(world: World, workspace: str):
    answer = world.json(f"{workspace}/requests")
    rows = world.visible(workspace, world.last_days(workspace, 30))
    assert len(rows) > 100
    assert ids(answer) == newest_first(rows)[:100]
    assert answer["totals"] == totals_of(rows)
    assert answer["limit"] == 100


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    limit=st.integers(40, 500),
    name=st.sampled_from(["last_24h", "last_7d", "last_30d", "this_month", "last_month", None]),
    projects=st.sets(st.sampled_from([p for p in PROJECTS if p]), max_size=3),
    provider=st.sampled_from([None, "anthropic", "openai"]),
)
def test_pages_one_after_another_are_the_whole_without_repeats(
    world: World, limit: int, name: str | None, projects: set[str], provider: str | None
):
    query: dict[str, Any] = {"project": sorted(projects), "limit": limit, **({"range": name} if name else EVER)}
    if provider:
        query["provider"] = provider
    found = all_pages(world, "acme", **query)
    del query["limit"]
    assert len(found) == len(set(found)) == world.json("acme/requests", **query)["totals"]["requests"]
    rows = [
        row
        for row in world.visible("acme")
        if (not projects or row["project"] in projects) and (provider is None or row["provider"] == provider)
    ]
    wanted = newest_first(rows)
    assert found == [one for one in wanted if one in set(found)]
    if name is None:
        assert found == wanted


def test_ties_are_paged_one_by_one(world: World):
    rows = world.visible("acme", lambda row: row["project"] == "web")
    assert len({row["requested_at"] for row in rows}) < len(rows)
    assert all_pages(world, "acme", project="web", limit=7, **EVER) == newest_first(rows)


@pytest.mark.parametrize("limit", ["0", "501", "-1", "1e2", "ten", "", "\u0661", "9" * 5000, "1.0", " 5"])
def test_a_limit_that_makes_no_sense_is_refused(world: World, limit: str):
    answer = world.get("acme/requests", limit=limit)
    assert answer.status_code == 422
    assert answer.json()["error"]["code"] == "invalid_filter"


@pytest.mark.parametrize("cursor", ["x", "cjE6", "=====", "\u00e9", "a" * 5000, "cjE6OTk5OTk5OTk5OTk5OTk5OTk5OjEx"])
def test_a_cursor_that_is_none_of_ours_is_refused(world: World, cursor: str):
    answer = world.get("acme/requests", cursor=cursor)
    assert answer.status_code == 422
    assert cursor not in answer.text or cursor == "x"


def test_search_finds_by_id_idempotency_key_and_providers_id(world: World):
    rows = [row for row in world.visible("acme") if "{not" not in row["extra_json"]]
    wanted = next(row for row in rows if (row["idempotency_key"] or "").startswith("key-"))
    number = wanted["idempotency_key"][-4:]
    for text in (
        wanted["request_id"],
        wanted["request_id"].upper(),
        wanted["request_id"][:13],
        f"key-{number}",
        f" req_{int(number)} ",
    ):
        assert wanted["request_id"] in ids(world.json("acme/requests", search=text, **EVER))
    by_prefix = world.json("acme/requests", search="key-0", limit=500, **EVER)
    expected = [row for row in world.visible("acme") if (row["idempotency_key"] or "").startswith("key-0")]
    assert ids(by_prefix) == newest_first(expected)
    assert world.json("acme/requests", search=f"req_{int(number)}x", **EVER)["requests"] == []


def test_search_pages_too(world: World):
    expected = [row for row in world.visible("acme") if (row["idempotency_key"] or "").startswith("key-")]
    assert all_pages(world, "acme", search="key-", limit=20, **EVER) == newest_first(expected)


def test_withheld_requests_are_not_listed(world: World):
    assert world.json("acme/requests", project="ceiling", **EVER)["requests"] == []


def test_each_money_stands_in_its_own_place(world: World):
    names = ("cost_usd", "subscription_imputed_usd", "imported_usd", "other_basis_usd")
    by_id = {row["request_id"]: row for row in world.visible("acme")}
    shown = world.json("acme/requests", limit=500, **EVER)["requests"]
    assert {row["spend_kind"] for row in shown} == {"metered", "subscription_imputed", "imported", "prepaid"}
    for row in shown:
        fact = by_id[row["request_id"]]
        cost = fact["cost_logged_millicents"]
        place = {"metered": 0, "subscription_imputed": 1, "imported": 2}.get(row["spend_kind"], 3)
        expected: list[str | None] = [None] * 4
        expected[place] = None if cost is None else usd(cost)
        assert [row[name] for name in names] == expected
        assert (row["cost_priced_usd"] is not None) == (place == 0 and fact["cost_priced_picousd"] is not None)


@pytest.mark.parametrize(
    ("name", "value", "column"),
    [
        ("provider", "openai", "provider"),
        ("model", "gpt-5", "model"),
        ("model", "llama\\, the 4th", "model"),
        ("project", "=cmd()", "project"),
        ("project", "(not shared)", "project"),
        ("device", device_id("acme", 1), "device_id"),
    ],
)
def test_a_filter_keeps_its_own_and_only_its_own(world: World, name: str, value: str, column: str):
    answer = world.json("acme/requests", limit=500, **{name: value}, **EVER)
    plain = value.replace("\\", "")
    assert ids(answer) == newest_first(world.visible("acme", lambda row: row[column] == plain))
    assert answer["filters"][name] == [plain]


def test_values_may_be_repeated_or_separated_by_commas(world: World):
    repeated = world.json("acme/requests", provider=["openai", "xai"], **EVER)
    joined = world.json("acme/requests", provider="xai,openai,,xai", **EVER)
    assert repeated == joined
    assert repeated["filters"]["provider"] == ["openai", "xai"]


def test_rows_lead_to_their_trace(world: World):
    row = world.json("acme/requests", limit=1)["requests"][0]
    assert world.json(row["path"].removeprefix("/"))["request"]["request_id"] == row["request_id"]
    assert row["device_name"] in {"=Ada's laptop", "host-1", "host-2"}
    assert (row["provider"], row["model"]) in MODELS
    assert identifier("request", 0)
