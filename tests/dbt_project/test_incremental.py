"""A warehouse built step by step equals one built at once, whatever came in which order."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from dbt.contracts.graph.manifest import Manifest

from pipelines.lake.rate_book import SINCE_EVER, UNTIL_FURTHER_NOTICE, Rate, TokenRates
from pipelines.verify.attribution import Reattribution
from tests.dbt_project.lake_builder import NOW, RECEIVED, Lake, named_uuid
from tests.dbt_project.warehouse import Warehouse, differences, failures

MODELS = [
    ("anthropic", "claude-sonnet-4-5-20250929"),
    ("openai", "gpt-5"),
    ("gemini", "gemini-2.5-pro"),
    ("acme", "mystery-1"),
]
# Around the end of daylight saving in New York, so that days of the two kinds of calendar overlap.
FIRST_INSTANT = datetime(2026, 10, 31, tzinfo=UTC)


def random_row(lake: Lake, dice: random.Random) -> dict[str, Any]:
    request = f"request {dice.randrange(40)}"
    story = random.Random(request)  # What a request says is the same each time, unless it is told wrongly below.
    provider, model = story.choice(MODELS)
    row = lake.row(
        dice.choice(["acme", "acme", "other"]),
        device=dice.choice(["laptop", "desktop"]),
        request=request,
        project=story.choice(["api", "web", None]),
        provider=provider,
        model=model,
        requested_at=FIRST_INSTANT + timedelta(minutes=story.randrange(4 * 24 * 60)),
        received_at=RECEIVED + timedelta(hours=dice.randrange(6)),
        input_tokens=story.randrange(300_000),
        cached_tokens=story.randrange(1000),
        cost_logged_millicents=story.choice([None, 0, 12]),
        billing_basis=story.choice([None, None, "imported"]),
        extra_json=story.choice([None, '{"service_tier": "batch"}']),
    )
    if dice.random() < 0.2:
        row["source_machine"] = dice.choice([None, "a", "b"])
    if dice.random() < 0.1:
        row["output_tokens"] += 1
    return row


def change_something(lake: Lake, dice: random.Random) -> None:
    """Change what a build reads beside landed rows: visibility, negotiated prices, a reporting zone."""
    project = dice.choice([key for key in lake.projects if key[0] == named_uuid("acme")] or [None])
    if project is not None and dice.random() < 0.7:
        since = dice.choice([None, RECEIVED + timedelta(hours=3), datetime(1970, 1, 1, tzinfo=UTC)])
        lake.withhold("acme", project[1], since, since and "project_archived")
    if dice.random() < 0.5:
        lake.negotiated = [negotiated(dice.randrange(1, 9) * 1_000_000)]
    if dice.random() < 0.5:
        source, target = dice.sample(["api", "web", "(not shared)"], 2)
        lake.moves = [Reattribution(named_uuid("acme"), 1, source, target)]
    if dice.random() < 0.5:
        lake.workspaces[named_uuid("other")] = dice.choice(["America/New_York", "Asia/Kolkata", "UTC"])


def negotiated(uncached_input: int) -> Rate:
    return Rate(
        provider="openai",
        model_ref="gpt-5",
        service_tier="standard",
        context_over_tokens=0,
        valid_from=SINCE_EVER,
        valid_to=UNTIL_FURTHER_NOTICE,
        rates=TokenRates(uncached_input, uncached_input, uncached_input, uncached_input, uncached_input),
        source="contract",
        known_from=NOW,
        workspace_id=named_uuid("acme"),
    )


@pytest.mark.parametrize("seed", [0, 1, 2, *(pytest.param(one, marks=pytest.mark.long) for one in range(3, 10))])
def test_step_by_step_equals_all_at_once(seed: int, lake: Lake, manifest: Manifest):
    dice = random.Random(seed)
    stepwise = Warehouse(lake, manifest, "stepwise")
    for step in range(3):
        for _ in range(dice.randrange(0 if step else 1, 4)):
            lake.land(*(random_row(lake, dice) for _ in range(dice.randrange(1, 40))))
        before = list(lake.negotiated), list(lake.moves)
        change_something(lake, dice)
        stepwise.build(tested=step == 2, full=(lake.negotiated, lake.moves) != before)
    at_once = Warehouse(lake, manifest, "at_once")
    at_once.build(full=True, tested=False)
    assert differences(stepwise, at_once) == {}
    if seed == 0:  # A full rebuild over what is there forgets all of it.
        stepwise.build(full=True, tested=False)
        assert differences(stepwise, at_once) == {}


def test_an_aborted_build_is_healed_by_the_next(lake: Lake, manifest: Manifest):
    broken = Warehouse(lake, manifest, "broken")
    lake.land(lake.row(request="one"), lake.row(request="two", project="web"))
    broken.build(tested=False)
    lake.land(lake.row(request="three"), lake.row(request="one"))
    lake.withhold("acme", "web", SINCE_EVER, "project_archived")
    lake.write_exports()
    # The build dies with the 15-minute roll-up written and the daily one not: nothing was published.
    died = broken.run("run", "--select", "+mart_spend_15min", "stg_request_repeats")
    assert died.success, failures(died)
    lake.land(lake.row(request="four", requested_at=RECEIVED))
    broken.build()
    whole = Warehouse(lake, manifest, "whole")
    whole.build(full=True, tested=False)
    assert differences(broken, whole) == {}


def test_withheld_rows_leave_and_come_back(lake: Lake, warehouse: Warehouse):
    def visible() -> int:
        sql = "select coalesce(sum(requests), 0) as n from {} where withheld_reason is null"
        counts = {warehouse.query(sql.format(m))[0]["n"] for m in ("mart_spend_15min", "mart_spend_daily")}
        counts |= {warehouse.query("select count(*) as n from fct_requests where withheld_reason is null")[0]["n"]}
        (count,) = counts
        return int(count)

    lake.land(lake.row(received_at=RECEIVED), lake.row(received_at=RECEIVED + timedelta(hours=1)))
    warehouse.build(tested=False)
    assert visible() == 2
    lake.withhold("acme", "api", RECEIVED + timedelta(minutes=1), "project_archived")
    warehouse.build(tested=False)
    assert visible() == 1
    lake.withhold("acme", "api", None, None)
    warehouse.build()
    assert visible() == 2


def test_a_model_that_becomes_known_is_priced_from_the_start(
    lake: Lake, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
):
    lake.land(lake.row(provider="openai", model="gpt-5"))
    known = lake.models
    monkeypatch.setattr(lake, "models", set())
    warehouse.build(tested=False)
    unrated = "select unrated_requests as n from mart_spend_daily"
    assert warehouse.query(unrated) == [{"n": 1}]
    monkeypatch.setattr(lake, "models", known)
    warehouse.build(full=True)
    assert warehouse.query(unrated) == [{"n": 0}]
