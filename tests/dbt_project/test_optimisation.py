"""Checks and findings, with figures reckoned by hand.

Prices are dollars per million tokens (`RATES`): Sonnet 3 in and 15 out, Haiku 1 and 5, Opus 4.5 5 and 25. A request is
1,000 tokens in and 100 out unless it says so: $0.0045 on Sonnet, 4,500,000,000 picodollars.
"""

from __future__ import annotations

from datetime import timedelta

import pytest

from api.optimisation.decisions import CHECKS
from tests.dbt_project.analysis_sql import (
    MORNING,
    RATES,
    SONNET,
    TODAY,
    AnalysisSql,
    Row,
    checks,
    decision,
    fact,
    named,
    rate,
)

COST = 4_500_000_000
NIGHT = TODAY + timedelta(hours=2)
MINUTE = timedelta(minutes=1)
HAIKU, OPUS = "claude-haiku-4-5", "claude-opus-4-5"


def one(analysis_sql: AnalysisSql, check: str, *facts: Row) -> Row:
    """Return all that a check finds, which is one thing."""
    (found,) = analysis_sql.run(facts).check(check)
    return found


def figures(found: Row) -> tuple[int, int, int, str]:
    return found["requests"], found["spend_picousd"], found["saving_picousd"], found["confidence"]


def test_the_checks_are_those_that_can_be_decided_about(analysis_sql: AnalysisSql):
    assert {line["check_id"] for line in checks()} == CHECKS
    assert set(analysis_sql.models) >= {f"int_check_{name}" for name in CHECKS}


def test_a_cheaper_sibling_is_priced_on_the_same_usage(analysis_sql: AnalysisSql):
    plain = one(analysis_sql, "model_swap", *(fact(f"{n}") for n in range(4)))
    assert figures(plain) == (4, 4 * COST, 4 * 3_000_000_000, "high")
    assert plain["other_model"] == HAIKU
    assert plain["confidence_reason"].startswith("100 % of the prompts are within 8,000 tokens and 100 %")


def test_a_finding_is_told_in_the_words_of_the_documentation(analysis_sql: AnalysisSql):
    (plain,) = analysis_sql.run([fact(f"{n}") for n in range(4)]).findings("model_swap")
    assert plain["sentence"] == (
        "Swap Claude Sonnet 4.6 → Claude Haiku 4.5 on atlas and save $0.01/month."
        " Based on 4 requests in the last 30 days."
    )
    heavy = {"tokens": (7000, 0, 0, 0, 1900)}
    (many,) = analysis_sql.run([fact(f"{n}", **heavy) for n in range(1200)]).findings("model_swap")
    assert many["sentence"] == (
        "Swap Claude Sonnet 4.6 → Claude Haiku 4.5 on atlas and save $40/month."
        " Based on 1,200 requests in the last 30 days."
    )


def test_what_a_sibling_may_not_manage_lowers_the_confidence_or_ends_it(analysis_sql: AnalysisSql):
    some: tuple[Row, ...] = tuple(fact(f"{n}") for n in range(19))
    thinking = fact("thinks", tokens=(1000, 0, 0, 0, 300), thinking_tokens=250)
    assert one(analysis_sql, "model_swap", *some, thinking)["confidence"] == "medium"
    assert one(analysis_sql, "model_swap", *some, fact("long", tokens=(9000, 0, 0, 0, 10)))["confidence"] == "medium"
    tool = fact("tool", request_kind="tool")
    assert one(analysis_sql, "model_swap", *some, tool)["confidence"] == "medium"
    two_long = [fact(f"long {n}", tokens=(9000, 0, 0, 0, 10)) for n in range(2)]
    assert analysis_sql.run([*some, *two_long]).check("model_swap") == []
    wordy = [fact(f"wordy {n}", tokens=(10, 0, 0, 0, 3000)) for n in range(2)]
    assert analysis_sql.run([*some, *wordy]).check("model_swap") == []


