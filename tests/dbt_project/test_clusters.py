"""Clusters of every kind, with figures reckoned by hand.

A request costs $0.0045 (1,000 tokens in at $3, 100 out at $15 a million), 4,500,000,000 picodollars, unless it says so.
"""

from __future__ import annotations

from datetime import timedelta

from tests.dbt_project.analysis_sql import MORNING, SONNET, AnalysisSql, fact, named

COST = 4_500_000_000
SECOND = timedelta(seconds=1)


def test_an_exact_duplicate_costs_all_but_its_first_answer(analysis_sql: AnalysisSql):
    same = {"prompt_hash": "same"}
    facts = [
        fact("first", **same),
        fact("second", at=MORNING + timedelta(days=1) - timedelta(days=3), device_id=named("other"), **same),
        fact("third", at=MORNING + timedelta(hours=1), **same),
        fact("failed", at=MORNING + timedelta(hours=2), status="error", **same),
        fact("of another project", project="borealis", **same),
        fact("of another model", model="claude-haiku-4-5", **same),
        fact("withheld", withheld_reason="project_archived", **same),
        fact("imputed", spend_kind="subscription_imputed", **same),
        fact("without a hash", prompt_hash=None),
        fact("with an empty one", prompt_hash=""),
        fact("with an empty one too", prompt_hash=""),
    ]
    (found,) = analysis_sql.run(facts).clusters("exact_duplicate")
    assert (found["requests"], found["devices"], found["projects"], found["project"]) == (3, 2, 2, "atlas")
    assert (found["spend_picousd"], found["repeat_cost_picousd"]) == (3 * COST, 2 * COST)
    assert found["estimated_saving_picousd"] == 2 * COST
    assert [str(one) for one in found["sample_request_ids"]] == [
        named(f"request {name}") for name in ("second", "first", "third")
    ]
    assert (found["first_seen_at"], found["last_seen_at"]) == (
        (MORNING - timedelta(days=2)).replace(tzinfo=None),
        (MORNING + timedelta(hours=1)).replace(tzinfo=None),
    )


def test_what_the_provider_calls_by_one_id_is_one_call(analysis_sql: AnalysisSql):
    """A relay that reuses an id, or a call reported twice; a caller's own key says nothing of the kind."""
    same = {"prompt_hash": "same", "extra_json": '{"provider_request_id": "req_1"}'}
    facts = [fact("a", **same), fact("b", at=MORNING + SECOND, **same), fact("c", at=MORNING + 2 * SECOND, **same)]
    assert analysis_sql.run(facts).ask("from mart_clusters") == []
    failing = [{**one, "status": "error"} for one in facts]
    assert analysis_sql.run(failing).clusters("retry_storm") == []
    keyed = [{**one, "extra_json": None, "idempotency_key": "one"} for one in facts]
    assert [one["requests"] for one in analysis_sql.run(keyed).clusters("exact_duplicate")] == [3]


def test_an_empty_provider_id_tells_no_calls_apart_and_makes_none_one(analysis_sql: AnalysisSql):
    same = {"prompt_hash": "same", "extra_json": '{"provider_request_id": ""}'}
    facts = [fact(f"{n}", at=MORNING + n * SECOND, **same) for n in range(3)]
    assert [one["requests"] for one in analysis_sql.run(facts).clusters("exact_duplicate")] == [3]


def test_two_requests_of_one_provider_id_and_different_prompts_both_count(analysis_sql: AnalysisSql):
    relayed = {"extra_json": '{"provider_request_id": "req_1"}'}
    facts = [
        fact(f"{prompt}{number}", prompt_hash=prompt, at=MORNING + number * SECOND, **(relayed if number == 0 else {}))
        for prompt in ("one", "two")
        for number in range(2)
    ]
    assert [one["requests"] for one in analysis_sql.run(facts).clusters("exact_duplicate")] == [2, 2]


def test_a_retry_storm_follows_errors_within_seconds_of_their_end(analysis_sql: AnalysisSql):
    """Calls of ten seconds, tried again within 30 seconds of failing: two failures and the success that was wanted."""
    same = {"prompt_hash": "same", "latency_ms": 10_000.0}
    failed = {"status": "error", "tokens": (1000, 0, 0, 0, 0), **same}  # $0.003 each
    facts = [
        fact("failed", **failed),
        fact("failed again", at=MORNING + 40 * SECOND, **failed),
        fact("succeeded", at=MORNING + 80 * SECOND, **same),
        fact("asked again in peace", at=MORNING + 95 * SECOND, **same),
        fact("by another machine", at=MORNING + 5 * SECOND, device_id=named("other"), **same),
        *(fact(f"too late {n}", at=MORNING + timedelta(hours=1 + n), **failed) for n in range(3)),
    ]
    (found,) = analysis_sql.run(facts).clusters("retry_storm")
    assert (found["requests"], found["devices"]) == (3, 1)
    assert (found["spend_picousd"], found["repeat_cost_picousd"]) == (6_000_000_000 + COST, 3_000_000_000 + COST)
    assert found["estimated_saving_picousd"] == 6_000_000_000
    assert found["evidence"] == '{"storms":1,"longest":3,"errors":2}'


