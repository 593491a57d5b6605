"""The routes of reconciliation and coverage on the golden workspace, and before there is an analysis."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path
from typing import Any

import msgspec
import pytest
from fastapi.testclient import TestClient

from api.app import create_app
from api.dashboards.models.reconciliation import (
    CoverageAnswer,
    ReconciledDayAnswer,
    ReconciledMonthAnswer,
    ReconciliationAnswer,
)
from api.dashboards.reconciliation import variance_colour
from pipelines.lake.analysis_catalog import read_analysis_pointer
from pipelines.lake.clock import FixedClock
from pipelines.lake.database import open_database
from pipelines.lake.paths import DATABASE_VARIABLE, Home
from tests.pipelines.analysis.asking import ask
from tests.pipelines.analysis.golden import GOLDEN, KEY
from tests.pipelines.lake_builder import NOON, named_id

OCTOBER = {"range": "custom", "from": "2026-10-01", "to": "2026-10-31"}
Get = Callable[..., Any]


@contextmanager
def calling(home: Home) -> Iterator[Get]:
    """Yield calls with the workspace's key."""
    engine = open_database(home.database_url)
    app = create_app(home, engine=engine, clock=FixedClock(NOON), sends_mail=False)
    with TestClient(app) as client:

        def get(path: str, status: int = 200, **query: Any) -> Any:
            answer = client.get(f"/v1/golden/{path}", params=query, headers={"Authorization": f"Bearer {KEY}"})
            assert answer.status_code == status, answer.text
            return answer.json()

        yield get
    engine.dispose()


@pytest.fixture(scope="module")
def get(golden_home: Home) -> Iterator[Get]:
    with pytest.MonkeyPatch.context() as environment:
        environment.delenv(DATABASE_VARIABLE, raising=False)
        with calling(golden_home) as called:
            yield called


def test_months_show_log_bill_and_variance_per_provider_and_in_total(get: Get, golden_home: Home) -> None:
    answer = get("reconciliation", **{**OCTOBER, "from": "2026-09-30"})
    msgspec.convert(answer, ReconciliationAnswer)
    october, september = answer["months"]
    assert (october["month"], september["month"]) == ("2026-10", "2026-09")
    assert september["providers"] == [{**without(september), "provider": "openai"}]
    assert without(september) == {
        "requests": 2, "unpriced_requests": 0, "withheld_requests": 0, "logged_usd": "9.980000000000",
        "priced_usd": "9.980000000000", "awaiting_usd": "0.000000000000", "billed_usd": "10.000000000000",
        "variance_usd": "-0.020000000000", "variance_percent": "-0.20", "colour": "green", "source": "manual",
        "is_complete": True, "unit_suspect": None, "tax_usd": "0.000000000000", "prepaid_usd": "0.000000000000",
    }  # fmt: skip
    # 200 of the 202.19 USD are cents taken for dollars: said, and not to be charted.
    assert october["variance_usd"] == "-198.633503000000"
    assert october["unit_suspect"] == "x100"
    assert {one["provider"]: one["variance_percent"] for one in october["providers"]} == {
        "anthropic": "-28.97",  # 0.633503 of 2.186503
        "openai": "-99.00",
    }
    assert october["path"] == "/golden/reconciliation/2026-10?range=custom&from=2026-09-30&to=2026-10-31"
    pointer = read_analysis_pointer(golden_home)
    assert pointer is not None
    assert (answer["analysis_id"], answer["build_id"]) == (pointer.analysis_id, pointer.build_id)
    assert (answer["analysis_state"], answer["is_behind"]) == ("ready", False)
    assert answer["data_as_of"] == "2026-11-20T12:00:00Z"


def test_spend_is_told_by_the_way_its_project_was_found(get: Get) -> None:
    (october,) = get("reconciliation", **OCTOBER)["months"]
    assert october["tiers"] == [
        {
            "attribution_method": "git",
            "requests": 10,  # the archived project's call is withheld
            "unpriced_requests": 1,
            "cost_usd": "5.25300",
            "share_percent": "100.00",
        }
    ]


def test_totals_in_answers_are_those_of_the_marts(get: Get, golden_home: Home) -> None:
    columns = "logged_picousd, awaiting_picousd, billed_picousd, variance_picousd"
    for month in get("reconciliation", **{**OCTOBER, "from": "2026-09-01"})["months"]:
        (row,) = ask(
            golden_home,
            f"select {columns}, colour from mart_reconciliation_monthly"
            " where workspace_id = ? and provider = 'all' and utc_month = ?",
            GOLDEN,
            f"{month['month']}-01",
        )
        told = [month[f"{name}_usd"] for name in ("logged", "awaiting", "billed", "variance")]
        assert [int(Decimal(text) * 10**12) for text in told] == list(row[:4])
        assert month["colour"] == row[4]


def test_a_provider_filter_narrows_totals_and_what_bills_do_not_know_is_said(get: Get) -> None:
    answer = get("reconciliation", **OCTOBER, provider="anthropic", project="atlas", model="x")
    (october,) = answer["months"]
    assert [one["provider"] for one in october["providers"]] == ["anthropic"]
    assert (october["variance_usd"], october["unit_suspect"]) == ("-0.633503000000", None)
    assert answer["ignored_filters"] == ["model", "project"]
    assert get("reconciliation", status=422, cost_centre="x")["error"]["code"] == "unknown_parameter"