def test_a_sibling_whose_price_is_unknown_or_no_lower_is_not_proposed(analysis_sql: AnalysisSql):
    dear = [rate(HAIKU, 3, 0.3, 3.75, 6, 15)]
    others = [price for price in RATES if price["model_ref"] != HAIKU]
    assert analysis_sql.run([fact("a")], rates=others).check("model_swap") == []
    assert analysis_sql.run([fact("a")], rates=[*others, *dear]).check("model_swap") == []
    unknown = [rate(HAIKU, 1, 0.1, 1.25, 2, 5, output_picousd_per_token=None)]
    assert analysis_sql.run([fact("a")], rates=[*others, *unknown]).check("model_swap") == []


def test_a_workspaces_own_price_goes_before_everyones(analysis_sql: AnalysisSql):
    own = rate(HAIKU, 2, 0.2, 2.5, 4, 10, workspace_id=named("workspace"), rate_id="own")
    (found,) = analysis_sql.run([fact("a")], rates=[*RATES, own]).check("model_swap")
    assert found["saving_picousd"] == COST - 3_000_000_000


def test_a_newer_version_that_costs_less(analysis_sql: AnalysisSql):
    found = one(analysis_sql, "newer_version", fact("a", model=OPUS), fact("b", model=OPUS))
    assert figures(found) == (2, 2 * 7_500_000_000, 2 * 1_500_000_000, "high")
    assert found["other_model"] == "claude-opus-5-5"


