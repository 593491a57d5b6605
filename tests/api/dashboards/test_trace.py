"""One request's trace."""

from __future__ import annotations

import hashlib
import uuid

import pytest

from tests.api.dashboards.facts import RATES, device_id, identifier, workspace_id
from tests.api.dashboards.world import World, landing_path

WANTED = identifier("request", 5)


def fact(world: World, workspace: str, request_id: str = WANTED):
    return next(
        row for row in world.rows if (row["workspace_id"], row["request_id"]) == (workspace_id(workspace), request_id)
    )


def test_another_workspaces_request_is_the_404_of_an_absent_one(world: World):
    assert world.get(f"acme/traces/{WANTED}", key="island").content == (
        world.get(f"nobody/traces/{WANTED}", key="island").content
    )
    foreign, absent = world.get(f"empty/traces/{WANTED}"), world.get(f"empty/traces/{uuid.uuid4()}")
    assert foreign.status_code == absent.status_code == 404
    assert foreign.content == absent.content
    assert foreign.json()["error"]["code"] == "request_not_found"


def test_a_shared_id_is_each_workspaces_own_request(world: World):
    for workspace in ("acme", "island"):
        shown = world.json(f"{workspace}/traces/{WANTED}")
        assert shown["device"]["device_id"] == fact(world, workspace)["device_id"]
        assert shown["file"]["path"] == landing_path(workspace)


@pytest.mark.parametrize(
    "text", ["x", "%00", "{" + WANTED + "}", "urn:uuid:" + WANTED, WANTED[:-1], "' or 1=1 --", "0" * 4000, "..%2f.."]
)
def test_what_is_no_id_is_not_found(world: World, text: str):
    assert world.get(f"acme/traces/{text}").status_code == 404


def test_every_number_leads_to_where_it_comes_from(world: World):
    row = fact(world, "acme")
    shown = world.json(f"acme/traces/{WANTED.upper()}")
    assert shown["request"]["request_id"] == WANTED
    assert shown["request"]["source_machine"] == "@host"
    assert shown["request"]["extra_json"] == row["extra_json"]
    assert shown["batch"]["batch_key"] == row["batch_key"]
    assert shown["batch"]["batch_id"] == f"sent-{row['batch_key']}"
    assert shown["batch"]["position"] == row["row_index"]
    assert shown["file"] == {
        "file_seq": 1,
        "path": landing_path("acme"),
        "sha256": "ab" * 32,
        "row_number": row["file_row_number"],
        "row_count": 700,
        "committed_at": "2026-04-07T03:09:30Z",
        "stored_path": landing_path("acme"),
        "stored_sha256": "ab" * 32,
        "compacted_at": None,
        "row_found": True,
    }
    assert [one["device_id"] for one in shown["also_seen_from"]] == [device_id("acme", 2)]
    assert shown["conflicts"] == [
        {
            "batch_key": row["batch_key"],
            "position": 49,
            "device_id": device_id("acme", 2),
            "differing_fields": ["output_tokens"],
        }
    ]


def test_the_formula_yields_the_price_to_the_picodollar(world: World):
    rated = [row for row in world.visible("acme") if row["rate_id"]][:20]
    for row in rated:
        price = world.json(f"acme/traces/{row['request_id']}")["price"]
        assert price["rate_book_version"] == "2026-04-01"
        assert sum(term["picousd"] for term in price["formula"]) == row["cost_priced_picousd"]
        assert {term["token_kind"]: term["picousd_per_token"] for term in price["formula"]} == RATES
        left, _, right = price["formula_text"].removesuffix(" picousd").partition(" = ")
        products = [part.split(" x ") for part in left.split(" + ")]
        assert sum(int(tokens) * int(rate) for tokens, rate in products) == int(right) == row["cost_priced_picousd"]


def test_a_request_without_a_rate_says_so(world: World):
    row = next(row for row in world.visible("acme") if row["rate_id"] is None)
    price = world.json(f"acme/traces/{row['request_id']}")["price"]
    assert (price["rate"], price["formula"], price["formula_text"]) == (None, [], None)
    assert (price["cost_priced_picousd"], price["cost_priced_usd"]) == (None, None)


def test_a_withheld_request_can_be_traced_and_says_why(world: World):
    withheld = next(row for row in world.rows if row["withheld_reason"] and row["workspace_id"] == workspace_id("acme"))
    shown = world.json(f"acme/traces/{withheld['request_id']}")
    assert shown["withheld"] == {"reason": withheld["withheld_reason"]}
    assert world.json(f"acme/traces/{world.visible('acme')[0]['request_id']}")["withheld"] is None


def test_a_landed_file_that_is_gone_is_told(fresh_world):
    world: World = fresh_world(rows_each=20)
    path = world.home.landing / landing_path("acme")
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert len(digest) == 64
    path.unlink()
    assert world.json(f"acme/traces/{WANTED}")["file"]["row_found"] is False


def test_a_filtered_views_link_may_carry_its_filter(world: World):
    assert world.get(f"acme/traces/{WANTED}?range=last_7d&provider=openai").status_code == 200
