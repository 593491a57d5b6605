"""Requests count for the project the newest fitting decision names, whatever decisions there are."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pipelines.verify.attribution import Reattribution, Reattributions
from tests.dbt_project.lake_builder import RECEIVED, Lake, named_uuid
from tests.dbt_project.warehouse import Warehouse

ACME = named_uuid("acme")
NOON = datetime(2026, 11, 19, 12, tzinfo=UTC)
TICK = timedelta(microseconds=1)
SLUGS = ("api", "web", "ops", "(not shared)")
HOURS = [None, *(NOON + timedelta(hours=hour) for hour in range(6))]


def move(decision_number: int, from_project: str, to_project: str, **reach: Any) -> Reattribution:
    return replace(Reattribution(ACME, decision_number, from_project, to_project), **reach)


def counted(warehouse: Warehouse) -> dict[str, tuple[str, str]]:
    rows = warehouse.query("select request_id, project, project_as_logged from fct_requests")
    return {str(row["request_id"]): (row["project"], row["project_as_logged"]) for row in rows}


def test_decisions_worked_out_by_hand(lake: Lake, warehouse: Warehouse):
    at_noon: dict[str, Any] = {"requested_at": NOON}
    rows = {
        "swapped": (lake.row(project="api", **at_noon), "web"),
        "swapped back": (lake.row(project="web", **at_noon), "api"),
        "unnamed": (lake.row(project=None, **at_noon), "ops"),
        "the newer decision": (lake.row(project="ops", requested_at=NOON + TICK), "api"),
        "the last instant": (lake.row(project="ops", requested_at=NOON + timedelta(hours=1) - TICK), "api"),
        "the instant after": (lake.row(project="ops", requested_at=NOON + timedelta(hours=1)), "web"),
        "before it": (lake.row(project="ops", requested_at=NOON - TICK), "web"),
        "one device": (lake.row(project="api", device="ci", **at_noon), "ops"),
        "an older one for a device": (lake.row(project="ops", device="ci", **at_noon), "api"),
        "another workspace": (lake.row("other", project="api", **at_noon), "api"),
    }
    lake.land(*(row for row, _ in rows.values()))
    hour: dict[str, Any] = {"starts_at": NOON, "ends_at": NOON + timedelta(hours=1)}
    lake.moves = [
        move(1, "ops", "web"),
        move(2, "ops", "(not shared)", device_id=named_uuid("acme/ci")),
        move(3, "ops", "api", **hour),
        move(4, "api", "web"),
        move(5, "web", "api"),
        move(6, "api", "ops", device_id=named_uuid("acme/ci")),
        move(7, "(not shared)", "ops"),
    ]
    warehouse.build()
    found = counted(warehouse)
    assert {name: found[row["request_id"]][0] for name, (row, _) in rows.items()} == {
        name: project for name, (_, project) in rows.items()
    }
    assert {found[row["request_id"]][1] for row, _ in rows.values()} == set(SLUGS)
    by_mart = "select project, sum(requests)::int as n from {} where workspace_id = ? group by project order by 1"
    for mart in ("mart_spend_15min", "mart_spend_daily", "mart_spend_monthly"):
        counts = warehouse.query(by_mart.format(mart).replace("?", f"'{ACME}'"))
        assert counts == [{"project": "api", "n": 4}, {"project": "ops", "n": 2}, {"project": "web", "n": 3}]


def test_any_decisions_give_what_the_plain_model_says(lake: Lake, warehouse: Warehouse):
    dice = random.Random(20261122)
    workspaces = [f"w{number}" for number in range(24)]
    rows = [
        lake.row(
            dice.choice(workspaces),
            device=dice.choice(["laptop", "ci"]),
            project=dice.choice([*SLUGS[:3], None]),
            requested_at=NOON + timedelta(minutes=15 * dice.randrange(-4, 28)) - dice.choice([timedelta(0), TICK]),
        )
        for _ in range(6000)
    ]
    lake.land(*rows)
    for workspace in workspaces:
        for decision_number in range(1, dice.randrange(1, 14)):
            source, target = dice.sample(SLUGS, 2)
            begin, end = dice.choice(HOURS), dice.choice(HOURS)
            if begin is not None and end is not None and begin >= end:
                begin = None
            device = dice.choice([None, None, named_uuid(f"{workspace}/laptop"), named_uuid(f"{workspace}/ci")])
            lake.moves.append(Reattribution(named_uuid(workspace), decision_number, source, target, device, begin, end))
    warehouse.build(tested=False)
    model = Reattributions(lake.moves)
    expected = {}
    for row in rows:
        logged = row["project"] or "(not shared)"
        project = model.project_of(row["workspace_id"], logged, row["device_id"], row["requested_at"])
        expected[row["request_id"]] = project, logged
    assert counted(warehouse) == expected
    moved = sum(project != logged for project, logged in expected.values())
    assert len(rows) / 4 < moved < len(rows)


def test_withholding_follows_the_project_a_request_counts_for(lake: Lake, warehouse: Warehouse):
    lake.land(*(lake.row(project=slug) for slug in ("api", "web", "ops", "old")))
    for slug in ("api", "old"):
        lake.withhold("acme", slug, RECEIVED, "project_archived")
    lake.moves = [move(1, "api", "web"), move(2, "ops", "old")]
    warehouse.build(tested=False)
    found = warehouse.query("select project_as_logged as project, withheld_reason as reason from fct_requests")
    assert {row["project"]: row["reason"] for row in found} == {
        "api": None,
        "web": None,
        "ops": "project_archived",
        "old": "project_archived",
    }