@pytest.mark.parametrize(("check", "saved"), [("batch_api", COST // 2), ("flex_tier", 1_500_000_000)])
def test_what_is_asked_outside_working_hours_can_wait(analysis_sql: AnalysisSql, check: str, saved: int):
    saturday = TODAY - timedelta(days=6) + timedelta(hours=12)
    waiting = [fact("night", at=NIGHT), fact("saturday", at=saturday), fact("eight pm", at=TODAY + 20 * 60 * MINUTE)]
    found = one(analysis_sql, check, *waiting, fact("eight am", at=TODAY + 8 * 60 * MINUTE))
    assert figures(found) == (3, 3 * COST, 3 * saved, "medium")
    assert figures(one(analysis_sql, check, *waiting))[3] == "medium"  # on two days only
    nights = [fact(f"night {n}", at=NIGHT - timedelta(days=n)) for n in range(5)]
    assert figures(one(analysis_sql, check, *nights))[3] == "high"
    assert figures(one(analysis_sql, check, *nights[:1]))[3] == "low"


def test_priority_while_nobody_waits(analysis_sql: AnalysisSql):
    dear = {"service_tier": "priority"}
    found = one(analysis_sql, "priority_unneeded", fact("a", at=NIGHT, **dear), fact("b", **dear), fact("c", **dear))
    assert figures(found) == (1, 2 * COST, COST, "low")
    assert found["other_model"] == "standard"


def test_a_cache_that_is_written_and_not_read(analysis_sql: AnalysisSql):
    written = fact("written", tokens=(0, 0, 10_000, 0, 0))
    assert figures(one(analysis_sql, "cache_writes_unread", written)) == (1, 37_500_000_000, 7_500_000_000, "high")
    read = fact("read", tokens=(0, 1000, 0, 0, 0))
    assert figures(one(analysis_sql, "cache_writes_unread", written, read))[2:] == (4_800_000_000, "medium")
    often = [fact(f"read {n}", tokens=(0, 1000, 0, 0, 0)) for n in range(3)]
    assert analysis_sql.run([written, *often]).check("cache_writes_unread") == []


def test_an_hour_of_cache_where_five_minutes_would_do(analysis_sql: AnalysisSql):
    written = fact("written", tokens=(0, 0, 0, 10_000, 0))
    soon = fact("read", at=MORNING + 2 * MINUTE, tokens=(0, 10_000, 0, 0, 0))
    found = one(analysis_sql, "cache_hour_unneeded", written, soon)
    assert figures(found)[2:] == (22_500_000_000, "medium")
    paused = {**soon, "requested_at": (MORNING + 30 * MINUTE).replace(tzinfo=None)}
    assert analysis_sql.run([written, paused]).check("cache_hour_unneeded") == []


def test_five_minutes_of_cache_where_an_hour_pays(analysis_sql: AnalysisSql):
    """The second write would have been a read, $3.45 a million less; the first costs $2.25 a million more."""
    written = [fact(f"at {m}", at=MORNING + m * MINUTE, tokens=(0, 0, 10_000, 0, 0)) for m in (0, 30)]
    found = one(analysis_sql, "cache_hour_missing", *written)
    assert figures(found)[2:] == (34_500_000_000 - 22_500_000_000, "medium")
    soon = [fact(f"at {m}", at=MORNING + m * MINUTE, tokens=(0, 0, 10_000, 0, 0)) for m in (0, 4)]
    assert analysis_sql.run(soon).check("cache_hour_missing") == []


def test_the_surcharge_of_a_long_context(analysis_sql: AnalysisSql):
    found = one(analysis_sql, "long_context", fact("a", tokens=(250_000, 0, 0, 0, 1000)), fact("short"))
    assert figures(found) == (1, 1_522_500_000_000, 757_500_000_000, "high")
    assert analysis_sql.run([fact("a", tokens=(200_000, 0, 0, 0, 1000))]).check("long_context") == []


def test_thinking_far_beyond_the_answer(analysis_sql: AnalysisSql):
    """Of 4,900 tokens of thinking before 100 of answer, 1,024 may be of use: 3,876 at $15."""
    found = one(analysis_sql, "thinking_overuse", fact("a", tokens=(1000, 0, 0, 0, 5000), thinking_tokens=4900))
    assert figures(found)[2:] == (3876 * 15_000_000, "medium")
    fits = fact("fits", tokens=(1000, 0, 0, 0, 2000), thinking_tokens=1600)
    assert analysis_sql.run([fits]).check("thinking_overuse") == []


def test_short_answers_without_a_limit(analysis_sql: AnalysisSql):
    short = [fact(f"{n}", tokens=(1000, 0, 0, 0, 10)) for n in range(9)]
    runs_on = fact("runs on", tokens=(1000, 0, 0, 0, 1000))
    assert figures(one(analysis_sql, "output_limit", *short, runs_on))[2:] == (744 * 15_000_000, "low")
    assert analysis_sql.run([*short[1:], runs_on]).check("output_limit") == []


def test_errors_that_were_billed(analysis_sql: AnalysisSql):
    found = one(analysis_sql, "billed_errors", fact("a"), fact("b", status="error"))
    assert figures(found) == (2, 2 * COST, COST, "medium")


def test_clusters_are_told_by_project_and_model(analysis_sql: AnalysisSql):
    second = timedelta(seconds=1)
    twice = [fact(f"{p}{n}", at=MORNING + n * second, prompt_hash=p) for p in ("one", "two") for n in range(2)]
    answers = analysis_sql.run(twice)
    assert figures(answers.check("duplicate_requests")[0]) == (4, 4 * COST, 2 * COST, "medium")
    assert figures(answers.check("response_cache")[0]) == (4, 4 * COST, 2 * COST, "medium")
    (cached,) = analysis_sql.run(
        [fact(f"{n}", at=MORNING + n * second, prompt_hash="large", tokens=(2000, 0, 0, 0, 10)) for n in range(2)]
    ).check("prompt_cache_missing")
    assert cached["saving_picousd"] == 2000 * 2_700_000 - 2000 * 750_000
    failing = [fact(f"{n}", at=MORNING + n * second, status="error", prompt_hash="one") for n in range(10)]
    answers = analysis_sql.run(failing)
    assert figures(answers.check("retry_waste")[0]) == (10, 10 * COST, 9 * COST, "high")
    assert figures(answers.check("runaway_loops")[0]) == (10, 10 * COST, 9 * COST, "high")


def test_what_is_idle_costs_nothing_and_is_told(analysis_sql: AnalysisSql):
    at = MORNING - timedelta(days=40)
    answers = analysis_sql.run([fact("old", at=at, project="old", device_id=named("old laptop")), fact("new")])
    (project,), (devices,) = answers.check("idle_projects"), answers.check("idle_devices")
    assert project["project"] == "old"
    assert project["confidence_reason"] == "Its last request was 40 days ago, on 2026-10-11."
    assert devices["confidence_reason"].startswith("1 paired machines sent nothing for 30 days or more")
    assert figures(project) == figures(devices) == (0, 0, 0, "medium")


def test_findings_about_the_same_requests_say_so_and_count_once(analysis_sql: AnalysisSql):
    found = analysis_sql.run([fact("a", at=NIGHT), fact("b", at=NIGHT)]).findings()
    about = {row["check_id"]: row for row in found}
    assert set(about) == {"model_swap", "batch_api", "flex_tier"}
    assert about["model_swap"]["overlaps_with"] == ["batch_api", "flex_tier"]
    assert {name: row["counted_saving_picousd"] for name, row in about.items()} == {
        "model_swap": 6_000_000_000,
        "batch_api": 0,
        "flex_tier": 0,
    }


def test_the_history_holds_what_fired_whatever_was_decided(analysis_sql: AnalysisSql):
    facts = [fact("now"), *(fact(f"then {n}", at=MORNING - timedelta(days=30 * n)) for n in (1, 6, 7))]
    answers = analysis_sql.run(facts, [decision("suppress", check_id="model_swap")])
    assert answers.findings("model_swap") == []
    history = answers.ask("from mart_optimisation_history where check_id = 'model_swap' order by window_number")
    assert [(row["window_number"], str(row["window_from"]), str(row["window_until"])) for row in history] == [
        (0, "2026-10-22", "2026-11-20"),
        (1, "2026-09-22", "2026-10-21"),
        (6, "2026-04-25", "2026-05-24"),
    ]
    assert {row["saving_picousd"] for row in history} == {3_000_000_000}


def test_what_was_accepted_or_dismissed_fired_however_long_ago(analysis_sql: AnalysisSql):
    about: Row = {"check_id": "retry_waste", "project": "atlas", "provider": "anthropic", "model": SONNET}
    decisions = [
        decision("dismiss", name="one", at=TODAY - timedelta(days=900), **about),
        decision("accept", name="two", withdrawn_at=TODAY.replace(tzinfo=None), **about),
        decision("suppress", name="three", check_id="batch_api"),
    ]
    (found,) = analysis_sql.run([], decisions).ask("from mart_optimisation_decided")
    assert {name: found[name] for name in about} == about
    assert found["title"] == "Retry storms"


ABOUT = {"check_id": "model_swap", "project": "atlas", "provider": "anthropic", "model": SONNET}


@pytest.mark.parametrize(
    ("kind", "about", "left"),
    [
        ("suppress", {"check_id": "model_swap"}, 0),
        ("suppress", {"project": "atlas"}, 1),
        ("suppress", {"check_id": "model_swap", "project": "atlas"}, 1),
        ("suppress", {"check_id": "batch_api"}, 2),
        ("dismiss", ABOUT, 1),
        ("dismiss", {**ABOUT, "model": OPUS}, 2),
        ("accept", ABOUT, 2),
        ("dismiss", {**ABOUT, "withdrawn_at": TODAY.replace(tzinfo=None)}, 2),
        ("dismiss", {**ABOUT, "workspace_id": named("other workspace")}, 2),
    ],
)
def test_decisions_silence_what_they_name(analysis_sql: AnalysisSql, kind: str, about: Row, left: int):
    facts = [fact("a"), fact("b", project="borealis")]
    found = analysis_sql.run(facts, [decision(kind, **about)]).findings("model_swap")
    assert len(found) == left
    accepted = {row["project"] for row in found if row["state"] == "accepted"}
    assert accepted == ({"atlas"} if kind == "accept" else set())
