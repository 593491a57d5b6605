"""What accepted recommendations saved, with figures reckoned by hand.

A request costs $4.50 per 1,000 on Sonnet and $1.50 on Haiku.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.dbt_project.analysis_sql import MORNING, SONNET, TODAY, AnalysisSql, Row, decision, fact, named

COST = 4_500_000_000
NIGHT = TODAY + timedelta(hours=2)
MINUTE = timedelta(minutes=1)
HAIKU = "claude-haiku-4-5"
ABOUT = {"check_id": "model_swap", "project": "atlas", "provider": "anthropic", "model": SONNET}


def days(first: int, last: int, count: int = 20, **changes: Any) -> list[Row]:
    """Return requests of the days so many days before today."""
    name = "-".join(map(str, (first, last, count, *changes.values())))
    return [
        fact(f"{name} {day} {n}", at=MORNING - timedelta(days=day) + n * MINUTE, **changes)
        for day in range(last, first + 1)
        for n in range(count)
    ]


ACCEPTED = {**ABOUT, "other_model": HAIKU, "quoted_saving_picousd": 7}


def savings(analysis_sql: AnalysisSql, facts: list[Row], *decisions: Row) -> list[Row]:
    return analysis_sql.run(facts, decisions).ask("from mart_savings_realised order by decided_at, decision_id")


def test_an_accepted_swap_is_measured_at_the_mix_of_the_calls_after_it(analysis_sql: AnalysisSql):
    """Short calls cost $4.50 per 1,000 before and $1.50 after; calls of a length never seen before are left out."""
    facts = [*days(20, 11), *days(9, 0, model=HAIKU), *days(9, 0, 5, model=HAIKU, tokens=(70_000, 0, 0, 0, 10))]
    (found,) = savings(analysis_sql, facts, decision("accept", at=MORNING - timedelta(days=10), **ACCEPTED))
    assert (found["state"], found["unit"]) == ("measured", "requests")
    assert (found["requests_before"], found["requests_after"], found["units_compared"]) == (200, 250, 200)
    assert found["before_per_1000_picousd"] == 1000 * COST
    assert found["after_per_1000_picousd"] == 1000 * 1_500_000_000
    assert found["saving_low_per_1000_picousd"] == found["saving_high_per_1000_picousd"] == 1000 * 3_000_000_000
    assert found["realised_picousd"] == 200 * 3_000_000_000
    assert (str(found["before_from"]), str(found["after_from"])) == ("2026-10-11", "2026-11-11")


def test_a_change_of_mix_is_no_saving(analysis_sql: AnalysisSql):
    """Twice as many short calls and half as many long ones, each at the price it always had."""
    long = {"tokens": (5000, 0, 0, 0, 100)}
    facts = [*days(20, 11, 10), *days(20, 11, 10, **long), *days(9, 0, 20), *days(9, 0, 5, **long)]
    (found,) = savings(analysis_sql, facts, decision("accept", at=MORNING - timedelta(days=10), **ACCEPTED))
    assert (found["state"], found["realised_picousd"]) == ("measured", 0)


def test_what_costs_more_since_has_regressed(analysis_sql: AnalysisSql):
    facts = [*days(20, 11), *days(9, 0, cost_priced_picousd=2 * COST)]
    (found,) = savings(analysis_sql, facts, decision("accept", at=MORNING - timedelta(days=10), **ACCEPTED))
    assert (found["state"], found["realised_picousd"]) == ("regressed", -200 * COST)


def test_an_interval_is_as_wide_as_days_differ_and_always_the_same(analysis_sql: AnalysisSql):
    facts = days(20, 11)
    for day in range(10):
        facts += days(day, day, cost_priced_picousd=COST // 2 + day * COST // 8)
    accepted = decision("accept", at=MORNING - timedelta(days=10), **ACCEPTED)
    (found,), (again,) = savings(analysis_sql, facts, accepted), savings(analysis_sql, facts[::-1], accepted)
    mean = 1000 * (COST - (COST // 2 + sum(day * COST // 8 for day in range(10)) // 10))
    assert found["saving_low_per_1000_picousd"] < mean < found["saving_high_per_1000_picousd"]
    assert found["saving_low_per_1000_picousd"] < 0 < found["saving_high_per_1000_picousd"]
    assert found == again


@pytest.mark.parametrize(
    ("before", "after"),
    [(days(20, 11), days(5, 0)), (days(14, 11), days(9, 0)), (days(20, 11), days(9, 0, 5)), ([], [])],
)
def test_too_little_is_not_enough_data(analysis_sql: AnalysisSql, before: list[Row], after: list[Row]):
    accepted = decision("accept", at=MORNING - timedelta(days=10), **ACCEPTED)
    (found,) = savings(analysis_sql, [*before, *after], accepted)
    assert (found["state"], found["realised_picousd"], found["before_per_1000_picousd"]) == ("not_enough_data", 0, None)


def test_decisions_that_overlap_are_measured_as_one_or_one_after_the_other(analysis_sql: AnalysisSql):
    facts = [*days(29, 20), *days(18, 9, model=HAIKU), *days(7, 0, model=HAIKU, cost_priced_picousd=10**9)]
    first = decision("accept", at=MORNING - timedelta(days=19), name="first", **ACCEPTED)
    beside = decision("accept", at=NIGHT - timedelta(days=18), name="beside", **{**ACCEPTED, "check_id": "batch_api"})
    later = {**ACCEPTED, "model": HAIKU, "other_model": None, "check_id": "prompt_cache_missing"}
    second = decision("accept", at=MORNING - timedelta(days=8), name="second", **later)
    one, two, three = savings(analysis_sql, facts, first, beside, second)
    assert str(one["decision_id"]) == str(two["counted_with"]) == named("first")
    assert (two["realised_picousd"], two["state"]) == (0, one["state"])
    assert one["realised_picousd"] == 180 * 3_000_000_000  # from the day after the second of the two, to the next one's
    assert three["realised_picousd"] == 160 * 500_000_000
    assert one["after_until"] < three["after_from"]


def test_calls_without_a_hash_are_prompts_of_their_own_whether_it_is_absent_or_empty(analysis_sql: AnalysisSql):
    """Half as many calls, each at the price it always had, save nothing by prompt."""
    facts = [{**row, "prompt_hash": ""} for row in (*days(20, 11), *days(9, 0, 10))]
    accepted = decision("accept", at=MORNING - timedelta(days=10), **{**ABOUT, "check_id": "duplicate_requests"})
    (found,) = savings(analysis_sql, facts, accepted)
    assert (found["unit"], found["units_after"], found["realised_picousd"]) == ("distinct_prompts", 100, 0)


def test_asking_less_often_is_measured_by_prompt(analysis_sql: AnalysisSql):
    """Every prompt five times a day before, once after: $22.50 per 1,000 prompts, then $4.50."""
    before = [{**row, "prompt_hash": f"{row['requested_on']} {n % 4}"} for n, row in enumerate(days(20, 11))]
    about = {**ABOUT, "check_id": "duplicate_requests"}
    accepted = decision("accept", at=MORNING - timedelta(days=10), **about)
    (found,) = savings(analysis_sql, [*before, *days(9, 0)], accepted)
    assert (found["unit"], found["units_compared"], found["state"]) == ("distinct_prompts", 200, "measured")
    assert (found["before_per_1000_picousd"], found["after_per_1000_picousd"]) == (5000 * COST, 1000 * COST)