def test_a_storm_without_a_success_wastes_all_but_its_first_attempt(analysis_sql: AnalysisSql):
    facts = [fact(f"{n}", at=MORNING + n * SECOND, status="error", prompt_hash="same") for n in range(4)]
    (found,) = analysis_sql.run(facts).clusters("retry_storm")
    assert (found["requests"], found["estimated_saving_picousd"]) == (4, 3 * COST)


def test_a_storm_of_fewer_than_three_attempts_is_none(analysis_sql: AnalysisSql):
    same = {"prompt_hash": "same"}
    facts = [fact("failed", status="error", **same), fact("succeeded", at=MORNING + 2 * SECOND, **same)]
    assert analysis_sql.run(facts).clusters("retry_storm") == []


def test_a_loop_is_ten_calls_of_one_machine_within_ten_minutes(analysis_sql: AnalysisSql):
    """Ten calls a minute apart are one, and so is the eleventh; nine by another machine are not."""
    same = {"prompt_hash": "same"}
    facts = [
        *(fact(f"loop {n}", at=MORNING + n * timedelta(minutes=1), **same) for n in range(11)),
        *(fact(f"other {n}", at=MORNING + n * SECOND, device_id=named("other"), **same) for n in range(9)),
        *(fact(f"slow {n}", at=MORNING + n * timedelta(minutes=2), prompt_hash="slow") for n in range(12)),
        fact("long before", at=MORNING - timedelta(days=1), **same),
    ]
    (found,) = analysis_sql.run(facts).clusters("loop")
    assert (found["requests"], str(found["device_id"])) == (11, named("laptop"))
    assert found["estimated_saving_picousd"] == found["repeat_cost_picousd"] == 10 * COST
    assert found["evidence"] == '{"seconds":600,"errors":0}'


def test_an_answer_could_have_been_kept_for_an_hour_from_its_last_use(analysis_sql: AnalysisSql):
    same = {"prompt_hash": "same"}
    minutes = (0, 60, 110, 171)  # used again after 60 and 50 minutes, then after 61
    facts = [fact(f"at {one}", at=MORNING - timedelta(hours=5) + one * timedelta(minutes=1), **same) for one in minutes]
    (found,) = analysis_sql.run(facts).clusters("response_cache")
    assert (found["requests"], found["repeat_cost_picousd"]) == (4, 3 * COST)
    assert found["estimated_saving_picousd"] == 2 * COST
    assert found["evidence"] == '{"hits":2,"seconds_to_live":3600}'


def test_a_prompt_cache_saves_the_input_less_reading_and_writing_it(analysis_sql: AnalysisSql):
    """2,000 tokens three times: two reads save $2.70 a million each, one write costs $0.75 a million more."""
    same = {"prompt_hash": "same", "tokens": (2000, 0, 0, 0, 10)}
    small = {"prompt_hash": "small", "tokens": (1023, 0, 0, 0, 10)}
    minutes = (0, 5, 10, 20)
    facts = [
        fact(f"{of['prompt_hash']} {one}", at=MORNING + one * timedelta(minutes=1), **of)
        for of in (same, small)
        for one in minutes
    ]
    (found,) = analysis_sql.run(facts).clusters("prompt_cache")
    assert (found["prompt_hash"], found["requests"], found["model"]) == ("same", 4, SONNET)
    assert found["estimated_saving_picousd"] == 2 * 2000 * 2_700_000 - 2000 * 750_000
    assert found["evidence"] == '{"tokens_sent_again":4000,"seconds_to_live":300}'


def test_a_prompt_cache_saves_nothing_of_calls_whose_cost_is_unknown(analysis_sql: AnalysisSql):
    """Their rate prices input and not all they used: what they cost is not known, nor what part of it is saved."""
    same = {"prompt_hash": "same", "tokens": (2000, 0, 0, 0, 10)}
    facts = [
        fact(f"{n}", at=MORNING + n * timedelta(minutes=1), **same) | {"cost_priced_picousd": None} for n in range(4)
    ]
    answers = analysis_sql.run(facts)
    assert answers.clusters("prompt_cache") == []
    assert answers.findings("prompt_cache_missing") == []


def test_requests_without_a_price_are_counted_and_cost_nothing(analysis_sql: AnalysisSql):
    same = {"prompt_hash": "same"}
    facts = [fact("a", **same), fact("b", at=MORNING + SECOND, cost_priced_picousd=None, rate_id=None, **same)]
    (found,) = analysis_sql.run(facts).clusters("exact_duplicate")
    assert (found["unpriced_requests"], found["spend_picousd"], found["repeat_cost_picousd"]) == (1, COST, 0)


def test_only_the_last_thirty_days_are_told_and_workspaces_stay_apart(analysis_sql: AnalysisSql):
    same = {"prompt_hash": "same"}
    other = {"workspace_id": named("other workspace"), **same}
    first_day = MORNING - timedelta(days=29)
    facts = [
        fact("of another window", at=first_day - timedelta(days=1), **same),
        fact("first", at=first_day, **same),
        fact("ahead of its time", at=MORNING + timedelta(days=1), **same),
        *(fact(f"other {n}", at=MORNING + n * SECOND, **other) for n in range(2)),
    ]
    found = analysis_sql.run(facts).clusters("exact_duplicate")
    assert sorted((str(one["workspace_id"]), one["requests"]) for one in found) == sorted(
        [(named("workspace"), 2), (named("other workspace"), 2)]
    )
    assert len({one["cluster_id"] for one in found}) == 2
