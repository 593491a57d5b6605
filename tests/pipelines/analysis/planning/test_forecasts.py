"""Forecasts of made-up months, worked out by hand, and against plain arithmetic for any."""

from __future__ import annotations

import math
from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.pipelines.analysis.planning.rendered import ACME, BUDGETS, Warehouse, days_from

DAY = timedelta(days=1)
WORKSPACE = "select * from mart_spend_forecast where scope = 'workspace'"
WAY = "select * from mart_spend_forecast_days where scope = 'workspace' order by local_day"


def built(amounts: dict[date, int], as_of: str, *, zone: str = "UTC", budget: int = 10_000) -> Warehouse:
    warehouse = Warehouse(zone, as_of=as_of)
    warehouse.spend(amounts)
    warehouse.budget(budget, alerts="50,80,100")
    warehouse.build(BUDGETS)
    return warehouse


def test_a_constant_month_ends_where_its_days_lead_and_has_no_width() -> None:
    """Ten days of 100 each, and 20 of the 11th: 20 days are left after it."""
    days = days_from(date(2026, 6, 1), [100] * 10) | {date(2026, 6, 11): 20}
    warehouse = built(days, "2026-06-11 08:00:00", budget=2_500)
    found = warehouse.one(WORKSPACE)
    assert (found["state"], found["history_days"], found["spent_millicents"]) == ("forecast", 10, 1_020)
    # Today is expected to reach its 100, and so does every day to the 30th.
    assert [found[name] for name in ("expected_millicents", "low_millicents", "high_millicents")] == [3_000] * 3
    way = warehouse.all(WAY)
    assert [row["local_day"] for row in way] == [date(2026, 6, 11) + number * DAY for number in range(20)]
    assert [row["expected_millicents"] for row in way] == [1_100 + 100 * number for number in range(20)]
    budget = warehouse.one("select * from mart_budget_forecast")
    assert (budget["is_crossed"], budget["crossing_day"]) == (False, date(2026, 6, 25))
    assert budget["earliest_crossing_day"] == date(2026, 6, 25)


def test_the_interval_of_a_short_history_is_the_one_worked_out_by_hand() -> None:
    """Eight days of 90 and 110 in turn, before the last two days of April.

    Mean 100; sum of squares 800, of 7 degrees of freedom: variance 800/7. One open day: 1 + 1/8; two: 2 + 4/8. The
    quantile at 7 degrees is 1.4142 (Student's own: 1.4149).
    """
    warehouse = built(days_from(date(2026, 4, 21), [90, 110] * 4), "2026-04-29 00:30:00")
    way = warehouse.all(WAY)
    quantile = 1.2816 + (1.2816**3 + 1.2816) / 28 + (5 * 1.2816**5 + 16 * 1.2816**3 + 3 * 1.2816) / (96 * 49)
    assert round(quantile, 3) == 1.414
    halves = [round(quantile * math.sqrt(800 / 7 * width)) for width in (1.125, 2.5)]
    assert halves == [16, 24]
    assert [row["expected_millicents"] for row in way] == [900, 1_000]
    assert [row["high_millicents"] for row in way] == [900 + 16, 1_000 + 24]
    assert [row["low_millicents"] for row in way] == [884, 976]
    assert way[0]["low_millicents"] > 800  # what is spent


def test_weekends_are_forecast_as_weekends_once_there_are_two_weeks() -> None:
    """Two weeks from Monday 1 June: 500 a working day, 10 a day at weekends. To the 30th: 12 and 4 more."""
    week = [500] * 5 + [10] * 2
    warehouse = built(days_from(date(2026, 6, 1), week * 2), "2026-06-15 00:00:00")
    found = warehouse.one(WORKSPACE)
    assert found["expected_millicents"] == 2 * (2_500 + 20) + 12 * 500 + 4 * 10
    assert found["low_millicents"] == found["high_millicents"] == found["expected_millicents"]
    # A day earlier there are thirteen days: every day is the mean of all, 5,030 / 13 = 386.9.
    short = built(days_from(date(2026, 6, 1), (week * 2)[:13]), "2026-06-14 00:00:00")
    assert short.one(WORKSPACE)["expected_millicents"] == 5_030 + 17 * 387


def test_a_quiet_day_counts_as_nothing_and_days_before_the_first_do_not_count() -> None:
    amounts = {date(2026, 6, 1): 700, date(2026, 6, 9): 100}
    found = built(amounts, "2026-06-11 00:00:00").one(WORKSPACE)
    assert (found["history_days"], found["expected_millicents"]) == (10, 800 + 20 * 80)


def test_only_eight_weeks_are_looked_back() -> None:
    old, lately = days_from(date(2026, 1, 1), [9_999] * 60), days_from(date(2026, 4, 1), [7] * 60)
    found = built(old | lately, "2026-05-31 00:00:00").one(WORKSPACE)
    assert (found["history_days"], found["expected_millicents"]) == (56, 30 * 7 + 7)


