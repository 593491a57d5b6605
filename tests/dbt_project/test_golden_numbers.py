"""Numbers worked out by hand, from landing file to mart: one build, a workspace per story."""

from datetime import UTC, datetime, timedelta

import pytest
from dbt.contracts.graph.manifest import Manifest

from tests.dbt_project.lake_builder import Lake, named_uuid
from tests.dbt_project.warehouse import Warehouse, failures

SONNET_45 = {"provider": "anthropic", "model": "claude-sonnet-4-5-20250929"}
GPT_5 = {"provider": "openai", "model": "gpt-5"}

# Quarter hours of the local day on which clocks change, and of plain ones beside it.
CHANGING_DAYS = {
    "America/New_York": {"2026-03-08": 92, "2026-10-31": 96, "2026-11-01": 100, "2026-11-02": 96},
    "Australia/Lord_Howe": {"2026-04-05": 98, "2026-10-04": 94},
    "Asia/Kolkata": {"2026-11-01": 96},
    "Pacific/Chatham": {"2026-04-05": 100, "2026-09-27": 92},
}


def land_spend(lake: Lake) -> None:
    lake.land(
        lake.row("spend", **SONNET_45, cached_tokens=1000, cache_write_tokens=300, thinking_tokens=20),
        lake.row(
            "spend", **SONNET_45, cached_tokens=1000, cache_write_tokens=300, extra_json='{"cache_write_1h_tokens":100}'
        ),
        lake.row("spend", **GPT_5, input_tokens=1100, cached_tokens=1000, billing_basis="subscription_imputed"),
        lake.row("spend", **GPT_5, input_tokens=0, output_tokens=0, cost_logged_millicents=0, billing_basis="imported"),
        lake.row("spend", provider="acme", model="mystery-1", cost_logged_millicents=None, status="error"),
        lake.row(
            "spend", project=None, **SONNET_45, input_tokens=200_001, output_tokens=0, cost_logged_millicents=None
        ),
    )


def land_shared_ids(lake: Lake) -> None:
    lake.land(lake.row("left", request="shared"), lake.row("right", request="shared", cost_logged_millicents=7))


def land_books(lake: Lake) -> None:
    lake.land(lake.row("books", request="one"), lake.row("books", request="two"), quarantined=1)
    lake.land(
        lake.row("books", request="one"),
        lake.row("books", request="two", output_tokens=51),
        lake.row("books", request="three"),
    )
    lake.land(
        lake.row("books", device="new laptop", request="one", project=None),
        lake.row("books", device="new laptop", request="four"),
    )


def land_changing_days(lake: Lake) -> None:
    for zone, days in CHANGING_DAYS.items():
        lake.workspaces[named_uuid(zone)] = zone
        starts = [datetime.fromisoformat(day).replace(tzinfo=UTC) - timedelta(hours=14) for day in days]
        instants = {start + timedelta(minutes=15 * step) for start in starts for step in range(4 * 52)}
        lake.land(*(lake.row(zone, requested_at=instant) for instant in sorted(instants)))


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory, manifest: Manifest) -> Warehouse:
    lake = Lake(tmp_path_factory.mktemp("golden"))
    for land in (land_spend, land_shared_ids, land_books, land_changing_days):
        land(lake)
    warehouse = Warehouse(lake, manifest)
    warehouse.build()
    return warehouse


def of(workspace: str) -> str:
    return f"workspace_id = '{named_uuid(workspace)}'"


def test_spend_is_exact_and_the_monies_stay_apart(built: Warehouse):
    # Sonnet 4.5, USD per million tokens: 3 in, 0.3 read, 3.75 written for 5 minutes, 6 for an hour, 15 out; twice the
    # input price above 200,000 tokens of input. GPT-5, whose input includes the cached: 1.25 in, 0.125 read, 10 out.
    one_sonnet_call = 100 * 3_000_000 + 1000 * 300_000 + 300 * 3_750_000 + 50 * 15_000_000
    rows = built.query(
        "select spend_kind, project, provider, requests, unpriced_requests, unrated_requests, error_requests,"
        " cost_logged_millicents, cost_priced_picousd, input_tokens, uncached_input_tokens"
        f" from mart_spend_monthly where {of('spend')} order by all"
    )
    assert [tuple(row.values()) for row in rows] == [
        ("imported", "api", "openai", 1, 0, 0, 0, 0, 0, 0, 0),
        ("metered", "(not shared)", "anthropic", 1, 1, 0, 0, 0, 200_001 * 6_000_000, 200_001, 200_001),
        ("metered", "api", "acme", 1, 1, 1, 1, 0, 0, 100, 100),
        ("metered", "api", "anthropic", 2, 0, 0, 0, 20, 2 * one_sonnet_call + 100 * 2_250_000, 200, 200),
        ("subscription_imputed", "api", "openai", 1, 0, 0, 0, 10, 750_000_000, 1100, 100),
    ]


def test_an_unknown_model_has_no_price_and_no_tokens_cost_nothing(built: Warehouse):
    rows = built.query(
        "select model, cost_priced_picousd, rate_id is null as unrated from fct_requests"
        f" where {of('spend')} and (provider = 'acme' or input_tokens = 0) order by model"
    )
    assert [tuple(row.values()) for row in rows] == [("gpt-5", 0, False), ("mystery-1", None, True)]


def test_one_id_in_two_workspaces_is_two_requests(built: Warehouse):
    left, right = (
        built.query(f"select cost_logged_millicents as cost from fct_requests where {of(w)}") for w in ("left", "right")
    )
    assert (left, right) == ([{"cost": 10}], [{"cost": 7}])


def test_days_are_as_long_as_they_are_in_the_zone(built: Warehouse):
    found = built.query("select time_zone, local_day, sum(requests) as n from mart_spend_daily group by all")
    counted = {(row["time_zone"], str(row["local_day"])): int(row["n"]) for row in found}
    assert {zone: {day: counted[zone, day] for day in days} for zone, days in CHANGING_DAYS.items()} == CHANGING_DAYS


def test_the_books_of_every_batch_balance(built: Warehouse):
    accounts = built.query(
        "select received_count, landed_count, duplicate_count, quarantined_count, conflict_count"
        f" from fct_batches where {of('books')} order by file_seq"
    )
    assert [tuple(a.values()) for a in accounts] == [(3, 2, 0, 1, 0), (3, 1, 1, 1, 1), (2, 1, 1, 0, 0)]


def test_a_contradicting_copy_is_quarantined(built: Warehouse):
    conflicts = built.query(f"select request_id, differing_fields, code from fct_request_conflicts where {of('books')}")
    assert [(str(c["request_id"]), c["differing_fields"], c["code"]) for c in conflicts] == [
        (named_uuid("two"), ["output_tokens"], "conflicting_duplicate")
    ]


def test_a_call_sent_again_from_another_device_is_a_sighting(built: Warehouse):
    sightings = built.query("select request_id, device_id, first_device_id from fct_device_sightings")
    assert [tuple(map(str, s.values())) for s in sightings] == [
        (named_uuid("one"), named_uuid("books/new laptop"), named_uuid("books/laptop"))
    ]


def test_unit_tests_of_the_project_pass(built: Warehouse):
    result = built.run("test", "--select", "test_type:unit", "--exclude", "tag:analysis")
    assert result.success, failures(result)