def test_a_month_by_day_with_its_parts_and_what_was_restated(get: Get) -> None:
    answer = get("reconciliation/2026-10")
    msgspec.convert(answer, ReconciledMonthAnswer)
    assert [day["day"][-2:] for day in answer["days"]] == ["05", "06", "07", "08", "09", "10", "11", "12"]
    assert sum_of(answer["parts"]) == Decimal(answer["month"]["variance_usd"])
    assert sum(Decimal(day["variance_usd"] or 0) for day in answer["days"]) == Decimal(answer["month"]["variance_usd"])
    last = answer["days"][-1]
    assert (last["billed_usd"], last["colour"], last["awaiting_usd"]) == (None, None, "2.000000000000")
    september = get("reconciliation/2026-09")
    assert {(one["measure"], one["cause"], one["change_usd"]) for one in september["restatements"]} == {
        ("billed", "bill_restated", "0.500000000000"),
        ("logged", "late_requests", "0.080000000000"),
        ("priced", "late_requests", "0.080000000000"),
    }
    assert {day["billed_by"] for day in september["days"]} == {"period"}


def test_a_day_leads_to_the_requests_that_contribute_most(get: Get) -> None:
    whole = get("reconciliation/days/2026-10-05")
    msgspec.convert(whole, ReconciledDayAnswer)
    assert [one["request_id"] for one in whole["requests"]] == [named_id(f"request a{name}") for name in (5, 3, 4)]
    (bill,) = whole["billed"]
    assert sum_of(bill["parts"]) == Decimal(bill["variance_usd"]) == Decimal("-0.693503")
    first = whole["requests"][0]
    assert (first["contribution_usd"], first["cause"]) == ("-0.757500000000", "tier_or_context")
    trace = get(first["path"].removeprefix("/golden/"))
    assert trace["request"]["request_id"] == first["request_id"]
    path, _, query = first["audit_path"].removeprefix("/golden/").partition("?")
    entries = get(path, **dict(pair.split("=") for pair in query.split("&")))["entries"]
    assert [entry["resource"]["id"] for entry in entries] == [first["request_id"]]


def test_pages_of_a_days_requests_follow_each_other(get: Get) -> None:
    path = "reconciliation/days/2026-10-05"
    whole = get(path)["requests"]
    cursor, found = {}, []
    for _ in whole:
        page = get(path, limit=1, **cursor)
        found += page["requests"]
        assert (page["next_path"] is None) == (page["next_cursor"] is None)
        cursor = {"cursor": page["next_cursor"]}
    assert found == whole
    assert cursor == {"cursor": None}
    assert get(path, project="no-such")["requests"] == []
    for wrong in ("x", "w1:1:2", "cjE6MTox"):
        assert get(path, status=422, cursor=wrong)["error"]["code"] == "invalid_filter"
    assert get(path, status=422, search="x")["error"]["code"] == "unknown_parameter"


def test_coverage_of_the_range(get: Get) -> None:
    answer = get("coverage", **OCTOBER)
    msgspec.convert(answer, CoverageAnswer)
    (anthropic,) = answer["providers"]
    units = {one["unit"]: one for one in anthropic["units"]}
    # 5 of 5, 1 of 2, 1 of 1, and 0 of 1, which is the one that was made two minutes before midnight.
    assert units["requests"] == {
        "unit": "requests", "billed": 9, "seen": 7, "covered": 7, "share_percent": "77.78", "is_over": False,
    }  # fmt: skip
    assert (units["tokens"]["seen"], units["tokens"]["billed"]) == (407_001, 440_001)
    assert [(key["key_ref"], key["unknown_days"]) for key in anthropic["keys"]] == [("key one", 0), ("key two", 0)]
    assert [day["day"] for day in anthropic["days"]] == ["2026-10-05", "2026-10-06", "2026-10-07", "2026-10-09"]
    assert get("coverage", **OCTOBER, provider="openai")["providers"] == []


@pytest.mark.parametrize("path", ["2026-13", "2026-1", "october", "2026-10-05", "days/2026-02-30", "days/5", "1999-01"])
def test_what_is_no_month_or_day_is_not_found(get: Get, path: str) -> None:
    assert get(f"reconciliation/{path}", status=404)["error"]["code"] in {"month_not_found", "day_not_found"}


def test_before_the_first_analysis_answers_say_that_it_is_not_ready(golden_home: Home, tmp_path: Path) -> None:
    home = Home(tmp_path / "home")
    shutil.copytree(golden_home.root, home.root, ignore=shutil.ignore_patterns("warehouse", "dagster", "analysis"))
    home.analysis_pointer.unlink()
    with calling(home) as get_there:
        for path in ("reconciliation", "reconciliation/2026-10", "reconciliation/days/2026-10-05", "coverage"):
            answer = get_there(path)
            assert (answer["analysis_state"], answer["analysis_id"]) == ("not_ready", None)
            assert (answer["build_id"], answer["data_as_of"]) == (None, None)
        assert get_there("reconciliation")["months"] == []
        assert get_there("reconciliation/2026-10")["month"]["colour"] is None


def test_colours_change_at_exactly_half_a_percent_two_percent_and_five_cents() -> None:
    hundred = 100 * 10**12
    assert [variance_colour(v, hundred) for v in (5 * 10**11 - 1, 5 * 10**11, 2 * 10**12, 2 * 10**12 + 1)] == [
        "green", "amber", "amber", "red",
    ]  # fmt: skip
    assert variance_colour(-(2 * 10**12) - 1, hundred) == "red"
    assert [variance_colour(v, 0) for v in (5 * 10**10 - 1, 5 * 10**10)] == ["green", "red"]
    assert variance_colour(5 * 10**10, -(10**12)) == "red"


def without(month: dict[str, Any]) -> dict[str, Any]:
    """Return the comparison alone."""
    more = {"month", "statements_across", "providers", "tiers", "path"}
    return {name: value for name, value in month.items() if name not in more}


def sum_of(parts: list[dict[str, Any]]) -> Decimal:
    return sum((Decimal(one["amount_usd"]) for one in parts), Decimal(0))