@pytest.mark.parametrize("days", [0, 1, 6])
def test_below_a_week_there_is_no_forecast(days: int) -> None:
    warehouse = built(days_from(date(2026, 6, 11) - days * DAY, [100] * days), "2026-06-11 12:00:00", budget=150)
    budget = warehouse.one("select * from mart_budget_forecast")
    assert (budget["state"], budget["history_days"]) == ("not_enough_data", days)
    assert budget["expected_millicents"] is budget["high_millicents"] is None
    assert budget["spent_millicents"] == 100 * days
    # What has happened is known all the same.
    assert budget["crossing_day"] == (date(2026, 6, 6) if days == 6 else None)
    assert warehouse.all(WAY) == []


def test_a_budget_of_a_project_nobody_used_yet_is_there() -> None:
    warehouse = Warehouse(as_of="2026-06-11 12:00:00")
    warehouse.budget(100, scope="project", slug="new")
    warehouse.build(BUDGETS)
    status = warehouse.one("select * from mart_budget_status")
    assert (status["spent_millicents"], status["requests"], status["reached_percents"]) == (0, 0, [])
    assert status["unpriced_risk_millicents"] == 0
    assert warehouse.one("select state from mart_budget_forecast") == {"state": "not_enough_data"}


def test_a_budget_of_nothing_is_crossed_by_the_first_spend_and_not_before() -> None:
    budgets = [
        built(amounts, "2026-06-11 12:00:00", budget=0)
        for amounts in ({}, {date(2026, 6, 5): 1}, days_from(date(2026, 5, 20), [0] * 22))
    ]
    reached = [one.one("from mart_budget_status")["reached_percents"] for one in budgets]
    assert reached == [[], [50, 80, 100], []]
    found = [one.one("from mart_budget_forecast") for one in budgets]
    assert [(one["is_crossed"], one["crossing_day"]) for one in found] == [
        (False, None),
        (True, date(2026, 6, 5)),
        (False, None),
    ]
    late = built({date(2026, 6, 1): 0, date(2026, 6, 5): 1}, "2026-06-11 12:00:00", budget=0)
    assert late.one("from mart_budget_forecast")["crossing_day"] == date(2026, 6, 5)


def test_what_nobody_could_price_is_no_forecast_of_zero() -> None:
    warehouse = Warehouse(as_of="2026-06-11 12:00:00")
    warehouse.spend(days_from(date(2026, 6, 1), [0] * 10), priced=False, requests=3)
    warehouse.budget(100)
    requests = [(None, "2026-06-02 10:00:00"), (25_000_000, "2026-06-03 10:00:00"), (1, "2026-05-31 23:59:59")]
    warehouse.add(
        "published.fct_requests",
        [
            {
                "workspace_id": ACME, "project": "api", "spend_kind": "metered", "requested_at": at,
                "requested_on": at[:10], "cost_priced_picousd": priced,
            }
            for priced, at in requests
        ],
    )  # fmt: skip
    warehouse.build(BUDGETS)
    assert {row["state"] for row in warehouse.all("from mart_spend_forecast")} == {"nothing_priced"}
    status = warehouse.one("from mart_budget_status")
    # 2.5 millicents by the rate book are 3; the other has no price anywhere, and no request of known cost to go by.
    assert (status["unpriced_rated_millicents"], status["unpriced_unrated_requests"]) == (3, 1)
    assert status["unpriced_risk_millicents"] is None
    assert status["unpriced_requests"] == 30
    warehouse.spend({date(2026, 6, 5): 7}, requests=2)
    warehouse.build(BUDGETS)
    # Two of known cost at 3.5 each: one more is 4 at most.
    assert warehouse.one("from mart_budget_status")["unpriced_risk_millicents"] == 7


def test_a_threshold_is_reached_to_the_millicent_and_a_crossed_budget_knows_its_day() -> None:
    days = {date(2026, 6, 1): 300, date(2026, 6, 2): 499, date(2026, 6, 20): 1}
    before = built(days | {date(2026, 6, 20): 0}, "2026-06-21 00:00:00", budget=1_000)
    assert before.one("from mart_budget_status")["reached_percents"] == [50]
    warehouse = built(days, "2026-06-21 00:00:00", budget=1_000)
    assert warehouse.one("from mart_budget_status")["reached_percents"] == [50, 80]
    crossed = built(days | {date(2026, 6, 21): 200}, "2026-06-21 12:00:00", budget=1_000)
    found = crossed.one("from mart_budget_forecast")
    assert (found["is_crossed"], found["crossing_day"], found["earliest_crossing_day"]) == (
        True,
        date(2026, 6, 21),
        date(2026, 6, 21),
    )


