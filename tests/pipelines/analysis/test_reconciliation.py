"""The log against the bills, worked out by hand in picodollars and held against the published analysis."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from pipelines.lake.paths import Home
from tests.pipelines.analysis.asking import ask
from tests.pipelines.analysis.golden import CLOSE, GOLDEN
from tests.pipelines.analysis.studio import STUDIO
from tests.pipelines.lake_builder import named_id

NONE_OF_THEM = dict.fromkeys(
    ("unpriced", "price_difference", "discount", "credits", "adjustments", "tier_or_context", "timing",
     "missing_calls", "rounding", "unexplained"), 0,
)  # fmt: skip


@pytest.fixture(scope="module")
def say(golden_home: Home) -> Callable[..., Any]:
    """Asks the published analysis about the workspace."""

    def asked(sql: str, *parameters: object) -> Any:
        return ask(golden_home, sql, GOLDEN, *parameters)

    return asked


def parts(say: Callable[..., Any], provider: str, day: str) -> dict[str, int]:
    found = say(
        "select part, amount_picousd from mart_variance_parts"
        " where workspace_id = ? and provider = ? and first_day = ? order by position",
        provider,
        day,
    )
    assert [part for part, _ in found] == list(NONE_OF_THEM)
    return dict(found)


def test_every_cause_of_a_days_variance_has_its_exact_amount(say: Callable[..., Any]) -> None:
    """The 5th of October: logged 0.863 USD, billed 1.605503 - 0.05 + 0.001 = 1.556503 USD."""
    assert parts(say, "anthropic", "2026-10-05") == {
        "unpriced": -90_000_000_000,  # 20,000 x 3 + 2,000 x 15 USD per million
        "price_difference": 5_000_000_000,  # logged 0.05 USD, 0.045 by the rate book
        "discount": 100_000_000_000,  # list 1.705503, billed 1.605503
        "credits": 50_000_000_000,
        "adjustments": -1_000_000_000,
        "tier_or_context": -757_500_000_000,  # logged 0.765, 250,000 x 6 + 1,000 x 22.50 per million = 1.5225
        "timing": 0,
        "missing_calls": 0,
        "rounding": -3_000_000,  # 0.003003 logged as 0.003
        "unexplained": 0,
    }
    assert say(
        "select logged_picousd, billed_picousd, variance_picousd, colour, source, tax_picousd, prepaid_picousd"
        " from mart_reconciliation_daily where workspace_id = ? and provider = 'anthropic' and utc_day = '2026-10-05'"
    ) == [
        (
            863_000_000_000, 1_556_503_000_000, -693_503_000_000, "red", "anthropic_analytics", 200_000_000_000,
            20_000_000_000_000,
        )
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("provider", "day", "expected"),
    [
        ("anthropic", "2026-10-06", {"missing_calls": -90_000_000_000}),  # 20,000 and 2,000 tokens nobody logged
        ("anthropic", "2026-10-07", {"tier_or_context": 150_000_000_000}),  # batch at half the price
        ("anthropic", "2026-10-08", {"timing": 45_000_000_000}),  # two minutes before midnight
        ("anthropic", "2026-10-09", {"timing": -45_000_000_000}),
        ("anthropic", "2026-10-10", {}),  # 0.300003 USD, logged and typed as 0.30
        ("openai", "2026-10-11", {"unexplained": -198_000_000_000_000}),  # 2 USD against 200
        ("openai", "2026-09-01", {"unexplained": -20_000_000_000}),  # 9.98 USD against 10, of the month as a whole
    ],
)
def test_each_cause_alone(say: Callable[..., Any], provider: str, day: str, expected: dict[str, int]) -> None:
    assert parts(say, provider, day) == NONE_OF_THEM | expected


def test_a_part_tells_its_requests_or_why_there_are_none(say: Callable[..., Any]) -> None:
    found = say(
        "select first_day::varchar, part, requests, reason from mart_variance_parts"
        " where workspace_id = ? and provider = 'anthropic'"
    )
    told = {(day, part): (requests, reason) for day, part, requests, reason in found}
    assert told["2026-10-05", "unpriced"] == (1, "valued_by_the_rate_book")
    assert told["2026-10-05", "tier_or_context"] == (1, "logged_without_tier_or_context")
    assert told["2026-10-05", "timing"] == (0, "request_counts_agree")
    assert told["2026-10-05", "credits"] == (None, "stated_on_the_bill")
    assert told["2026-10-05", "rounding"] == (2, "logged_in_whole_millicents")
    assert told["2026-10-06", "missing_calls"] == (1, "valued_by_their_tokens")
    assert told["2026-10-06", "unpriced"] == (0, "every_cost_is_known")
    assert told["2026-10-07", "tier_or_context"] == (0, "billed_in_a_tier_not_in_the_log")
    assert told["2026-10-09", "timing"] == (1, "calls_near_midnight")
    assert told["2026-10-10", "rounding"] == (1, "whole_cents_on_the_bill")
    assert told["2026-10-10", "missing_calls"] == (None, "bill_tells_no_requests")


def test_months_compare_what_is_billed_and_leave_the_rest_waiting(say: Callable[..., Any]) -> None:
    found = say(
        "select utc_month::varchar, provider, requests, withheld_requests, logged_picousd, awaiting_picousd,"
        " billed_picousd, variance_picousd, colour, source, is_complete, unit_suspect"
        " from mart_reconciliation_monthly where workspace_id = ? order by 1, 2"
    )
    september = (2, 0, 9_980_000_000_000, 0, 10_000_000_000_000, -20_000_000_000, "green", "manual", True, None)
    assert found == [
        ("2026-09-01", "all", *september),
        ("2026-09-01", "openai", *september),
        (
            "2026-10-01", "all", 11, 1, 5_553_000_000_000, 2_000_000_000_000, 202_186_503_000_000,
            -198_633_503_000_000, "red", "several", False, "x100",
        ),
        (
            "2026-10-01", "anthropic", 9, 1, 1_553_000_000_000, 0, 2_186_503_000_000, -633_503_000_000, "red",
            "several", True, None,
        ),
        (
            "2026-10-01", "openai", 2, 0, 4_000_000_000_000, 2_000_000_000_000, 200_000_000_000_000,
            -198_000_000_000_000, "red", "openai_costs", False, "x100",
        ),
    ]  # fmt: skip


def test_the_parts_of_a_month_are_those_of_its_bills(say: Callable[..., Any]) -> None:
    assert say(
        "select utc_month::varchar, provider, sum(amount_picousd) from mart_variance_parts"
        " where workspace_id = ? and counts_in_month group by all order by all"
    ) == [
        ("2026-09-01", "openai", -20_000_000_000),
        ("2026-10-01", "anthropic", -633_503_000_000),
        ("2026-10-01", "openai", -198_000_000_000_000),
    ]


def test_a_day_within_a_months_statement_is_not_compared_by_itself(say: Callable[..., Any]) -> None:
    assert say(
        "select utc_day, billed_by, logged_picousd, awaiting_picousd, billed_picousd, colour"
        " from mart_reconciliation_daily"
        " where workspace_id = ? and provider = 'openai' and utc_day < '2026-10-01' order by 1"
    ) == [
        (date(2026, 9, 15), "period", 9_900_000_000_000, 9_900_000_000_000, None, None),
        (date(2026, 9, 16), "period", 80_000_000_000, 80_000_000_000, None, None),
    ]


def test_requests_stand_by_what_they_contribute(say: Callable[..., Any]) -> None:
    found = say(
        "select utc_day::varchar, request_id::varchar, cause, contribution_picousd from mart_divergent_requests"
        " where workspace_id = ? order by utc_day, weight_picousd desc"
    )
    assert found == [
        ("2026-10-05", named_id("request a5"), "tier_or_context", -757_500_000_000),
        ("2026-10-05", named_id("request a3"), "unpriced", -90_000_000_000),
        ("2026-10-05", named_id("request a4"), "price_difference", 5_000_000_000),
        ("2026-10-08", named_id("request d1"), "timing", 45_000_000_000),
        ("2026-10-09", named_id("request d1"), "timing", -45_000_000_000),
    ]


def test_coverage_counts_what_was_seen_of_what_was_billed(say: Callable[..., Any]) -> None:
    found = say(
        "select utc_day::varchar, key_ref, billed, seen, is_over from mart_coverage_daily"
        " where workspace_id = ? and unit = 'tokens' order by 1, 2"
    )
    assert found == [
        ("2026-10-05", "(all)", 296_001, 296_001, False),
        ("2026-10-05", "key one", 296_001, 296_001, False),
        ("2026-10-06", "(all)", 33_000, 11_000, False),
        ("2026-10-06", "key one", 33_000, 11_000, False),
        ("2026-10-07", "(all)", 100_000, 100_000, False),
        ("2026-10-07", "key two", 100_000, 100_000, False),
        ("2026-10-09", "(all)", 11_000, 0, False),
        ("2026-10-09", "key one", 11_000, 0, False),
    ]


def test_a_closed_month_that_changed_says_what_and_why(say: Callable[..., Any]) -> None:
    assert say(
        "select close_id::varchar, provider, measure, cause, said_picousd, change_picousd, now_picousd, requests"
        " from mart_restatements where workspace_id = ? order by measure"
    ) == [
        (CLOSE, "openai", "billed", "bill_restated", 9_500_000_000_000, 500_000_000_000, 10_000_000_000_000, None),
        (CLOSE, "openai", "logged", "late_requests", 9_900_000_000_000, 80_000_000_000, 9_980_000_000_000, 1),
        (CLOSE, "openai", "priced", "late_requests", 9_900_000_000_000, 80_000_000_000, 9_980_000_000_000, 1),
    ]


def test_each_workspace_has_its_own_bills_alone(golden_home: Home) -> None:
    """The only bill of a third one is of 12.34 USD."""
    acme = named_id("workspace acme")
    (row,) = ask(
        golden_home,
        "select workspace_id::varchar, provider, first_day::varchar, sum(amount_picousd) from mart_variance_parts"
        " where workspace_id not in (?, ?) group by all",
        GOLDEN,
        STUDIO,
    )
    (logged,) = ask(
        golden_home,
        "select logged_picousd from mart_reconciliation_daily"
        " where workspace_id = ? and provider = 'anthropic' and utc_day = '2026-11-19'",
        acme,
    )
    assert row == (acme, "anthropic", "2026-11-19", logged[0] - 12_340_000_000_000)