@pytest.mark.parametrize(
    ("zone", "as_of", "today", "days_left"),
    [
        ("Europe/London", "2026-03-29 23:30:00", date(2026, 3, 30), 2),  # clocks went forward that morning
        ("Europe/London", "2026-10-25 23:30:00", date(2026, 10, 25), 7),  # and back
        ("Pacific/Kiritimati", "2026-06-30 10:00:00", date(2026, 7, 1), 31),
        ("Asia/Kolkata", "2026-12-31 18:30:00", date(2027, 1, 1), 31),
    ],
)
def test_today_and_the_month_are_the_zones(zone: str, as_of: str, today: date, days_left: int) -> None:
    warehouse = built(days_from(today - 28 * DAY, [100] * 28), as_of, zone=zone)
    found = warehouse.one(WORKSPACE)
    assert (found["as_of_day"], found["local_month"]) == (today, today.replace(day=1))
    assert [row["local_day"] for row in warehouse.all(WAY)] == [today + number * DAY for number in range(days_left)]
    assert found["expected_millicents"] == found["spent_millicents"] + 100 * days_left


def test_projects_and_cost_centres_have_forecasts_of_their_own() -> None:
    warehouse = Warehouse(as_of="2026-06-11 00:00:00")
    for project, amount in (("api", 100), ("web", 40), ("lab", 1)):
        warehouse.spend(days_from(date(2026, 6, 1), [amount] * 10), project=project)
    warehouse.add(
        "published.dim_projects",
        [
            {"workspace_id": ACME, "project": project, "cost_centre": centre}
            for project, centre in (("api", "clients"), ("web", "clients"), ("lab", None))
        ],
    )
    warehouse.budget(4_200, scope="cost_centre", slug="clients")
    warehouse.budget(1_200, scope="project", slug="web")
    warehouse.build(BUDGETS)
    found = {
        (row["scope"], row["slug"]): row["expected_millicents"] for row in warehouse.all("from mart_spend_forecast")
    }
    assert found == {
        ("workspace", ""): 141 * 30,
        ("cost_centre", "clients"): 140 * 30,
        ("project", "api"): 100 * 30,
        ("project", "web"): 40 * 30,
        ("project", "lab"): 30,
    }
    crossings = {row["budget_id"]: row["crossing_day"] for row in warehouse.all("from mart_budget_forecast")}
    assert crossings == {UUID(int=1): date(2026, 6, 30), UUID(int=2): date(2026, 6, 30)}


@settings(max_examples=12)
@given(
    amounts=st.lists(st.integers(0, 5_000_000_000), min_size=7, max_size=70),
    today=st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    so_far=st.integers(0, 10_000_000_000),
    budget=st.integers(1, 10**12),
)
def test_any_history_gives_what_plain_arithmetic_says(
    amounts: list[int], today: date, so_far: int, budget: int
) -> None:
    history = days_from(today - len(amounts) * DAY, amounts)
    warehouse = built(history | {today: so_far}, f"{today} 12:00:00", budget=budget)
    looked_at = {day: amount for day, amount in history.items() if day >= today - 56 * DAY}
    groups: defaultdict[int, list[int]] = defaultdict(list)
    for day, amount in looked_at.items():
        groups[day.isoweekday() if len(looked_at) >= 14 else 0].append(amount)
    means = {group: math.floor(Fraction(sum(of), len(of)) + Fraction(1, 2)) for group, of in groups.items()}
    month = today.replace(day=1)
    spent = sum(amount for day, amount in history.items() if day >= month) + so_far
    total, day, expected = spent, today, dict[date, int]()
    while day.month == today.month:
        mean = means[day.isoweekday() if len(looked_at) >= 14 else 0]
        total += max(0, mean - so_far) if day == today else mean
        expected[day] = total
        day += DAY
    way = warehouse.all(WAY)
    assert {row["local_day"]: row["expected_millicents"] for row in way} == expected
    squares = sum((amount - Fraction(sum(of), len(of))) ** 2 for of in groups.values() for amount in of)
    freedom = len(looked_at) - len(groups)
    seen: defaultdict[int, int] = defaultdict(int)
    z = 1.2816
    quantile = z + (z**3 + z) / (4 * freedom) + (5 * z**5 + 16 * z**3 + 3 * z) / (96 * freedom**2)
    for number, row in enumerate(way, start=1):
        seen[row["local_day"].isoweekday() if len(looked_at) >= 14 else 0] += 1
        shared = sum(Fraction(count**2, len(groups[group])) for group, count in seen.items())
        half = quantile * math.sqrt(float(squares / freedom) * float(number + shared))
        assert row["high_millicents"] - row["expected_millicents"] == pytest.approx(half, rel=1e-6, abs=1)
        assert spent <= row["low_millicents"] <= row["expected_millicents"]
    found = warehouse.one("from mart_budget_forecast")
    if spent < budget:
        assert found["crossing_day"] == min((day for day, amount in expected.items() if amount >= budget), default=None)
    assert found["is_crossed"] == (spent >= budget)
